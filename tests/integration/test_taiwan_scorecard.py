"""A federated scorecard on the UCI file: better than any lender alone, and the score of one place for every row."""

from pathlib import Path

import pytest

from benchmarks.scorecard import AHEAD, LENDERS, PLAN, federated, files_of
from consortium.model.catalogue import Family
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.scorecard import CardRole, Scorecard
from consortium.scoring.score import ScoreStatus
from participants.lender.scoring import card_attributes, score_all
from participants.scorecards.fitting import FOLDS, card_without, split, wanted_of
from participants.scorecards.plan import load_plan
from participants.scorecards.sampled import score_sample
from participants.scorecards.samples import Sample, read_sample
from tests.support.world import LENDERS as NAMES
from tests.support.world import NOW, World, Worlds

ASKED = 8
PROTECTED = {f"x{i}" for i in range(2, 6)}


@pytest.fixture(scope="module")
def file(shared: Path) -> Path:
    path = shared / "data" / "taiwan" / "UCI_Credit_Card.csv"
    if not path.exists():
        pytest.skip(f"no {path.name} in the shared data")
    return path


@pytest.mark.slow
def test_the_sum_is_ahead_of_the_best_lender_alone_and_the_score_of_one_place_for_every_row(file: Path) -> None:
    found = federated(file)
    assert len(found.summed) == FOLDS
    assert found.auc - max(found.alone) >= AHEAD
    assert found.auc > 0.76
    assert sum(one.people for one in found.summed) == found.people == 30_000
    assert found.unequal == 0


def test_nothing_protected_is_read() -> None:
    used = {name for one in load_plan(PLAN).characteristics for name in one.columns}
    assert used == frozenset.union(*LENDERS)
    assert not used & PROTECTED
    assert [len(columns) for columns in LENDERS] == [6, 7, 6, 0, 0]


@pytest.fixture(scope="module")
def people(file: Path) -> tuple[Scorecard, Sample]:
    """A card that was fitted without one fifth, and the first of that fifth."""
    plan = load_plan(PLAN)
    sample = read_sample([file], wanted_of(plan))
    parts = split(sample, FOLDS, 1)
    card = card_without(plan, sample, 0, parts).model_copy(
        update={"effective_from": NOW - 86_400, "role": CardRole.CHAMPION}
    )
    return card, sample.rows(parts == 0)


@pytest.fixture(scope="module")
def world(worlds: Worlds, people: tuple[Scorecard, Sample]) -> World:
    card, sample = people
    made = worlds.make(scorecards=(card,))
    for person in range(ASKED):
        subject = made.subject(who(person))
        for member, file in zip(NAMES, files_of(sample, person), strict=True):
            if file is not None:
                held = CreditFile(IdentifierKind.PHONE, characteristics=file.characteristics)
                made.hold(member, subject, IdentifierKind.PHONE, held)
    return made


def who(person: int) -> RawIdentifier:
    return RawIdentifier(IdentifierKind.PHONE, f"139{person:08d}", "CN")


@pytest.mark.parametrize("person", range(ASKED))
def test_by_the_protocol_it_is_the_score_of_one_place(
    world: World, people: tuple[Scorecard, Sample], person: int
) -> None:
    """Masked, encrypted, summed over five lenders and decrypted: the whole number of the card on all columns."""
    card, sample = people
    subject = world.subject(who(person), by="lender-d")
    consent = world.consent(
        subject, by="lender-d", families=frozenset({Family.EXPOSURE, Family.REPAYMENT, Family.RISK})
    )
    result = world.ask(subject, by="lender-d", attributes=card_attributes(card), consent=consent)
    champion = score_all(world.rulebook, result).champion
    assert champion is not None
    assert champion.total == score_sample(card, sample)[person]
    assert champion.status is ScoreStatus.OK
    assert {one.attribute.id: one.own for one in result.attributes if one.own} == {}, "the asking lender holds nothing"
