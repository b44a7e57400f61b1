"""
Scores of many people by one card: whoever differs in nothing that the card tells apart is scored once.

The card is evaluated by the very function that scores one person. It tells apart the sums of its slots, and of a
characteristic over sums the bin alone; so a million people are some hundreds of cases.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.model.scorecard import Characteristic, Scorecard, SumSource
from consortium.model.scorecard_slots import slot_names
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import ScoreStatus, Totals, score
from consortium.silent import Silent

SCORE, SCORE_STATUS, SCORED, REASONS = "score", "score_status", "scored", "reasons"
SCORE_STATUSES = tuple(ScoreStatus)
MOST_REASONS = 4
_NO_VALUE, _MISSING = -2, -1
_EXACT = 2**62
"""Below it no product of 64-bit integers can overflow."""

Numbers: TypeAlias = npt.NDArray[np.int64]
_Case: TypeAlias = tuple[int, int, int, int]


class Scorer(Silent):
    """One card, and the cases that it has seen; `texts` are the reasons, by the places that `scored` gives."""

    def __init__(self, card: Scorecard) -> None:
        self._card = card
        self._names = card_attributes(card)
        self._slots = sorted({name for dimension in card.dimensions for name in slot_names(card, dimension)})
        self._over = [one for dimension in card.dimensions for one in dimension.characteristics if not one.is_local]
        self._reasons: dict[str, int] = {"": 0}
        self._cases: dict[bytes, _Case] = {}

    @property
    def texts(self) -> Sequence[str]:
        """The codes of the reasons of each case."""
        return tuple(self._reasons)

    def scored(
        self,
        totals: Mapping[str, npt.NDArray[np.uint64]],
        matched: Numbers,
        frozen: Numbers,
        as_of: int,
        *,
        complete: bool,
    ) -> dict[str, Numbers]:
        """
        Give score, its status, whether there is a score, and the reasons, a row for each person.

        `as_of` is in Unix seconds and the same for all calls; raises as `consortium.scoring.score.score`.
        """
        sums = {name: totals[name].astype(np.int64) for name in self._names}
        told = [column for one in self._over for column in _told_apart(one, sums)]
        whole = np.full(len(matched), int(complete), dtype=np.int64)
        table = np.stack([matched, frozen, whole, *(sums[name] for name in self._slots), *told], axis=1)
        alike, first, where = np.unique(table, axis=0, return_index=True, return_inverse=True)
        cases = [
            self._case(case.tobytes(), {name: int(column[row]) for name, column in sums.items()}, case, as_of)
            for case, row in zip(alike, first, strict=True)
        ]
        columns = np.array(cases, dtype=np.int64).reshape(-1, 4)[where.reshape(-1)].T
        return dict(zip((SCORE, SCORE_STATUS, SCORED, REASONS), columns, strict=True))

    def _case(self, key: bytes, sums: Mapping[str, int], case: Numbers, as_of: int) -> _Case:
        if key not in self._cases:
            matched, frozen, complete = (int(one) for one in case[:3])
            found = score(self._card, Totals(sums, as_of, matched, frozen, bool(complete)))
            codes = " ".join(one.reason.code for one in found.lost[:MOST_REASONS])
            place = self._reasons.setdefault(codes, len(self._reasons))
            status = SCORE_STATUSES.index(found.status)
            self._cases[key] = found.total or 0, status, int(found.total is not None), place
        return self._cases[key]


def _told_apart(one: Characteristic, sums: Mapping[str, Numbers]) -> list[Numbers]:
    """Give the bin of everybody's value of a characteristic over sums; where that could overflow, the sums."""
    source = one.source
    if not isinstance(source, SumSource):
        raise TypeError("scored by lenders")
    total, over = _sum(source.attributes, sums), _sum(source.over, sums)
    if len(total) and int(total.max()) * source.times >= _EXACT:
        return [sums[name] for name in (*source.attributes, *source.over)]
    value = total * source.times
    if source.over:
        value = value // np.maximum(over, 1)
    table = one.table()
    place = np.searchsorted(np.array(table.edges, dtype=np.int64), value, side="right")
    place = np.where(np.isin(value, np.array(sorted(table.codes), dtype=np.int64)), _MISSING, place)
    return [np.where(over > 0, place, _NO_VALUE) if source.over else place]


def _sum(names: Sequence[str], sums: Mapping[str, Numbers]) -> Numbers:
    """Add columns; at most 16 sums below 2^46 each, so that nothing overflows."""
    some = next(iter(sums.values()))
    return np.asarray(np.sum([np.zeros_like(some), *(sums[name] for name in names)], axis=0))
