"""Scores of many people at once are those of each alone, whatever the sums."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.scoring.score import Totals, score
from participants.lender.portfolio.scorer import (
    MOST_REASONS,
    REASONS,
    SCORE,
    SCORE_STATUS,
    SCORE_STATUSES,
    SCORED,
    Scorer,
)
from tests.support import cards
from tests.support.world import NOW

CARD = cards.small_card()
OVER = ("balance", "credit_limit", "hard_inquiries_0_1h", "hard_inquiries_1_24h", "hard_inquiries_1_7d")
amounts = (
    st.integers(0, 3)
    | st.integers(0, 2**43)
    | st.integers(2**52, 2**53)
    | st.integers(480, 520).map(lambda part: part * 1_000)
)
people = st.tuples(
    st.dictionaries(st.just("late_months"), st.integers(-1, 5)),
    st.tuples(*[amounts] * len(OVER)),
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, 1]),
)


@settings(max_examples=80, deadline=None)
@given(drawn=st.lists(people, min_size=1, max_size=12), complete=st.booleans())
def test_many_are_scored_as_each_is(
    drawn: list[tuple[dict[str, int], tuple[int, ...], int, int]], *, complete: bool
) -> None:
    totals = []
    for held, sums, matched, frozen in drawn:
        known = cards.totals_of([cards.file_of(held)], CARD)
        totals.append(Totals({**known.sums, **dict(zip(OVER, sums, strict=True))}, NOW, matched, frozen, complete))
    columns = {name: np.array([one.sums[name] for one in totals], dtype=np.uint64) for name in totals[0].sums}
    known_by = np.array([one.matched for one in totals], dtype=np.int64)
    shut = np.array([one.frozen for one in totals], dtype=np.int64)
    scorer = Scorer(CARD)
    for _ in range(2):  # the second time from memory
        found = scorer.scored(columns, known_by, shut, NOW, complete=complete)
        for row, one in enumerate(totals):
            expected = score(CARD, one)
            assert SCORE_STATUSES[found[SCORE_STATUS][row]] == expected.status
            assert (found[SCORE][row] if found[SCORED][row] else None) == expected.total
            lost = [part.reason.code for part in expected.lost[:MOST_REASONS]]
            assert scorer.texts[found[REASONS][row]].split() == lost
