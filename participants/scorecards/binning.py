"""
Bins by weight of evidence: fine ones first, then neighbours are joined until every bin is large and unlike the next.

The weight of evidence of a bin is ln(share of all good people in it / share of all bad people in it).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from participants.scorecards.samples import Column, Flags

FINE_BINS = 32
CHI_SQUARED_5_PERCENT = 3.841
"""Two neighbours below this are not told apart by the sample (one degree of freedom)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How finely values may be divided: bins at most, people in each at least, and whether the trend is given."""

    maximum: int
    least_people: int
    trend: Literal["rising", "falling"] | None = None


@dataclass(frozen=True, slots=True)
class Binned:
    """Bins of one characteristic: bin i begins at edge i - 1; people good and bad in each, the missing ones last."""

    edges: tuple[int, ...]
    good: NDArray[np.int64]
    bad: NDArray[np.int64]

    def places(self, column: Column) -> NDArray[np.int64]:
        """Give everybody's bin, the missing one being the last."""
        found = np.searchsorted(self.edges, column.values, side="right")
        return np.where(column.present, found, len(self.edges) + 1)

    def weights(self, least_people: int) -> NDArray[np.float64]:
        """Give the weight of evidence of each bin; 0 for the missing one where it is too small to tell."""
        good, bad = self.good.astype(np.float64), self.bad.astype(np.float64)
        found = np.zeros(len(good))
        some = (good > 0) & (bad > 0)
        some[-1] &= good[-1] + bad[-1] >= least_people
        found[some] = np.log(good[some] / good.sum()) - np.log(bad[some] / bad.sum())
        return found

    def information(self, weights: NDArray[np.float64]) -> float:
        """Give the information value: how much the bins tell about good and bad."""
        return float(np.sum((self.good / self.good.sum() - self.bad / self.bad.sum()) * weights))


def bin_column(column: Column, bad: Flags, limits: Limits) -> Binned:
    """Find the bins of one characteristic; a single one where the sample tells nothing apart."""
    values, labels = column.values[column.present], bad[column.present]
    edges = _fine_edges(values)
    counts = _counts(values, labels, edges)
    edges, counts = _joined(edges, counts, limits)
    missing = np.array([[np.sum(~bad[~column.present]), np.sum(bad[~column.present])]], dtype=np.int64)
    whole = np.concatenate([counts, missing])
    return Binned(tuple(int(edge) for edge in edges), whole[:, 0], whole[:, 1])


def _fine_edges(values: NDArray[np.int64]) -> list[int]:
    distinct = np.unique(values)
    if len(distinct) > FINE_BINS:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, FINE_BINS + 1), method="higher"))
    return [int(value) for value in distinct[1:]]


def _counts(values: NDArray[np.int64], bad: Flags, edges: list[int]) -> NDArray[np.int64]:
    places = np.searchsorted(edges, values, side="right")
    everybody = np.bincount(places, minlength=len(edges) + 1)
    bads = np.bincount(places[bad], minlength=len(edges) + 1)
    return np.stack([everybody - bads, bads], axis=1)


def _joined(edges: list[int], counts: NDArray[np.int64], limits: Limits) -> tuple[list[int], NDArray[np.int64]]:
    """Join neighbours, always the pair least unlike, until the limits hold."""
    while len(counts) > 1:
        place = _small(counts, limits.least_people)
        if place is None:
            place = _against_trend(counts, limits.trend)
        if place is None:
            unlike = _unlike(counts)
            place = int(np.argmin(unlike))
            if len(counts) <= limits.maximum and unlike[place] >= CHI_SQUARED_5_PERCENT:
                break
        edges = edges[:place] + edges[place + 1 :]
        joined = counts[place] + counts[place + 1]
        counts = np.concatenate([counts[:place], joined[None], counts[place + 2 :]])
    return edges, counts


def _small(counts: NDArray[np.int64], least_people: int) -> int | None:
    """Give the first of a pair with a bin that is too small, or holds one kind of people only."""
    small = np.flatnonzero((counts.sum(axis=1) < least_people) | (counts == 0).any(axis=1))
    if not len(small):
        return None
    at, unlike = int(small[0]), _unlike(counts)
    if at == 0 or at == len(counts) - 1:
        return min(at, len(counts) - 2)
    return at if unlike[at] <= unlike[at - 1] else at - 1


def _against_trend(counts: NDArray[np.int64], trend: str | None) -> int | None:
    if trend is None:
        return None
    rates = counts[:, 1] / counts.sum(axis=1)
    steps = np.diff(rates) if trend == "rising" else -np.diff(rates)
    wrong = np.flatnonzero(steps >= 0)  # points that rise with the value mean a rate of bad people that falls
    return int(wrong[0]) if len(wrong) else None


def _unlike(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the chi-squared statistic of every pair of neighbours (2 x 2, without correction)."""
    first, second = counts[:-1].astype(np.float64), counts[1:].astype(np.float64)
    total = first.sum(axis=1) + second.sum(axis=1)
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    margins = first.sum(axis=1) * second.sum(axis=1) * (first[:, 0] + second[:, 0]) * (first[:, 1] + second[:, 1])
    found: NDArray[np.float64] = np.divide(total * cross**2, margins, out=np.zeros_like(total), where=margins > 0)
    return found
