"""Alarms of a watched log: each comes once, with the entries that show it, and memory stays bounded."""

from typing import Any

from consortium.supervision.documents import SUM_REPORT_BYTES
from participants.regulator.alarms import Alarm
from participants.regulator.supervision_watch import SupervisionWatch, statement_digest
from participants.regulator.watching import HOUR_MS, MAXIMUM_MEMBERS, Limits, Watcher, WitnessWatch

LIMITS = Limits(spike_factor=3, spike_minimum=5, refusals_an_hour=3, differencing_an_hour=2, without_consent_an_hour=4)


def admitted(index: int, time_ms: int, member: str = "lender-a", consent: str = "1") -> dict[str, Any]:
    return {
        "kind": "query-admitted",
        "index": index,
        "time_ms": time_ms,
        "requester": member,
        "consent": consent * 64,
        "roster": [],
    }


def refusal(index: int, code: str, contributions: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "kind": "query-refused",
        "index": index,
        "time_ms": 0,
        "requester": "lender-b",
        "decision": code,
        "contributions": contributions,
    }


def message(member: str, counter: int, digest: str) -> dict[str, Any]:
    return {"member": member, "round1": {"counter": counter, "digest": digest}, "round2": None}


def alarms(watcher: Watcher | SupervisionWatch, *entries: dict[str, Any]) -> list[Alarm]:
    return [alarm for entry in entries for alarm in watcher.take(entry)]


def test_a_spike_is_told_once_against_the_hours_before() -> None:
    watcher = Watcher(LIMITS)
    quiet = [admitted(hour * 2 + place, hour * HOUR_MS) for hour in range(4) for place in range(2)]
    assert alarms(watcher, *quiet) == []
    busy = [admitted(100 + place, 4 * HOUR_MS) for place in range(20)]
    (alarm,) = alarms(watcher, *busy)
    assert (alarm.kind, alarm.member) == ("spike", "lender-a")
    assert alarm.entries == tuple(range(100, 107)), "seven are more than three times two"
    assert alarms(watcher, *(admitted(200 + place, 4 * HOUR_MS, "lender-c") for place in range(20))) == []


def test_the_first_hour_has_nothing_to_be_compared_with() -> None:
    assert alarms(Watcher(LIMITS), *(admitted(place, 0) for place in range(50))) == []


def test_enumeration_and_differencing_are_told_apart() -> None:
    watcher = Watcher(LIMITS)
    found = alarms(watcher, *(refusal(place, "DIFFERENCING") for place in range(5)))
    assert [(one.kind, one.entries) for one in found] == [("differencing", (0, 1, 2)), ("enumeration", (0, 1, 2, 3))]
    found = alarms(Watcher(LIMITS), *(refusal(place, "CONSENT_MISSING") for place in range(9)))
    assert [one.kind for one in found] == ["enumeration"]


def test_queries_without_consent_are_counted() -> None:
    (alarm,) = alarms(Watcher(LIMITS), *(admitted(place, 0, consent="0") for place in range(9)))
    assert (alarm.kind, len(alarm.entries)) == ("without-consent", 5)


def test_a_number_for_two_messages_is_told_and_a_repeat_is_not() -> None:
    watcher = Watcher(LIMITS)
    one, same, other = (message("lender-c", 7, digest) for digest in ("aa", "aa", "bb"))
    assert alarms(watcher, refusal(0, "TIMEOUT", (one,)), refusal(1, "TIMEOUT", (same,))) == []
    (alarm,) = alarms(watcher, refusal(2, "TIMEOUT", (other,)))
    assert (alarm.kind, alarm.member, alarm.entries) == ("counter-reuse", "lender-c", (0, 2))


def test_memory_is_bounded() -> None:
    watcher = Watcher(LIMITS)
    for number in range(3 * MAXIMUM_MEMBERS):
        list(watcher.take(admitted(number, number * HOUR_MS, f"member-{number}")))
    assert len(watcher._queries) == MAXIMUM_MEMBERS


def test_an_absent_witness_is_told_once_and_again_when_it_is_back() -> None:
    watch, names = WitnessWatch(60), frozenset({"regulator", "lender-a"})
    assert list(watch.take(names, names, 0)) == []
    assert list(watch.take(names, frozenset({"regulator"}), 60)) == []
    (alarm,) = watch.take(names, frozenset({"regulator"}), 61)
    assert (alarm.kind, alarm.member) == ("witness-absent", "lender-a")
    assert list(watch.take(names, frozenset({"regulator"}), 500)) == []
    (back,) = watch.take(names, names, 501)
    assert back.kind == "witness-back"


DAY_MS = 86_400_000


def filed(kind: str, index: int, time_ms: int, document: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "index": index, "time_ms": time_ms, "document": document, "signature": "00" * 64}


def stated(number: int, previous: bytes, time_ms: int, *days: tuple[int, int]) -> dict[str, Any]:
    book = {"day": 0, "root": "aa" * 32, "salt_digest": "aa" * 32, "start": "aa" * 32, "previous": "00" * 32}
    document = {
        "consortium": "demo-consortium",
        "member": "lender-a",
        "number": number,
        "previous": previous.hex(),
        "stated_at": time_ms // 1000,
        "books": [book] if number == 1 else [],
        "journal": "aa" * 32,
        "days": [{"day": day, "last": last} for day, last in days],
        "messages": days[-1][1] if days else 0,
        "report": "00" * SUM_REPORT_BYTES,
    }
    return filed("member-statement", 100 + number, time_ms, document)


def counted(index: int, time_ms: int, *counters: int) -> list[dict[str, Any]]:
    return [
        {**refusal(index, "TIMEOUT", (message("lender-a", counter, f"m{counter}"),)), "time_ms": time_ms}
        for counter in counters
    ]


def test_statements_are_watched_for_absence_gaps_and_contradictions() -> None:
    watcher, day = SupervisionWatch(), 20_000
    first = stated(1, bytes(32), day * DAY_MS)
    second = stated(2, statement_digest(first), (day + 1) * DAY_MS, (day, 40))
    entries = [{**admitted(0, day * DAY_MS), "roster": ["lender-a", "lender-b"]}, first]
    assert alarms(watcher, *entries, *counted(1, day * DAY_MS, 1, 2, 3, *range(20, 41))) == []
    found = alarms(watcher, second)
    assert [(one.kind, one.member, one.entries) for one in found] == [("counter-gap", "lender-a", (102,))]
    assert "16 of 40" in found[0].text
    late = admitted(9, (day + 1) * DAY_MS + 7 * HOUR_MS)
    assert [(one.kind, one.member) for one in alarms(watcher, late)] == [("statement-absent", "lender-b")]
    assert alarms(watcher, {**late, "time_ms": late["time_ms"] + 2 * HOUR_MS}) == [], "once a day"
    (broken,) = alarms(watcher, stated(2, bytes([7]) * 32, late["time_ms"] + HOUR_MS))
    assert broken.kind == "statement-broken"


def test_orders_that_are_late_verdicts_and_cases_are_told() -> None:
    watcher = Watcher(LIMITS)
    order = {"member": "lender-c", "due_at": 3600}
    assert alarms(watcher, filed("inspection-ordered", 7, 0, order), filed("inspection-ordered", 8, 0, order)) == []
    answer = {"kind": "inspection-answered", "index": 9, "time_ms": 0, "order": 8}
    assert alarms(watcher, answer) == []
    (late,) = alarms(watcher, admitted(10, 2 * HOUR_MS))
    assert (late.kind, late.member, late.entries) == ("inspection-overdue", "lender-c", (7,))
    verdict = {"member": "lender-c", "order": 8, "finding": "refuted", "cause": "number"}
    (refuted,) = alarms(watcher, filed("inspection-verdict", 11, 2 * HOUR_MS, verdict))
    assert (refuted.kind, refuted.entries) == ("inspection", (8, 11))
    case = {"member": "lender-a", "kind": "dispute", "cause": "other", "entry": 4, "about": None, "text": "x"}
    (opened,) = alarms(watcher, filed("case-opened", 12, 2 * HOUR_MS, case))
    assert (opened.kind, opened.entries) == ("dispute", (4, 12))
    use = {"regulator": "regulator", "purpose": "inspection", "reference": "order 8"}
    assert [one.kind for one in alarms(watcher, filed("audit-key-used", 13, 2 * HOUR_MS, use))] == ["audit-key"]
