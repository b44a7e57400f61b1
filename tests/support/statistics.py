"""Statistics in a test world: lenders with cells of the test's choosing, driven in one process or over gRPC."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from consortium.canonical import canonical_json
from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import SignedStatistic, StatisticHeader
from consortium.model.statistic_policy import StatisticsPolicy
from consortium.noise.vectors import Integers, VectorSource, discrete_gaussians
from consortium.rules.statistic_defaults import DEFAULT_STATISTICS
from consortium.rules.statistics import Statistic, statistic_of
from consortium.wire.rounds import transcript_from_bytes, transcript_to_bytes
from consortium.wire.statistics import signed_statistic_from_bytes, signed_statistic_to_bytes
from gateway.usecases.statistic_run import StatisticRun, open_statistic_run
from participants.lender import statistics as contributing
from participants.lender.identity import DerivedMaskKeys, PairKeys
from participants.lender.statistics import StatisticContributor
from participants.sandbox.founding import REGULATOR
from participants.statistics.asking import StatisticRequester, conclude
from tests.support.world import LENDERS, World, Worlds, seeded_rng

SMALL = "scenes"
OBSERVER = "the-observer"


def policy(**changes: Any) -> StatisticsPolicy:
    """The shipped section; `changes` are of every template but that of hits."""
    value = json.loads(canonical_json(DEFAULT_STATISTICS.model_dump(mode="json")))
    budget = changes.pop("whole", value["budget"])
    templates = [one if one["measure"] == "hits" else one | changes for one in value["templates"]]
    return StatisticsPolicy.model_validate(value | {"templates": templates, "budget": budget})


@dataclass
class FixedCells:
    """Cells that a test fills, one number for each lender at least."""

    values: Integers | None = None
    refusal: CreditError | None = None

    def cells(self, found: Statistic, *_: StatisticHeader | Rulebook) -> Integers:
        if self.refusal:
            raise self.refusal
        return np.zeros(found.count, dtype=np.int64) if self.values is None else self.values


@dataclass
class StatisticWorld:
    """A world whose lenders answer statistics; `offline` members are not asked, `silent` ones owe their round 2."""

    world: World
    contributors: dict[MemberId, StatisticContributor]
    cells: dict[MemberId, FixedCells]
    offline: MemberSet = frozenset()
    silent: MemberSet = frozenset()
    runs: list[StatisticRun] = field(default_factory=list)
    rng: Randomness = field(default_factory=lambda: seeded_rng(b"requesters"))

    @property
    def rulebook(self) -> Rulebook:
        return self.world.rulebook

    def requester(self, member: MemberId) -> StatisticRequester:
        keys = self.world.foundation.keys[member]
        return StatisticRequester(member, keys.signer, self.rng)

    def build(self, template: str = SMALL, by: MemberId = REGULATOR) -> tuple[SignedStatistic, bytes]:
        return self.requester(by).build(template, self.rulebook, self.world.now)

    def open(self, statistic: SignedStatistic) -> StatisticRun:
        received = signed_statistic_from_bytes(signed_statistic_to_bytes(statistic))
        roster = self.world.hub.roster(statistic.header.issued_at)
        run = open_statistic_run(received, self.rulebook, roster, self.world.now)
        self.runs.append(run)
        return run

    def carry(self, statistic: SignedStatistic) -> Transcript:
        run = self.open(statistic)
        while True:
            second = self.first_round(run)
            if second is None:
                continue
            self.second_round(run, second)
            if not run.leave_out_missing():
                return transcript_from_bytes(transcript_to_bytes(run.transcript()))

    def first_round(self, run: StatisticRun) -> bytes | None:
        call = run.call(frozenset(self.contributors) - self.offline)
        for member in sorted(run.intended):
            try:
                run.receive_round1(member, self.contributors[member].round1(call, self.world.now))
            except CreditError as error:
                run.receive_refusal(member, error)
        return run.answering_call()

    def second_round(self, run: StatisticRun, second: bytes) -> None:
        for member in sorted(run.answering - self.silent):
            run.receive_round2(member, self.contributors[member].round2(second, self.world.now))

    def ask(self, template: str = SMALL, by: MemberId = REGULATOR) -> list[int]:
        statistic, private = self.build(template, by)
        return conclude(statistic, self.carry(statistic), self.rulebook, private)

    def used(self, member: MemberId, template: str = SMALL) -> int:
        """What a lender has reserved and spent of a template in the period of now."""
        period = self.world.now // 86_400 // 90
        with self.contributors[member].store.transaction() as store:
            return store.statistics.used(period, template)


def statistic_world(worlds: Worlds, **terms: Any) -> StatisticWorld:
    """Make a world with the shipped statistics, or those of `statistics`."""
    return answering(worlds.make(LENDERS, **({"statistics": policy(), "observers": (OBSERVER,)} | terms)))


def answering(world: World) -> StatisticWorld:
    """Give every lender of a world its side of statistics, beside that of queries."""
    for member, node in world.nodes.items():  # keys for every day, as a serving node has them
        pairs = PairKeys(DerivedMaskKeys(node.contributor.identity))
        world.nodes[member] = replace(node, contributor=replace(node.contributor, pairs=pairs))
    cells = {member: FixedCells() for member in world.nodes}
    contributors = {member: contributor_of(world, member, cells[member]) for member in world.nodes}
    return StatisticWorld(world, contributors, cells)


def contributor_of(world: World, member: MemberId, cells: contributing.CellSource) -> StatisticContributor:
    own = world.nodes[member].contributor
    rng = seeded_rng(b"noise" + member.encode())
    return StatisticContributor(own.identity, lambda: world.rulebook, cells, own.store, own.pairs, rng)


@dataclass
class RecordedDraws:
    """The noise that contributors drew, in the order of their draws."""

    draws: list[Integers] = field(default_factory=list)

    def __call__(self, source: VectorSource, variance: Fraction, count: int) -> Integers:
        drawn = discrete_gaussians(source, variance, count)
        self.draws.append(drawn)
        return drawn

    @property
    def total(self) -> Integers:
        total: Integers = np.sum(self.draws, axis=0)
        return total


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> RecordedDraws:
    """Record every draw of noise."""
    found = RecordedDraws()
    monkeypatch.setattr(contributing, "discrete_gaussians", found)
    return found


def digits(world: StatisticWorld, template: str = SMALL) -> Mapping[MemberId, int]:
    """Let lender number i contribute 10**i in every cell; gives what each does."""
    count = statistic_of(template, world.rulebook).count
    added = {member: 10**place for place, member in enumerate(sorted(world.cells))}
    for member, cells in world.cells.items():
        cells.values = np.full(count, added[member], dtype=np.int64)
    return added
