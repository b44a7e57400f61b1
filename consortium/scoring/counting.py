"""
From sums to points of one dimension: what was held, what was lost by reason, what is left.

A contributor counts points twice, above the least and below the most; both sums and the counts of holders have to
agree. Points are then `most - lost`, where `most` counts a characteristic once, or once a holder where the points of
all holders add up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.model.scorecard import Characteristic, Dimension, Scorecard, Sharing, SumSource
from consortium.model.scorecard_slots import slot_name


@dataclass(frozen=True, slots=True)
class Counted:
    """
    One dimension of one person: holders by characteristic, points lost by reason, and the range of its points.

    A characteristic over sums has one holder, the requester, where its value is not missing.
    """

    holders: Mapping[str, int]
    lost: Mapping[str, int]
    least: int
    most: int

    @property
    def held(self) -> int:
        """How many characteristics have a value."""
        return sum(count > 0 for count in self.holders.values())

    @property
    def points(self) -> int:
        """The points of the dimension."""
        return self.most - sum(self.lost.values())


def count(card: Scorecard, dimension: Dimension, sums: Mapping[str, int]) -> Counted:
    """
    Count one dimension from the sums of its slots and of the attributes that it reads.

    Raises CreditError(SUM_INVALID) where points and points lost contradict each other.
    """
    values = {one.id: value_over(one.source, sums) for one in dimension.characteristics if not one.is_local}
    holders = {
        one.id: sums[slot_name(card, "held", one.id)] if one.is_local else int(values[one.id] is not None)
        for one in dimension.characteristics
    }
    _check_agreement(card, dimension, holders, sums)
    times = {one.id: _times(one, holders[one.id]) for one in dimension.characteristics}
    return Counted(
        holders=holders,
        lost=_lost(card, dimension, holders, values, sums),
        least=sum(times[one.id] * one.least_points for one in dimension.characteristics),
        most=sum(times[one.id] * one.most_points for one in dimension.characteristics),
    )


def value_over(source: object, sums: Mapping[str, int]) -> int | None:
    """Give the value of a characteristic over sums; None where it divides by zero."""
    if not isinstance(source, SumSource):
        raise TypeError("scored by lenders")
    total = source.times * sum(sums[name] for name in source.attributes)
    if not source.over:
        return total
    divisor = sum(sums[name] for name in source.over)
    return total // divisor if divisor > 0 else None


def _times(one: Characteristic, holders: int) -> int:
    return max(1, holders) if one.is_local and one.sharing is Sharing.ADD else 1


def _check_agreement(
    card: Scorecard, dimension: Dimension, holders: Mapping[str, int], sums: Mapping[str, int]
) -> None:
    local = tuple(dimension.local)
    if not local:
        return
    room = sum(holders[one.id] * (one.most_points - one.least_points) for one in local)
    lost = sum(sums[slot_name(card, "lost", name)] for name in {one.reason for one in local})
    if sums[slot_name(card, "points", dimension.id)] != room - lost:
        raise CreditError(Code.SUM_INVALID, f"{card.name}, {dimension.id}: points and points lost disagree")


def _lost(
    card: Scorecard,
    dimension: Dimension,
    holders: Mapping[str, int],
    values: Mapping[str, int | None],
    sums: Mapping[str, int],
) -> dict[str, int]:
    lost = {reason.id: sums.get(slot_name(card, "lost", reason.id), 0) for reason in dimension.reasons}
    for one in dimension.characteristics:
        if not one.is_local:
            lost[one.reason] += one.most_points - one.table().of(values[one.id])
        elif not holders[one.id]:
            lost[one.reason] += one.most_points - one.missing.points
        elif one.sharing is Sharing.MEAN:  # alone with its reason
            lost[one.reason] = rounded(lost[one.reason], holders[one.id])
    return lost


def rounded(total: int, parts: int) -> int:
    """Divide to the nearest integer, halves upwards, without a float in between."""
    return (2 * total + parts) // (2 * parts)
