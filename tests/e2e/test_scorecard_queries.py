"""Scorecards over the protocol: what may be asked, and that the score is the one that one place would have given."""

import pytest

from consortium.errors import Code
from consortium.model.catalogue import Family
from consortium.model.credit_file import CreditFile, Inquiry
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.scorecard import Scorecard
from consortium.scoring.score import ScoreStatus, score
from consortium.wire.rounds import round1_request_to_bytes
from participants.lender.scoring import card_attributes, own_score, score_all, score_result
from tests.support.cards import file_of, small_card, totals_of
from tests.support.codes import refused
from tests.support.world import ALICE, NOW, World, Worlds

PLACE = IdentifierKind.PHONE
CARD = small_card()
RIVAL = small_card(id="rival", role="challenger", base=510)
PAST = small_card(id="past", effective_from=NOW - 5_000, effective_until=NOW - 4_000)
COMING = small_card(id="coming", effective_from=NOW + 4_000, effective_until=None)
CARDS = (CARD, RIVAL, PAST, COMING)
FILES = {
    "lender-a": CreditFile(PLACE, inquiries=(Inquiry(NOW - 60),)),
    "lender-b": file_of({"late_months": 2}),
    "lender-d": CreditFile(PLACE, inquiries=(Inquiry(NOW - 7_200), Inquiry(NOW - 90))),
}


@pytest.fixture(scope="module")
def world(worlds: Worlds) -> World:
    made = worlds.make(scorecards=CARDS)
    subject = made.subject(ALICE)
    for member, file in FILES.items():
        made.hold(member, subject, PLACE, file)
    return made


def test_champion_and_challengers_from_one_answer(world: World) -> None:
    assert [card.name for card in world.rulebook.scorecards_at(NOW)] == ["base/1", "rival/1"]
    result = world.ask(world.subject(ALICE), attributes=card_attributes(CARD, RIVAL))
    scores = score_all(world.rulebook, result)
    expected = score(CARD, totals_of([*FILES.values(), None, None], CARD))
    assert scores.champion == expected
    assert (expected.status, expected.total) == (ScoreStatus.OK, 500 + 5 + 0 - 25 + 3)
    assert [(one.card, one.total) for one in scores.challengers] == [("rival", 493)]
    alone = own_score(CARD, result)
    assert (alone.status, alone.total) == (ScoreStatus.INCOMPLETE, None), "the asking lender maps no late months"
    assert score_result(CARD, result) == expected


def test_a_person_whom_nobody_knows(world: World) -> None:
    result = world.ask(world.subject(RawIdentifier(PLACE, "13900000001", "CN")), attributes=card_attributes(CARD))
    assert score_result(CARD, result).status is ScoreStatus.NO_HIT


@pytest.mark.parametrize("card", [PAST, COMING], ids=["no longer", "not yet"])
def test_everybody_refuses_a_card_that_is_not_in_effect(world: World, card: Scorecard) -> None:
    query = world.query(world.subject(ALICE), attributes=card_attributes(card))
    for member in ("lender-b", "lender-c"):
        with refused(Code.SCORECARD_NOT_EFFECTIVE):
            world.nodes[member].contributor.round1(round1_request_to_bytes(world.call(query)), NOW)
    with refused(Code.SCORECARD_NOT_EFFECTIVE):
        world.transcript(query)


def test_a_dimension_is_asked_for_whole(world: World) -> None:
    """Points alone would show what consent to another family is needed for."""
    query = world.query(world.subject(ALICE), attributes=("score_base_1_points_risk", "score_base_1_points_repayment"))
    with refused(Code.ATTRIBUTE_UNKNOWN):
        world.transcript(query)
    query = world.query(world.subject(ALICE), attributes=("score_base_1_points_repayment",))
    with refused(Code.SCORECARD_IN_PART):
        world.transcript(query)
    with refused(Code.SCORECARD_IN_PART):
        world.nodes["lender-b"].contributor.round1(round1_request_to_bytes(world.call(query)), NOW)


def test_consent_has_to_cover_the_families_behind_a_card(world: World) -> None:
    subject = world.subject(ALICE)
    consent = world.consent(subject, families=frozenset({Family.EXPOSURE, Family.INQUIRIES, Family.RISK}))
    query = world.query(subject, attributes=card_attributes(CARD), consent=consent)
    with refused(Code.CONSENT_MISMATCH):
        world.transcript(query)


def test_too_few_contributors_give_no_score(worlds: Worlds) -> None:
    """With one lender more away than the rules allow nothing is released, and so nothing is scored."""
    made = worlds.make(scorecards=CARDS)
    made.hub.offline = frozenset({"lender-c", "lender-d", "lender-e"})
    query = made.query(made.subject(ALICE), attributes=card_attributes(CARD))
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        made.transcript(query)
