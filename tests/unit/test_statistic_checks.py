"""The verifier's checks of statistics: what a gateway could write into its log, and what each of it is caught by."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.membership.signed import body_of, parse_document
from consortium.model.receipts import Receipt
from consortium.rules.statistic_defaults import _BUDGET, _RHO
from consortium.supervision.releases import StatisticRelease
from consortium.wire.rounds import transcript_to_bytes
from gateway.usecases import statistic_entries
from participants.regulator.statistic_checks import STATISTICS, StatisticChecks
from participants.regulator.verdict import State, Verdict
from participants.statistics.asking import conclude
from participants.statistics.releases import sign_release
from tests.support.statistics import StatisticWorld, statistic_world
from tests.support.world import Worlds

Entries = list[dict[str, Any]]


@pytest.fixture(scope="module")
def consortium(worlds: Worlds) -> StatisticWorld:
    return statistic_world(worlds)


@pytest.fixture(scope="module")
def story(consortium: StatisticWorld) -> tuple[Entries, StatisticRelease]:
    """An attempt that was given back, one that was released and given up, one that was answered and published."""
    statistic, private = consortium.build()
    transcript = consortium.carry(statistic)
    run, refusal = consortium.runs[-1], CreditError(Code.TOO_FEW_CONTRIBUTORS, "nobody there")
    entries: Entries = []

    def charge(before: int) -> None:
        charges = [statistic_entries.Charged(before, before + _RHO, limit) for limit in (_BUDGET, 60_000)]
        append(statistic_entries.admitted(statistic, run, b"r" * 16, 227, charges))
        run.admission = len(entries) - 1

    def append(entry: dict[str, Any]) -> None:
        entries.append({**entry, "index": len(entries), "time_ms": 1_790_000_000_000 + len(entries)})

    charge(0)
    append(statistic_entries.refused(statistic, b"r" * 16, refusal, run, _RHO))
    for one in entries[1]["contributions"]:
        one["round2"] = None  # it ended before round 2
    charge(0)
    append(statistic_entries.refused(statistic, b"r" * 16, refusal, run, 0))
    charge(_RHO)
    append(statistic_entries.answered(run, transcript, transcript_to_bytes(transcript)))
    values = conclude(statistic, transcript, consortium.rulebook, private)
    receipt = Receipt(5, bytes(32), 1_790_000_000_000, bytes(64))
    signer = consortium.world.foundation.keys["regulator"].signer
    signed, _ = sign_release(statistic, transcript, values, receipt, consortium.rulebook, signer)
    return entries, parse_document(StatisticRelease, body_of(signed), Code.MALFORMED)


def verdict_on(consortium: StatisticWorld, entries: Entries, release: StatisticRelease) -> Verdict:
    verdict = Verdict()
    checks = StatisticChecks(verdict, {consortium.rulebook.digest.hex(): consortium.rulebook}, 0)
    for entry in entries:
        checks.take(entry)
    checks.finish({6: release})
    return verdict


def test_the_story_as_it_was_holds(consortium: StatisticWorld, story: tuple[Entries, StatisticRelease]) -> None:
    verdict = verdict_on(consortium, *story)
    assert verdict.state is not State.FAILED
    assert not verdict.failed(STATISTICS)


LIES: dict[str, Callable[[Entries], object]] = {
    "a charge that does not follow": lambda e: e[4]["budget"].update(before=0, after=_RHO),
    "a charge of another size": lambda e: e[4]["budget"].update(after=2 * _RHO - 1),
    "a charge beyond its limit": lambda e: e[4]["whole"].update(limit=_RHO),
    "another limit than the rulebook's": lambda e: e[4]["budget"].update(limit=_BUDGET + 1),
    "released, and given back": lambda e: e[3].update(back=_RHO),
    "more given back than charged": lambda e: e[1].update(back=2 * _RHO),
    "a second outcome": lambda e: e.append({**e[3], "index": 6}),
    "an outcome of another statistic": lambda e: e[5].update(statistic="0" * 64),
    "a roster that is not the rulebook's": lambda e: e[0].update(roster=["lender-a"]),
    "a role that may not ask": lambda e: e[0].update(requester="custodian-one"),
    "no such template": lambda e: e[0].update(template="nothing"),
    "under another rulebook": lambda e: e[0].update(rulebook="0" * 64),
    "too few contributors": lambda e: e[5].update(answering=["lender-a", "lender-b"]),
    "a contributor that was not asked": lambda e: e[5].update(intended=e[5]["intended"][1:]),
    "a contributor without its correction": lambda e: e[5]["contributions"][0].update(round2=None),
    "another transcript than was released": lambda e: e[5].update(transcript="0" * 64),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_log_that_lies_fails(consortium: StatisticWorld, story: tuple[Entries, StatisticRelease], lie: str) -> None:
    entries, release = deepcopy(story[0]), story[1]
    LIES[lie](entries)
    assert verdict_on(consortium, entries, release).failed(STATISTICS), lie


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": "0.1"},
        {"sigma": "1"},
        {"standard_error": "1"},
        {"rho": 1},
        {"delta": "1e-6"},
        {"count": 3},
        {"unit": "file"},
        {"title": "something else"},
        {"template_digest": b"x" * 32},
        {"rulebook": b"x" * 32},
        {"contributors": ("lender-a",)},
        {"member": "lender-a"},
        {"answer": 4},
    ],
)
def test_a_release_that_says_other_than_its_answer_fails(
    consortium: StatisticWorld, story: tuple[Entries, StatisticRelease], changes: dict[str, Any]
) -> None:
    release = story[1].model_copy(update=changes)
    assert verdict_on(consortium, story[0], release).failed(STATISTICS)
