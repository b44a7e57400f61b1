"""What is wrong with a scorecard: every problem is found, named and placed, and no rulebook takes such a card."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Family
from consortium.model.rulebook import parse_rulebook
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_checks import CardTerms, Problem, check_card, check_cards
from consortium.model.scorecard_slots import card_slots, slot_names
from demo.consortium import Terms, found
from tests.support.cards import CARD, TERMS, cards, small_card
from tests.support.codes import refused
from tests.support.world import LENDERS, NOW, seeded_rng

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> Scorecard:
    document = copy.deepcopy(CARD)
    change(document)
    return Scorecard.model_validate(document)


def repayment(document: dict[str, Any]) -> dict[str, Any]:
    return document["dimensions"][0]  # type: ignore[no-any-return]  # a test's own document


def late(document: dict[str, Any]) -> dict[str, Any]:
    return repayment(document)["characteristics"][0]  # type: ignore[no-any-return]  # a test's own document


def over_sums(document: dict[str, Any]) -> dict[str, Any]:
    return document["dimensions"][1]["characteristics"][0]  # type: ignore[no-any-return]  # a test's own document


BAD: list[tuple[Problem, str, Change]] = [
    (Problem.DATES, "effective_until", lambda card: card.update(effective_until=card["effective_from"])),
    (Problem.NAME_TWICE, "characteristics", lambda card: repayment(card)["characteristics"][1].update(id="asked_7d")),
    (Problem.NAME_TWICE, "reasons.code", lambda card: repayment(card)["reasons"][1].update(code="V1")),
    (Problem.NAME_TWICE, "dimensions", lambda card: card["dimensions"][1].update(id="repayment")),
    (Problem.REASON_UNKNOWN, "repayment.other", lambda card: late(card).update(reason="other")),
    (Problem.REASON_UNUSED, "repayment.late", lambda card: late(card).update(reason="delinquency")),
    (Problem.BIN_EMPTY, "late_months.bins.1", lambda card: late(card)["bins"][1].update(least=2, most=1)),
    (Problem.OVERLAP, "late_months.bins.1", lambda card: late(card)["bins"][1].update(least=0)),
    (Problem.OVERLAP, "late_months.bins.2", lambda card: late(card)["bins"][2].update(least=None)),
    (Problem.OVERLAP, "late_months.bins.1", lambda card: late(card)["bins"].reverse()),
    (Problem.GAP, "late_months.bins.1", lambda card: late(card)["bins"][1].update(least=2)),
    (Problem.GAP, "late_months.bins.0", lambda card: late(card)["bins"][0].update(least=-5)),
    (Problem.GAP, "late_months.bins.2", lambda card: late(card)["bins"][2].update(most=9)),
    (Problem.BEYOND_SLOT, "repayment", lambda card: late(card)["bins"][0].update(points=4_096)),
    (Problem.BEYOND_SLOT, "base", lambda card: card.update(base=1_000_001)),
    (Problem.COVERAGE, "repayment.minimum", lambda card: repayment(card).update(minimum=3)),
    (Problem.SHARING, "asked_7d.sharing", lambda card: over_sums(card).update(sharing="mean")),
    (Problem.SHARING, "worst.sharing", lambda card: late(card).update(reason="delinquency")),
    (Problem.SOURCE_UNKNOWN, "late_months.source", lambda card: late(card)["source"].update(name="Late Months")),
    (Problem.SOURCE_UNKNOWN, "late_months.source", lambda card: late(card)["source"].update(kind="fact", name="shoes")),
    (Problem.SOURCE_UNKNOWN, "asked_7d.source", lambda card: over_sums(card)["source"].update(attributes=["shoes"])),
    (
        Problem.FAMILY_MISMATCH,
        "late_months.source",
        lambda card: late(card)["source"].update(kind="fact", name="balance"),
    ),
    (Problem.FAMILY_MISMATCH, "asked_7d.source", lambda card: over_sums(card)["source"].update(attributes=["balance"])),
    (Problem.PROTECTED, "late_months.source", lambda card: late(card)["source"].update(name="marital_status")),
    (Problem.PROTECTED, "late_months.source", lambda card: late(card)["source"].update(name="age")),
    (Problem.PROTECTED, "repayment.gender", lambda card: late(card).update(id="gender")),
]


def test_a_good_card_has_no_finding() -> None:
    assert check_card(small_card(), TERMS) == ()


@given(cards())
def test_drawn_cards_are_good(card: Scorecard) -> None:
    assert check_card(card, TERMS) == ()
    assert all(len(name) <= 64 for name in card_slots([card]))
    assert set(card_slots([card])) == {name for one in card.dimensions for name in slot_names(card, one)}


@pytest.mark.parametrize(("problem", "place", "change"), BAD, ids=[f"{one[0]}-{i}" for i, one in enumerate(BAD)])
def test_every_problem_is_named_and_placed(problem: Problem, place: str, change: Change) -> None:
    findings = check_card(changed(change), TERMS)
    assert any(one.problem is problem and one.place.endswith(place) for one in findings), list(map(str, findings))
    for one in findings:
        assert one.place.startswith("base/1.")
        assert ":" in one.message or "reason" in one.message, "it says what to do"


def test_all_problems_are_found_at_once() -> None:
    def spoil(card: dict[str, Any]) -> None:
        late(card)["source"]["name"] = "religion"
        late(card)["bins"][1]["least"] = 2
        repayment(card)["minimum"] = 9

    assert {one.problem for one in check_card(changed(spoil), TERMS)} == {
        Problem.PROTECTED,
        Problem.GAP,
        Problem.COVERAGE,
    }


@pytest.mark.parametrize("missing", [Family.REPAYMENT, Family.RISK, Family.INQUIRIES, Family.EXPOSURE])
def test_families_that_the_profile_does_not_permit(missing: Family) -> None:
    terms = CardTerms(TERMS.catalogue, TERMS.families - {missing})
    assert Problem.FAMILY_NOT_PERMITTED in {one.problem for one in check_card(small_card(), terms)}


def test_a_card_in_the_location_dimension_needs_its_family() -> None:
    card = changed(lambda document: repayment(document).update(id="location"))
    usual = CardTerms(TERMS.catalogue, TERMS.families - {Family.LOCATION})
    assert [(one.problem, one.place) for one in check_card(card, usual)] == [
        (Problem.FAMILY_NOT_PERMITTED, "base/1.location")
    ]


def test_cards_beside_each_other() -> None:
    first, second = small_card(), small_card(version=2, effective_from=NOW + 1000, effective_until=None)
    assert check_cards([first, second], TERMS) == (), "one ends as the next begins"
    early = small_card(version=2, effective_from=NOW + 999, effective_until=None)
    assert [one.problem for one in check_cards([early, first], TERMS)] == [Problem.CHAMPIONS]
    beside = small_card(version=2, effective_from=NOW + 999, effective_until=None, role="challenger")
    assert check_cards([first, beside], TERMS) == ()
    assert Problem.NAME_TWICE in {one.problem for one in check_cards([first, first], TERMS)}


def test_a_rulebook_with_a_bad_card_is_refused() -> None:
    terms = Terms(scorecards=(small_card(),))
    good = found(LENDERS, NOW, seeded_rng(b"cards"), terms).rulebook.document
    assert parse_rulebook(good.to_bytes()).scorecards == (small_card(),)
    bad = good.model_copy(update={"scorecards": (changed(lambda card: late(card)["bins"][1].update(least=0)),)})
    with pytest.raises(CreditError) as caught:
        parse_rulebook(bad.to_bytes())
    assert caught.value.code is Code.SCORECARD_INVALID
    assert caught.value.cause.startswith("OVERLAP at base/1.repayment.late_months.bins.1: it overlaps the bin before")


def test_a_malformed_card_is_refused_with_its_field() -> None:
    document = found(LENDERS, NOW, seeded_rng(b"cards"), Terms(scorecards=(small_card(),))).rulebook.document
    raw = document.to_bytes()
    for before, after in (
        (b'"pdo":20', b'"pdo":0'),
        (b'"id":"base"', b'"id":"BASE"'),
        (b'"kind":"file"', b'"kind":"url"'),
    ):
        assert before in raw
        with refused(Code.RULEBOOK_INVALID):
            parse_rulebook(raw.replace(before, after))


def test_a_rulebook_without_cards_has_the_bytes_it_always_had() -> None:
    document = found(LENDERS, NOW, seeded_rng(b"cards"), Terms()).rulebook.document
    assert b"scorecards" not in document.to_bytes()
