"""
Where a lender's cells come from: its book, its last portfolio run over its own book, or its own count of hits.

What a book knows of region and age is read here and nowhere else; queries have no way to it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from consortium.errors import Code, CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.facts import Moment
from consortium.model.identifiers import SubjectTag
from consortium.model.keys import utc_day
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import StatisticHeader
from consortium.model.statistic_policy import OF_PEOPLE, Axis, Measure
from consortium.noise.vectors import Integers
from consortium.rules.statistic_cells import NOWHERE, CellReader, Surroundings, hit_cells, holder_cells
from consortium.rules.statistics import Statistic, canonical_template
from consortium.sealing.rows import TAG_BYTES
from participants.lender.answer_ports import AnswerStore
from participants.lender.bulk.attributes import READERS, clamped_columns
from participants.lender.bulk.columns import Keys
from participants.lender.bulk.facts import FactColumns
from participants.lender.bulk.statistic_columns import NO_PLACE, PeopleColumns, PersonPlaces, sum_of_columns
from participants.lender.portfolio.rows import ListTags

HOLDER_DAYS = 100
"""How old a portfolio run may be from which people are counted by their lenders."""
KEPT_VECTORS = 64
LARGE = 20_000
_OF_DIMENSIONS = frozenset({Axis.REGION_TIER, Axis.AGE_BAND})


@dataclass(frozen=True, slots=True)
class HolderCounts:
    """
    What a lender learnt of its own customers in its last whole portfolio run: how many have how many lenders.

    `open` counts lenders with an open tradeline, `files` lenders with a file of the person, this one included;
    `as_of` is the run's moment, Unix seconds.
    """

    as_of: int
    open: Mapping[int, int]
    files: Mapping[int, int]


class BookFiles(Protocol):
    """The part of a book that statistics read."""

    def committed_files(self) -> Iterable[tuple[SubjectTag, CreditFile]]:
        """Give every file of the day's book, whatever the journal says since."""
        ...

    def state(self) -> bytes:
        """Give what changes when the day's book does."""
        ...

    @property
    def size(self) -> int:
        """How many people there are."""
        ...


class Dimensions(Protocol):
    """What a lender knows of its customers for statistics alone."""

    def around(self) -> Mapping[SubjectTag, Surroundings]:
        """Give region tier and age band by tag."""
        ...

    def state(self) -> bytes:
        """Give what changes when they do."""
        ...


class NoDimensions:
    """A book without any: everybody's region and age are unknown."""

    def around(self) -> Mapping[SubjectTag, Surroundings]:
        """Give nothing."""
        return {}

    def state(self) -> bytes:
        """Give nothing."""
        return b""


@dataclass
class LenderCells:
    """
    The source of one lender's cells; the vectors of the last few are kept, since reading a book takes long.

    Books of more than LARGE people are read from their columns.
    """

    book: Callable[[], BookFiles]
    answers: AnswerStore
    holders: Callable[[], HolderCounts | None]
    dimensions: Dimensions = field(default_factory=NoDimensions)
    listed: Callable[[StatisticHeader, int], ListTags | None] = lambda _header, _since: None
    """Gives the tags of the list that a header names, where its requester has used it since a time."""
    columns: Callable[[], PeopleColumns] | None = None
    """Gives the day's book in columns, made where they are not yet."""
    _known: OrderedDict[tuple[bytes, ...], Integers] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cells(self, found: Statistic, header: StatisticHeader, rulebook: Rulebook) -> Integers:
        """Give the sums of every cell; see `CellSource`."""
        measure, issued_at = found.template.measure, header.issued_at
        day = utc_day(issued_at)
        if measure is Measure.HITS:
            with self.answers.transaction() as store:
                hits = store.statistics.hits(range(day - found.template.days, day))
            return _vector(found, hit_cells(found, hits))
        if measure in OF_PEOPLE:
            return _vector(found, holder_cells(found, self._people(measure, issued_at)))
        if measure is Measure.LIST:
            return self._of_list(found, header, rulebook)
        return self._of_book(found, issued_at, rulebook)

    def _of_list(self, found: Statistic, header: StatisticHeader, rulebook: Rulebook) -> Integers:
        """
        Add up attributes over the people of a list; what it costs depends on the book and the list's length alone.

        Every lender that took the list's portfolio within the ledger window has the list, whomever it holds.
        """
        wanted = self.listed(header, header.issued_at - rulebook.policy.ledger_window + 1)
        if wanted is None or self.columns is None:
            raise CreditError(Code.STATISTIC_NO_BASIS, "no such list here: have a portfolio about it first")
        key = header.list_mark, canonical_template(found.template)
        columns = self.columns
        return self._made(key, lambda: sum_of_list(columns(), wanted, found, header, rulebook))

    def _made(self, key: tuple[bytes, ...], make: Callable[[], Integers]) -> Integers:
        """Give a vector, made once; whoever asks for a known one does not wait while another is made."""
        known = self._known.get(key)
        if known is not None:
            return known
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
                while len(self._known) > KEPT_VECTORS:
                    self._known.popitem(last=False)
            return self._known[key]

    def _people(self, measure: Measure, issued_at: int) -> Mapping[int, int]:
        counts = self.holders()
        if counts is None:
            raise CreditError(Code.STATISTIC_NO_BASIS, "no portfolio run over the own book: `portfolio run`")
        if utc_day(issued_at) - utc_day(counts.as_of) > HOLDER_DAYS:
            raise CreditError(Code.STATISTIC_NO_BASIS, f"the last portfolio run is older than {HOLDER_DAYS} days")
        return counts.open if measure is Measure.BORROWERS else counts.files

    def _of_book(self, found: Statistic, issued_at: int, rulebook: Rulebook) -> Integers:
        book, policy = self.book(), rulebook.policy
        day = utc_day(issued_at).to_bytes(8, "big", signed=True)
        state = book.state(), self.dimensions.state(), policy.retention_days.to_bytes(8, "big")
        key = canonical_template(found.template), day, *state
        moment = Moment.of(issued_at, live=False, retention_days=policy.retention_days, clock_skew=policy.clock_skew)
        return self._made(key, lambda: self._read(book, found, moment))

    def _read(self, book: BookFiles, found: Statistic, moment: Moment) -> Integers:
        if book.size > LARGE and self.columns is not None:
            made = self.columns()
            return sum_of_columns(made, person_places(made.keys(), self.dimensions, found), found, moment)
        return sum_of_files(book.committed_files(), self.dimensions, found, moment)


def sum_of_files(
    files: Iterable[tuple[SubjectTag, CreditFile]], dimensions: Dimensions, found: Statistic, moment: Moment
) -> Integers:
    """Add up what files add to the cells of a statistic; what statistics alone know is read where it is needed."""
    wanted = any(dimension.axis in _OF_DIMENSIONS for dimension in found.template.dimensions)
    around = dimensions.around() if wanted else {}
    reader, sums = CellReader(found, moment), np.zeros(found.count, dtype=np.int64)
    for tag, file in files:
        for cell, value in reader.cells(file, around.get(tag, NOWHERE)).items():
            sums[cell] += value
    return sums


def person_places(keys: Keys, dimensions: Dimensions, found: Statistic) -> PersonPlaces:
    """Give the places of everybody's region tier and age band among a statistic's values, where it has them."""
    axes = [place for place, one in enumerate(found.template.dimensions) if one.axis in _OF_DIMENSIONS]
    if not axes:
        return {}
    around, raw = dimensions.around(), keys.tags.tobytes()
    tags = (SubjectTag(raw[start : start + TAG_BYTES]) for start in range(0, len(raw), TAG_BYTES))
    everybody = [around.get(tag, NOWHERE) for tag in tags] if around else [NOWHERE] * len(keys.tags)
    result = {}
    for place in axes:
        axis, values = found.template.dimensions[place].axis, found.values[place]
        named = {value: at for at, value in enumerate(values)}
        said = [one.region_tier if axis is Axis.REGION_TIER else one.age_band for one in everybody]
        result[axis] = np.array([named.get(one, NO_PLACE) for one in said], dtype=np.int64)
    return result


def sum_of_list(
    people: PeopleColumns, wanted: ListTags, found: Statistic, header: StatisticHeader, rulebook: Rulebook
) -> Integers:
    """Add up each attribute over the book's people who are on a list, each clamped to its bound and the template's."""
    policy, names = rulebook.policy, found.values[0]
    moment = Moment.of(header.issued_at, live=False, retention_days=policy.retention_days, clock_skew=policy.clock_skew)
    bounds = [min(found.template.bound, rulebook.attributes[name].bound) for name in names]
    asked = [(name, READERS[name], bound) for name, bound in zip(names, bounds, strict=True)]
    listed = (wanted.positions(people.keys().tags) >= 0).astype(np.int64)
    sums, start = np.zeros(found.count, dtype=np.int64), 0
    for part in people.parts():
        columns = clamped_columns(part, FactColumns(part, moment), asked)
        on_list = listed[start : start + len(part)]
        sums += np.array([int(columns[name] @ on_list) for name in names], dtype=np.int64)
        start += len(part)
    return sums


def _vector(found: Statistic, cells: Mapping[int, int]) -> Integers:
    sums = np.zeros(found.count, dtype=np.int64)
    for cell, value in cells.items():
        sums[cell] = value
    return sums
