"""
What one credit file adds to the cells of a statistic: a pure function, with the bounds of the template.

Every number of a tradeline is that of `consortium.model.facts`, so that a statistic counts what a query would say.
A frozen file is counted nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from consortium.model.catalogue import DPD_BUCKETS
from consortium.model.credit_file import CreditFile, Tradeline
from consortium.model.facts import NO_BUCKET, Facts, Moment
from consortium.model.statistic_policy import HOLDERS_WEIGHT, Axis, Measure
from consortium.rules.statistics import Statistic


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a book knows of a person for statistics alone."""

    region_tier: str = "unknown"
    age_band: str = "unknown"


NOWHERE = Surroundings()
_MEASURES: Mapping[Measure, Callable[[Facts], int]] = {
    Measure.TRADELINES: lambda _: 1,
    Measure.BALANCE: lambda facts: facts.balance,
    Measure.PAST_DUE: lambda facts: facts.amount_past_due,
    Measure.LIMIT: lambda facts: facts.credit_limit,
}
_VALUES: Mapping[Axis, Callable[[Tradeline, Facts, Surroundings], str]] = {
    Axis.PRODUCT: lambda line, _facts, _around: line.portfolio.value,
    Axis.SCENE: lambda line, _facts, _around: line.scene.value,
    Axis.CHANNEL: lambda line, _facts, _around: line.channel.value,
    Axis.DELINQUENCY: lambda _line, facts, _around: DPD_BUCKETS[facts.worst_now],
    Axis.REGION_TIER: lambda _line, _facts, around: around.region_tier,
    Axis.AGE_BAND: lambda _line, _facts, around: around.age_band,
}


class CellReader:
    """Reads files for one statistic at one moment."""

    def __init__(self, found: Statistic, moment: Moment) -> None:
        self._template, self._moment = found.template, moment
        self._read = _MEASURES[found.template.measure]
        self._axes = [dimension.axis for dimension in found.template.dimensions]
        self._places = [{value: place for place, value in enumerate(values)} for values in found.values]

    def cells(self, file: CreditFile, around: Surroundings) -> dict[int, int]:
        """
        Give what a file adds, by cell: at most `touches` cells, each at most `bound`.

        Where there are more, the largest stay; amounts are clamped. Tradelines as the unit are bounded one by one.
        """
        found: dict[int, int] = {}
        if file.frozen:
            return found
        for line in file.tradelines:
            self._add(found, file, line, around)
        if self._template.unit == "tradeline":
            return found
        bounded = {cell: min(value, self._template.bound) for cell, value in found.items()}
        largest = sorted(bounded, key=lambda cell: (-bounded[cell], cell))[: self._template.touches]
        return {cell: bounded[cell] for cell in largest}

    def _add(self, found: dict[int, int], file: CreditFile, line: Tradeline, around: Surroundings) -> None:
        facts = Facts(CreditFile(file.identifier, tradelines=(line,)), self._moment)
        if facts.worst_now == NO_BUCKET:
            return  # ended, or without anything owed
        cell = self._cell(line, facts, around)
        value = self._read(facts)
        if cell is not None and value:
            limited = min(value, self._template.bound) if self._template.unit == "tradeline" else value
            found[cell] = found.get(cell, 0) + limited

    def _cell(self, line: Tradeline, facts: Facts, around: Surroundings) -> int | None:
        cell = 0
        for axis, places in zip(self._axes, self._places, strict=True):
            place = places.get(_VALUES[axis](line, facts, around))
            if place is None:
                return None
            cell = cell * len(places) + place
        return cell


def holder_cells(found: Statistic, people: Mapping[int, int]) -> dict[int, int]:
    """
    Give the cells of people counted by how many lenders they are with; `people` counts a lender's own by that number.

    Each of n lenders adds L / n for a person, rounded down, so that it counts L over all of them. The largest number
    among the cells stands for itself and everything above.
    """
    places = {int(value): place for place, value in enumerate(found.values[0])}
    cells: dict[int, int] = {}
    for lenders, count in people.items():
        cell = places.get(min(lenders, max(places)))
        if lenders > 0 and cell is not None:
            cells[cell] = cells.get(cell, 0) + count * (HOLDERS_WEIGHT // lenders)
    return cells


def hit_cells(found: Statistic, hits: Mapping[str, int]) -> dict[int, int]:
    """Give the cells of queries that hit a book, by requester."""
    places = {value: place for place, value in enumerate(found.values[0])}
    return {places[member]: count for member, count in hits.items() if member in places}
