"""How well a score tells good from bad people, and how far two populations differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from participants.scorecards.samples import Flags, Numbers

WATCH_FROM, SHIFTED_FROM = 0.10, 0.25
"""Population stability: below the first nothing is to be done, from the second the card is to be fitted anew."""
LEAST_SHARE = 1e-4
"""A bin with nobody in it counts as this share, so that the index stays finite."""


@dataclass(frozen=True, slots=True)
class Measures:
    """Area under the ROC curve, Kolmogorov-Smirnov distance and Gini coefficient of a score, each 0 to 1."""

    people: int
    bad: int
    auc: float
    ks: float

    @property
    def gini(self) -> float:
        """Twice the area above chance."""
        return 2 * self.auc - 1


class Stability(StrEnum):
    """What a stability index says."""

    STABLE = "STABLE"
    WATCH = "WATCH"
    SHIFTED = "SHIFTED"


def measure(scores: Numbers, bad: Flags) -> Measures:
    """
    Measure a score of which more is better; equal scores count half. Both kinds of people must be there.

    AUC is the Mann-Whitney statistic, KS the largest distance between the two distributions.
    """
    _, place = np.unique(scores, return_inverse=True)
    bads = np.bincount(place, weights=bad).astype(np.float64)
    goods = np.bincount(place).astype(np.float64) - bads
    below = np.cumsum(bads) - bads
    auc = float(np.sum(goods * (below + bads / 2)) / (goods.sum() * bads.sum()))
    ks = float(np.max(np.abs(np.cumsum(bads) / bads.sum() - np.cumsum(goods) / goods.sum())))
    return Measures(len(scores), int(bads.sum()), auc, ks)


def stability_index(expected: NDArray[np.int64], actual: NDArray[np.int64]) -> float:
    """Give the population stability index of two sets of counts by bin."""
    before = np.maximum(expected / max(1, expected.sum()), LEAST_SHARE)
    after = np.maximum(actual / max(1, actual.sum()), LEAST_SHARE)
    return float(np.sum((after - before) * np.log(after / before)))


def stability(index: float) -> Stability:
    """Say what an index means."""
    if index < WATCH_FROM:
        return Stability.STABLE
    return Stability.WATCH if index < SHIFTED_FROM else Stability.SHIFTED


def bands(scores: Numbers, parts: int = 10) -> tuple[int, ...]:
    """Give the lower ends of all bands of about equal size but the first."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, parts + 1)[1:-1], method="higher"))
    return tuple(int(edge) for edge in edges if edge > scores.min())


def counts_by_band(scores: Numbers, edges: Sequence[int]) -> NDArray[np.int64]:
    """Count the scores in each band."""
    return np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
