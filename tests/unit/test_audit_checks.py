"""What entries must say of each other: a truthful log passes, every lie that entries can show is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consortium.model.rulebook import verify_rulebook
from consortium.transparency.outcomes import OpenAdmissions
from participants.regulator.charts import bars, columns
from participants.regulator.counters import ConsentUses, MessageCounters, QuotaChain
from participants.regulator.entry_checks import (
    COUNTERS,
    OUTCOMES,
    QUOTAS,
    RULES,
    SETS,
    VERSIONS,
    Admission,
    EntryChecks,
)
from participants.regulator.receipts import HeldReceipts
from participants.regulator.statistics import Statistics
from participants.regulator.verdict import State, Verdict
from participants.regulator.version_checks import VersionChecks
from tests.support.amended import next_version
from tests.support.world import LENDERS, World

NOON = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
Entry = dict[str, Any]


class Writer:
    """Writes a truthful log of one lender's queries."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries: list[Entry] = []
        self.counter = 0

    def add(self, kind: str, **fields: Any) -> Entry:
        index = len(self.entries)
        entry = {"kind": kind, "index": index, "time_ms": NOON + 1000 * index, **fields}
        self.entries.append(entry)
        return entry

    def admit(self, query: str, used: int, **changes: Any) -> Entry:
        document = self.world.rulebook.document
        return self.add(
            "query-admitted",
            **{
                "query": query,
                "request": f"{query}-request",
                "requester": "lender-a",
                "purpose": "origination",
                "attributes": ["balance"],
                "consent": "c" * 64,
                "issued_at": max(document.issued_at, NOON // 1000),
                "expires_at": NOON // 1000 + 60,
                "rulebook": self.world.rulebook.digest.hex(),
                "roster": list(LENDERS),
                "quota": {"before": used, "after": used + 1, "limit": 3},
                **changes,
            },
        )

    def answer(self, query: str, admission: int, **changes: Any) -> Entry:
        contributions = []
        for member in LENDERS:
            self.counter += 2
            contributions.append(
                {
                    "member": member,
                    "outcome": "OK",
                    "round1": {"digest": f"{query}1{member}", "counter": self.counter - 1},
                    "round2": {"digest": f"{query}2{member}", "counter": self.counter},
                }
            )
        return self.add(
            "query-answered",
            **{
                "query": query,
                "admission": admission,
                "intended": list(LENDERS),
                "answering": list(LENDERS),
                "contributions": contributions,
                "differing": [],
                "decision": "ANSWERED",
                **changes,
            },
        )


def truthful(world: World) -> Writer:
    writer = Writer(world)
    writer.admit("q0", 0)
    writer.answer("q0", 0)
    writer.admit("q1", 1)
    refusal = {"requester": "lender-a", "contributions": [], "decision": "DEADLINE", "reason": "x"}
    writer.add("query-refused", query="q1", admission=2, **refusal)
    writer.admit("q2", 2)
    writer.admit("q2", 3, quota={"before": 3, "after": 3, "limit": 3})  # carried again after a crash: counted once
    writer.answer("q2", 4)
    writer.add("query-refused", query="q9", requester="lender-b", contributions=[], decision="MALFORMED", reason="y")
    writer.add("requests-dropped", requester="lender-b", count=5, since=1)
    return writer


def checked(world: World, entries: list[Entry], first: int = 0) -> Verdict:
    verdict = Verdict()
    checks = EntryChecks(verdict, first, {world.rulebook.digest.hex(): world.rulebook})
    for entry in entries:
        checks.take(entry)
    checks.finish()
    return verdict


def test_a_truthful_log_passes(world: World) -> None:
    verdict = checked(world, truthful(world).entries)
    assert verdict.state is State.COMPLETE, verdict.findings
    assert checked(world, truthful(world).entries[1:], first=1).state is State.COMPLETE  # begins between the two


def late(entries: list[Entry], _: Entry) -> None:
    entries.append({**entries[-1], "time_ms": NOON + 3_600_000})


LIES: dict[str, tuple[str, Callable[[list[Entry]], Any]]] = {
    "an answer was dropped": (OUTCOMES, lambda e: late(e, e.pop(1))),
    "two answers to one query": (OUTCOMES, lambda e: e.insert(2, {**e[1], "index": 99})),
    "an answer without admission": (OUTCOMES, lambda e: e.pop(0)),
    "an answer that names another admission": (OUTCOMES, lambda e: e[1].update(admission=50)),
    "a refusal that names another admission": (OUTCOMES, lambda e: e[3].update(admission=0)),
    "an answer, and abandoned as well": (
        OUTCOMES,
        lambda e: e.insert(2, {**e[1], "kind": "query-abandoned", "expired_at": NOON // 1000 - 60}),
    ),
    "abandoned before its expiry": (
        OUTCOMES,
        lambda e: e.insert(1, {**e[1], "kind": "query-abandoned", "expired_at": NOON // 1000 + 60}),
    ),
    "a member left out of the roster": (SETS, lambda e: e[0].update(roster=[*LENDERS[:4]])),
    "a member added to the roster": (SETS, lambda e: e[0].update(roster=[*LENDERS, "lender-z"])),
    "a set beyond the intended": (SETS, lambda e: e[1].update(intended=[*LENDERS[:4]])),
    "a sum of too few": (SETS, lambda e: e[1].update(answering=[*LENDERS[:2]], decision="INCOMPLETE")),
    "complete, it says": (SETS, lambda e: e[1].update(answering=[*LENDERS[:4]])),
    "a contribution that is not there": (SETS, lambda e: e[1]["contributions"][0].update(round2=None)),
    "a requester that is none": (RULES, lambda e: e[0].update(requester="custodian-one")),
    "a purpose of others": (RULES, lambda e: e[0].update(purpose="supervision")),
    "no consent": (RULES, lambda e: e[0].update(consent="0" * 64)),
    "dated before it was issued": (RULES, lambda e: e[0].update(issued_at=NOON // 1000 + 5_000)),
    "dated after it expired": (RULES, lambda e: e[2].update(time_ms=NOON + 10**7)),
    "an unknown attribute": (RULES, lambda e: e[0].update(attributes=["religion"])),
    "another rulebook": (VERSIONS, lambda e: e[0].update(rulebook="ab" * 32)),
    "a quota that jumps": (QUOTAS, lambda e: e[2]["quota"].update(before=0, after=1)),
    "a quota beyond its limit": (RULES, lambda e: e[4]["quota"].update(limit=2)),
    "a limit beyond the rulebook's": (RULES, lambda e: e[0]["quota"].update(limit=200_001)),
    "a query that was not counted": (QUOTAS, lambda e: e.pop(2)),
    "one number for two messages": (COUNTERS, lambda e: e[6]["contributions"][0]["round1"].update(counter=1)),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_found(world: World, name: str) -> None:
    part, lie = LIES[name]
    entries = json.loads(json.dumps(truthful(world).entries))
    lie(entries)
    verdict = checked(world, entries)
    assert verdict.failed(part), verdict.findings


def versions(world: World, *entries: Entry) -> Verdict:
    """Check entries, written 10 minutes apart, under two versions of a rulebook."""
    second = next_version(world)
    later = verify_rulebook(second.document, second.signatures, trusted=world.rulebook)
    verdict, chain = Verdict(), {one.digest.hex(): one for one in (world.rulebook, later)}
    names = {1: world.rulebook.digest.hex(), 2: later.digest.hex()}
    checks, opened = VersionChecks(verdict, chain), OpenAdmissions[Admission]()
    for index, entry in enumerate(entries):
        told = {"time_ms": NOON + 600_001 * index, **entry, "index": index, "expires_at": NOON, "request": "r"}
        told |= {"rulebook": names[entry["rulebook"]]} if entry.get("rulebook") in names else {}
        if entry["kind"] == "query-admitted":
            roster = tuple(LENDERS)
            opened.admit(told, Admission(index, "lender-a", told["time_ms"], NOON, told["rulebook"], roster))
        checks.take(told, opened.end(told) if entry["kind"] == "query-answered" else None)
    return verdict


DECIDED: Entry = {"kind": "member-version", "version": 2, "rulebook": 2}
ANSWERED: Entry = {"kind": "query-answered", "query": "q", "admission": 0}


def asked(version: int) -> Entry:
    return {"kind": "query-admitted", "query": "q", "rulebook": version}


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((asked(1), DECIDED, asked(2)), State.COMPLETE),
        ((asked(1), DECIDED, {**ANSWERED, "time_ms": NOON + 600_002}), State.COMPLETE),  # it was on its way
        ((asked(1), DECIDED, {"kind": "requests-dropped"}, ANSWERED), State.FAILED),
        ((asked(2), asked(1)), State.FAILED),
        ((asked(2), {"kind": "bodies-expired", "rulebook": 1}), State.FAILED),
        ((asked(2), {"kind": "bodies-ordered", "rulebook": 1}), State.FAILED),
        (({**DECIDED, "rulebook": "ab" * 32},), State.FAILED),
        (({**DECIDED, "version": 3},), State.UNDECIDED),
    ],
    ids=str,
)
def test_nothing_stands_under_a_version_that_was_replaced(
    world: World, entries: tuple[Entry, ...], state: State
) -> None:
    assert versions(world, *entries).state is state


def test_uses_of_consent_records_are_counted_in_bounded_memory() -> None:
    uses = ConsentUses(most=3)
    assert [uses.take(b"a", query) for query in (b"1", b"1", b"2")] == [1, 1, 2]
    uses.give_back(b"a", b"2")
    assert uses.take(b"a", b"3") == 2
    assert uses.take(b"b", b"4") == 1
    assert uses.take(b"c", b"5") == 1, "and the record that was used longest ago is forgotten"
    assert (uses.take(b"b", b"6"), uses.take(b"a", b"7")) == (2, 1)


def test_message_numbers_that_are_missing_are_counted() -> None:
    counters = MessageCounters()
    assert [counters.take(number, f"m{number}", number) for number in (5, 6, 9, 8, 12)] == [None] * 5
    assert counters.missing == 3
    assert counters.take(9, "m9", 20) is None  # the same message again, as a repeat gives it
    assert counters.take(9, "another", 21) == 9


def test_a_quota_begins_anew_at_midnight_only() -> None:
    midnight = NOON + 43_200_000
    chain = QuotaChain()
    assert chain.take(7, 8, NOON)
    assert not QuotaChain([8], {NOON // 86_400_000: 8}).take(0, 1, NOON + 1)
    assert chain.take(8, 9, midnight - 2_000)
    assert chain.take(0, 1, midnight - 1_000)  # a clock that is ahead
    assert chain.take(9, 10, midnight + 500)  # one that is behind
    assert chain.take(1, 2, midnight + 1_000)
    assert not chain.take(10, 12, midnight + 1_500)


def test_of_many_failures_the_first_twenty_are_told() -> None:
    verdict = Verdict()
    for number in range(50):
        verdict.fail("part", str(number))
    assert (len(verdict.findings), verdict.counts["part"], verdict.state) == (20, 50, State.FAILED)


def test_statistics_count_the_selection_only(world: World) -> None:
    entries = truthful(world).entries
    statistics = Statistics(from_ms=NOON + 1000, to_ms=NOON + 6000)
    for entry in entries:
        statistics.take(entry, None)
    assert sum(statistics.entries.values()) == 5
    assert statistics.outcomes == {"answered": 1, "refused": 1}
    assert statistics.refusals == {("DEADLINE", "x"): 1}
    assert not statistics.dropped


def test_a_rush_is_an_anomaly() -> None:
    statistics = Statistics()
    for hour in range(24):
        statistics.by_hour["lender-a"][hour] = 400 if hour == 7 else 10
        statistics.by_hour["lender-b"][hour] = 100
    assert [(member, hour, count) for member, hour, count, _ in statistics.spikes()] == [("lender-a", 7, 400)]


def test_receipts_that_nobody_signed_prove_nothing(tmp_path: Path, world: World) -> None:
    path = tmp_path / "receipts.jsonl"
    receipt = {"index": 1, "time_ms": 5, "leaf_hash": "00" * 32, "signature": "00" * 64, "query": "", "transcript": ""}
    path.write_text(json.dumps(receipt) + "\nnot json\n[]\n" + json.dumps({**receipt, "index": -1}) + "\n")
    held = HeldReceipts(verdict := Verdict())
    held.read(path, [world.rulebook])
    assert (held.held, len(verdict.findings), verdict.state) == (0, 4, State.UNDECIDED)


def test_charts_escape_what_they_are_given_and_draw_no_more_than_they_can() -> None:
    assert "<script>" not in bars("a", [("<script>", 3)]) + columns("b", [("<script>", 1)])
    assert bars("many", [(str(n), n) for n in range(60)]).count("<i ") == 40
    assert "None." in bars("none", [])
