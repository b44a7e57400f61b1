"""From contributions to a score: sums, coverage, sharing, reasons; the summed score is the one-place score."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.model.credit_file import AccountStatus, CreditFile, Freeze, Inquiry, PortfolioType, Tradeline
from consortium.model.identifiers import IdentifierKind
from consortium.model.scorecard import Scorecard
from consortium.scoring.asking import card_attributes
from consortium.scoring.counting import rounded
from consortium.scoring.score import Score, ScoreStatus, Totals, odds_at, score
from tests.support.cards import LATE, REPAYMENT, cards, file_of, reason, small_card, totals_of
from tests.support.codes import refused
from tests.support.world import NOW

CARD_ONE = small_card()


def by_dimension(found: Score) -> dict[str, tuple[ScoreStatus, int | None]]:
    return {one.dimension.value: (one.status, one.points) for one in found.dimensions}


def line(days: int, *, balance: int = 0, limit: int = 0, account: str = "a") -> Tradeline:
    return Tradeline(
        account,
        PortfolioType.REVOLVING,
        AccountStatus.CURRENT,
        opened=20_000,
        reported=20_490,
        limit=limit,
        balance=balance,
        days_past_due=days,
    )


def test_points_of_all_lenders_and_of_the_requester_make_the_score() -> None:
    files = [
        file_of({"late_months": 2}),
        CreditFile(IdentifierKind.PHONE, tradelines=(line(0, balance=600, limit=1_000),)),
        CreditFile(IdentifierKind.PHONE, inquiries=(Inquiry(NOW - 7_200), Inquiry(NOW - 60))),
        None,
        None,
    ]
    found = score(CARD_ONE, totals_of(files, CARD_ONE))
    assert by_dimension(found) == {"repayment": (ScoreStatus.OK, 5 + 20), "risk": (ScoreStatus.OK, -25 - 8)}
    assert (found.status, found.total) == (ScoreStatus.OK, 500 + 25 - 33)
    assert [(one.reason.code, one.points) for one in found.lost] == [("V1", 40), ("R1", 35), ("V2", 20)]
    odds = 10 * 2 ** ((492 - 600) / 20)
    assert found.odds == pytest.approx(odds)
    assert found.probability == pytest.approx(1 / (1 + odds))


def test_odds_double_with_every_step() -> None:
    assert odds_at(CARD_ONE, 600) == 10
    assert odds_at(CARD_ONE, 620) == pytest.approx(20)
    assert odds_at(CARD_ONE, 580) == pytest.approx(5)


def test_a_characteristic_that_no_lender_maps_is_incomplete_and_not_zero() -> None:
    needs_both = small_card(dimensions=[REPAYMENT | {"minimum": 2}])
    found = score(needs_both, totals_of([file_of({"rides": 1}), None, None], needs_both))
    assert by_dimension(found) == {"repayment": (ScoreStatus.INCOMPLETE, None)}
    assert (found.status, found.total, found.odds, found.probability) == (ScoreStatus.INCOMPLETE, None, None, None)
    assert found.dimensions[0].problem == "0 of 2 characteristics have a value, 2 needed"
    assert found.lost == ()


def test_with_enough_coverage_a_missing_value_gets_the_points_of_its_bin() -> None:
    found = score(CARD_ONE, totals_of([file_of({"late_months": 0}), None, None], CARD_ONE))
    assert by_dimension(found)["repayment"] == (ScoreStatus.OK, 40 + 0), "worst_dpd_12m: no lender has a tradeline"
    coded = score(CARD_ONE, totals_of([file_of({"late_months": -1}), None, None], CARD_ONE))
    assert by_dimension(coded)["repayment"] == (ScoreStatus.OK, 0 + 0), "a lender said that it does not know"


def test_held_by_two_where_the_card_says_one() -> None:
    found = score(CARD_ONE, totals_of([file_of({"late_months": 0}), file_of({"late_months": 0})], CARD_ONE))
    assert by_dimension(found)["repayment"] == (ScoreStatus.INCOMPLETE, None)
    assert "late_months" in found.dimensions[0].problem


def test_a_mean_over_its_holders() -> None:
    files = [CreditFile(IdentifierKind.PHONE, tradelines=(line(days),)) for days in (0, 0, 45)]
    found = score(CARD_ONE, totals_of([*files, file_of({"late_months": 0})], CARD_ONE))
    assert by_dimension(found)["repayment"] == (ScoreStatus.OK, 40 + (20 - rounded(60, 3)))
    assert next((one.reason.code, one.points) for one in found.lost) == ("R2", 20)


def test_points_that_add_up_over_holders() -> None:
    adding = small_card(
        dimensions=[
            REPAYMENT | {"characteristics": [LATE | {"sharing": "add"}], "reasons": [reason("late", "R1", "repayment")]}
        ]
    )
    files = [file_of({"late_months": value}) for value in (0, 1, 7)]
    found = score(adding, totals_of(files, adding))
    assert by_dimension(found) == {"repayment": (ScoreStatus.OK, 40 + 5 - 30)}
    assert (found.dimensions[0].least, found.dimensions[0].most) == (-90, 120)


@pytest.mark.parametrize(("total", "parts", "mean"), [(5, 2, 3), (4, 3, 1), (0, 7, 0), (7, 2, 4), (10, 4, 3)])
def test_halves_are_rounded_upwards(total: int, parts: int, mean: int) -> None:
    assert rounded(total, parts) == mean


def test_statuses_of_a_whole_score() -> None:
    nobody = score(CARD_ONE, totals_of([None, None, None], CARD_ONE))
    assert (nobody.status, nobody.total) == (ScoreStatus.NO_HIT, None)
    unsure = score(CARD_ONE, totals_of([None, None], CARD_ONE, complete=False))
    assert {one.status for one in unsure.dimensions} == {ScoreStatus.INCOMPLETE} == {unsure.status}
    frozen = score(CARD_ONE, totals_of([replace(file_of({"late_months": 1}), frozen=True), file_of({})], CARD_ONE))
    assert (frozen.status, frozen.total) == (ScoreStatus.NOT_PERMITTED, None)
    thin = score(CARD_ONE, totals_of([file_of({"late_months": 1}), None], CARD_ONE))
    assert (thin.status, thin.total is not None) == (ScoreStatus.THIN, True)
    partly = score(CARD_ONE, totals_of([file_of({"late_months": 1}), file_of({})], CARD_ONE, complete=False))
    assert (partly.status, partly.total is not None) == (ScoreStatus.INCOMPLETE, True), (
        "who did not answer may hold more"
    )


def test_a_dimension_that_was_not_asked_for_is_not_permitted() -> None:
    totals = totals_of([file_of({"late_months": 1}), None], CARD_ONE)
    without = replace(totals, sums={name: one for name, one in totals.sums.items() if name != "credit_limit"})
    found = score(CARD_ONE, without)
    assert by_dimension(found)["risk"] == (ScoreStatus.NOT_PERMITTED, None)
    assert by_dimension(found)["repayment"][0] is ScoreStatus.OK
    assert found.total is None


@pytest.mark.parametrize("at", [NOW - 1001, NOW + 1000, NOW + 5000])
def test_not_yet_or_no_longer_in_effect(at: int) -> None:
    with refused(Code.SCORECARD_NOT_EFFECTIVE):
        score(CARD_ONE, totals_of([None], CARD_ONE, at=at))


def test_points_and_points_lost_have_to_agree() -> None:
    totals = totals_of([file_of({"late_months": 1}), None], CARD_ONE)
    lie = totals.sums["score_base_1_points_repayment"] + 1
    with refused(Code.SUM_INVALID):
        score(CARD_ONE, replace(totals, sums={**totals.sums, "score_base_1_points_repayment": lie}))


def test_a_frozen_file_contributes_nothing_to_a_score() -> None:
    file = replace(file_of({"late_months": 7}), frozen=True)
    assert not any(totals_of([file], CARD_ONE).sums.values())
    assert Freeze(frozen=True).frozen


def test_scores_do_not_print() -> None:
    found = score(CARD_ONE, totals_of([file_of({"late_months": 1})], CARD_ONE))
    assert "5" not in repr(found).replace("<Score>", "")
    assert "late" not in repr(Totals({"late": 1}, NOW, 1))


@given(card=cards(), data=st.data())
def test_the_summed_score_is_the_one_place_score(card: Scorecard, data: st.DataObject) -> None:
    """Whoever holds which characteristic: the sum over lenders is the score of one lender that holds all of them."""
    names = [one.id for one in card.characteristics]
    values = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.integers(-60, 60))))
    holders = {name: data.draw(st.integers(0, 4)) for name in values}
    apart = [file_of({name: values[name] for name in values if holders[name] == lender}) for lender in range(5)]
    together, summed = (score(card, totals_of(files, card)) for files in ([file_of(values), None], apart))
    assert [one.points for one in summed.dimensions] == [one.points for one in together.dimensions]
    assert (summed.total, summed.lost) == (together.total, together.lost)
    tables = {one.id: one.table() for one in card.characteristics}
    if summed.total is not None:
        direct = sum(table.of(values.get(name)) for name, table in tables.items())
        assert summed.total == card.base + direct, "and what anybody computes by hand"
    assert set(card_attributes(card)) >= {f"score_drawn_1_held_{name}" for name in names}


@given(
    sharing=st.sampled_from(["mean", "add"]),
    held=st.lists(st.integers(-1, 9), max_size=5),
    minimum=st.sampled_from([1, 2]),
)
def test_several_holders_by_hand(sharing: str, held: list[int], minimum: int) -> None:
    """What several lenders hold: the mean of their points, halves of what is lost upwards, or their sum."""
    late = LATE | {"sharing": sharing}
    worst = LATE | {"id": "other", "source": {"kind": "file", "name": "other"}, "reason": "delinquency"}
    card = small_card(dimensions=[REPAYMENT | {"characteristics": [late, worst], "minimum": minimum}])
    files = [file_of({"late_months": value}) for value in held]
    found = score(card, totals_of([*files, file_of({"other": 0})], card)).dimensions[0]
    table = next(card.characteristics).table()
    points = [table.of(value) for value in held]
    if len(held) < 1 and minimum == 2:
        assert (found.status, found.points) == (ScoreStatus.INCOMPLETE, None)
        return
    if not held:
        expected = table.missing
    elif sharing == "add":
        expected = sum(points)
    else:
        expected = 40 - math.floor(Fraction(sum(40 - one for one in points), len(points)) + Fraction(1, 2))
    assert (found.status, found.points) == (ScoreStatus.OK, expected + 40)
    assert found.least <= (found.points or 0) <= found.most
