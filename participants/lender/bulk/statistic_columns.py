"""
The cells of a statistic over a day's book in columns: `consortium.rules.statistic_cells` for everybody at once.

A property test holds it to the sums of single files.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from consortium.model.catalogue import DPD_BUCKETS
from consortium.model.credit_file import Channel, PortfolioType, Scene
from consortium.model.facts import Moment
from consortium.model.statistic_policy import Axis, Measure, PrivacyUnit
from consortium.rules.statistics import Statistic
from participants.lender.bulk.columns import Column, FileColumns, Keys
from participants.lender.bulk.facts import FactColumns, LineFacts

NO_PLACE = -1


class PeopleColumns(Protocol):
    """A day's book in columns."""

    def keys(self) -> Keys:
        """Give who the files are about, in the order of their tags."""
        ...

    def parts(self) -> Iterator[FileColumns]:
        """Give the files in the same order."""
        ...


PersonPlaces = Mapping[Axis, Column]
"""Of the dimensions that people have, each one's place among the values of a statistic; NO_PLACE for another value."""


def sum_of_columns(people: PeopleColumns, places: PersonPlaces, found: Statistic, moment: Moment) -> Column:
    """Add up what everybody's file adds to the cells; `places` are in the order of the book's tags."""
    sums, start = np.zeros(found.count, dtype=np.int64), 0
    for part in people.parts():
        own = {axis: column[start : start + len(part)] for axis, column in places.items()}
        _add_part(sums, part, own, found, moment)
        start += len(part)
    return sums


def _add_part(sums: Column, part: FileColumns, places: PersonPlaces, found: Statistic, moment: Moment) -> None:
    lines, template = FactColumns(part, moment).lines, found.template
    person = part.lines.person.astype(np.int64)
    cell = _cells(part, lines, places, found)
    values = np.minimum(_values(template.measure, lines), template.bound)
    used = lines.counted & (cell != NO_PLACE) & (values > 0) & (part.frozen[person] == 0)
    person, cell, values = person[used], cell[used], values[used]
    if template.unit is PrivacyUnit.TRADELINE:
        np.add.at(sums, cell, values)
        return
    key, inverse = np.unique(person * found.count + cell, return_inverse=True)
    totals = np.zeros(len(key), dtype=np.int64)
    np.add.at(totals, inverse, values)
    totals = np.minimum(totals, template.bound)
    kept = _largest(key // found.count, totals, template.touches)
    np.add.at(sums, (key % found.count)[kept], totals[kept])


def _largest(person: Column, totals: Column, touches: int) -> Column:
    """Give the places of each person's largest totals, as many as it may touch; of equal ones the first cells."""
    order = np.lexsort((np.arange(len(totals)), -totals, person))
    owners, ranks = person[order], np.arange(len(order))
    begins = np.maximum.accumulate(np.where(np.diff(owners, prepend=NO_PLACE) != 0, ranks, 0))
    return np.asarray(order[ranks - begins < touches])


def _values(measure: Measure, lines: LineFacts) -> Column:
    match measure:
        case Measure.BALANCE:
            return lines.balance
        case Measure.PAST_DUE:
            return lines.past_due
        case Measure.LIMIT:
            return lines.limit
        case _:
            return np.ones(len(lines.balance), dtype=np.int64)


def _cells(part: FileColumns, lines: LineFacts, places: PersonPlaces, found: Statistic) -> Column:
    """Give the cell of every tradeline, NO_PLACE where a dimension has not its value."""
    cell = np.zeros(len(lines.balance), dtype=np.int64)
    missing = np.zeros(len(cell), dtype=bool)
    for dimension, values in zip(found.template.dimensions, found.values, strict=True):
        axis = dimension.axis
        place = places[axis][part.lines.person] if axis in places else _line_places(axis, values, part, lines)
        missing |= place == NO_PLACE
        cell = cell * len(values) + place
    return np.where(missing, NO_PLACE, cell)


def _line_places(axis: Axis, values: Sequence[str], part: FileColumns, lines: LineFacts) -> Column:
    match axis:
        case Axis.PRODUCT:
            return _places([*PortfolioType], values)[part.lines.portfolio]
        case Axis.CHANNEL:
            return _places([*Channel], values)[part.lines.channel]
        case Axis.SCENE:
            return _places([*Scene], values)[part.lines.scene]
        case Axis.DELINQUENCY:
            return _places(DPD_BUCKETS, values)[np.maximum(lines.bucket, 0)]
        case _:
            return np.full(len(lines.balance), NO_PLACE, dtype=np.int64)


def _places(known: Sequence[str], values: Sequence[str]) -> Column:
    """Give the place among `values` of every known value."""
    named = {value: place for place, value in enumerate(values)}
    return np.array([named.get(str(value), NO_PLACE) for value in known], dtype=np.int64)
