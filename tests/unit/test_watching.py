"""Alarms of a watched log: each comes once, with the entries that show it, and memory stays bounded."""

from typing import Any

from participants.regulator.watching import HOUR_MS, MAXIMUM_MEMBERS, Alarm, Limits, Watcher, WitnessWatch

LIMITS = Limits(spike_factor=3, spike_minimum=5, refusals_an_hour=3, differencing_an_hour=2, without_consent_an_hour=4)


def admitted(index: int, time_ms: int, member: str = "lender-a", consent: str = "1") -> dict[str, Any]:
    return {
        "kind": "query-admitted",
        "index": index,
        "time_ms": time_ms,
        "requester": member,
        "consent": consent * 64,
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


def alarms(watcher: Watcher, *entries: dict[str, Any]) -> list[Alarm]:
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
    assert (alarm.kind, alarm.member, alarm.entries) == ("counter-reuse", "lender-c", (2,))


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
