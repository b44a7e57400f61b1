"""A card on a whole sample at once: what every person would score where one place held everything."""

from collections.abc import Mapping

import numpy as np

from consortium.model.scorecard import Characteristic, Scorecard
from participants.scorecards.measures import Stability, bands, counts_by_band, stability, stability_index
from participants.scorecards.samples import Numbers, Sample, Wanted


def score_sample(card: Scorecard, sample: Sample) -> Numbers:
    """Give everybody's score; a value that is not there is a missing one."""
    total = np.full(len(sample), card.base, dtype=np.int64)
    for one in card.characteristics:
        points = np.array([*(each.points for each in one.bins), one.missing.points], dtype=np.int64)
        total += points[bin_places(one, sample)]
    return total


def bin_places(one: Characteristic, sample: Sample) -> Numbers:
    """Give everybody's bin of one characteristic, the missing one being the last."""
    table, column = one.table(), sample.value_of(one.source)
    missing = ~column.present | np.isin(column.values, one.missing.codes)
    return np.where(missing, len(one.bins), np.searchsorted(table.edges, column.values, side="right"))


def wanted_by(card: Scorecard, key: str = "") -> Wanted:
    """Give the columns that a card needs of a sample without labels."""
    return Wanted.of((one.source for one in card.characteristics), key=key)


def monitor(card: Scorecard, expected: Sample, actual: Sample) -> Mapping[str, tuple[float, Stability]]:
    """
    Give stability indices with what they say: of the score (`score`) and of every characteristic.

    The score's is by tenths of the expected scores, a characteristic's by its bins.
    """
    before, after = score_sample(card, expected), score_sample(card, actual)
    edges = bands(before)
    found = {"score": stability_index(counts_by_band(before, edges), counts_by_band(after, edges))}
    for one in card.characteristics:
        counts = (np.bincount(bin_places(one, each), minlength=len(one.bins) + 1) for each in (expected, actual))
        found[one.id] = stability_index(*counts)
    return {name: (index, stability(index)) for name, index in found.items()}
