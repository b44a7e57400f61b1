"""
Labelled samples: whole numbers by column, from one CSV or Parquet file, or from several that are pooled by a key.

A sample holds people's data and stays with the analyst; nothing of it but counts goes into a card or a report.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from consortium.errors import Code, CreditError
from consortium.model.scorecard import MAX_VALUE, Source, SumSource
from consortium.silent import Silent
from participants.lender.connectors import CsvSource, ParquetSource
from participants.lender.records import Cell, RawRow

Numbers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
MINIMUM_OF_EACH = 30
"""Good and bad people that a sample must have of each: below that every figure is noise."""


@dataclass(frozen=True, slots=True, repr=False)
class Column(Silent):
    """One number a person, and whether there is one."""

    values: Numbers
    present: Flags

    def rows(self, chosen: Flags) -> "Column":
        """Give those of some people."""
        return Column(self.values[chosen], self.present[chosen])


@dataclass(frozen=True, slots=True, repr=False)
class Sample(Silent):
    """Columns by name, all of one length, and who turned out bad (empty where nobody asked for labels)."""

    columns: Mapping[str, Column]
    bad: Flags

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values)

    def rows(self, chosen: Flags) -> "Sample":
        """Give the sample of some people."""
        columns = {name: column.rows(chosen) for name, column in self.columns.items()}
        return Sample(columns, self.bad[chosen] if len(self.bad) else self.bad)

    def value_of(self, source: Source) -> Column:
        """Give the value of a characteristic for everybody; a sum is computed as the requester does."""
        if not isinstance(source, SumSource):
            return self.columns[source.name]
        total = _sum([self.columns[name] for name in source.attributes])
        if len(total) and int(np.abs(total).max()) > np.iinfo(np.int64).max // source.times:
            raise _invalid(f"{', '.join(source.attributes)} times {source.times}: out of range")
        total *= source.times
        everybody = np.ones(len(total), dtype=np.bool_)
        if not source.over:
            return Column(total, everybody)
        divisor = _sum([self.columns[name] for name in source.over])
        return Column(total // np.maximum(divisor, 1), divisor > 0)


def _sum(columns: Sequence[Column]) -> Numbers:
    total: Numbers = np.sum([np.where(one.present, one.values, 0) for one in columns], axis=0, dtype=np.int64)
    return total


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    The columns to read, by their names in lower case with _ for whatever is no letter or digit.

    `added` are those that several files may have: attributes, which are summed over lenders.
    """

    columns: frozenset[str]
    added: frozenset[str] = frozenset()
    label: str = ""
    bad: int = 1
    key: str = ""

    @classmethod
    def of(cls, sources: Iterable[Source], *, label: str = "", bad: int = 1, key: str = "") -> "Wanted":
        """Give what some sources need."""
        listed = tuple(sources)
        added = {name for one in listed if isinstance(one, SumSource) for name in (*one.attributes, *one.over)}
        own = {one.name for one in listed if not isinstance(one, SumSource)}
        return cls(frozenset(own | added), frozenset(added - own), column_name(label), bad, column_name(key))


def column_name(text: str) -> str:
    """Give the name by which a column is known: `X6` is x6, `PAY 0` is pay_0."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def read_sample(paths: Sequence[Path], wanted: Wanted) -> Sample:
    """
    Read one file, or pool several by their key column; people without a label are left out where labels are wanted.

    Raises CreditError(SAMPLE_INVALID) naming file, row and column, (SOURCE_UNREADABLE) or (SOURCE_LOST).
    """
    if len(paths) > 1 and not wanted.key:
        raise _invalid("several files are pooled by a key: name its column")
    people: dict[str, dict[str, int]] = {}
    for number, path in enumerate(paths):
        _read_file(path, wanted, people, first=number == 0)
    _check_columns(wanted, people, len(paths))
    rows = [one for one in people.values() if not wanted.label or wanted.label in one]
    bad = np.array([one[wanted.label] == wanted.bad for one in rows], dtype=np.bool_) if wanted.label else NO_FLAGS
    if wanted.label and min(int(bad.sum()), int((~bad).sum())) < MINIMUM_OF_EACH:
        raise _invalid(
            f"{int(bad.sum())} bad and {int((~bad).sum())} good people, {MINIMUM_OF_EACH} of each are needed"
        )
    return Sample({name: _column(rows, name) for name in sorted(wanted.columns)}, bad)


NO_FLAGS: Flags = np.zeros(0, dtype=np.bool_)


def _read_file(path: Path, wanted: Wanted, people: dict[str, dict[str, int]], *, first: bool) -> None:
    source = ParquetSource(path) if path.suffix.lower() in (".parquet", ".pq") else CsvSource(path)
    with source.open() as table:
        places = {column_name(name): place for place, name in enumerate(table.columns)}
        if wanted.key and wanted.key not in places:
            raise _invalid(f"{path.name} has no column {wanted.key}")
        read = {name: places[name] for name in wanted.columns | {wanted.label} if name in places}
        seen: set[str] = set()
        for batch in table.batches:
            for row in batch:
                key = _key(row, places, wanted, path)
                if key in seen:
                    raise _invalid(f"{path.name}, row {row.number}: a key that came before")
                seen.add(key)
                known = people.get(key)
                if known is None:
                    known = people[key] = {}
                _take(known, row, read, wanted, path, pooled=not first)


def _key(row: RawRow, places: Mapping[str, int], wanted: Wanted, path: Path) -> str:
    if row.broken is not None:
        raise _invalid(f"{path.name}, row {row.number}: {row.broken}")
    if not wanted.key:
        return str(row.number)
    key = row.cells[places[wanted.key]]
    if not key:
        raise _invalid(f"{path.name}, row {row.number}: no key")
    return key


def _take(
    known: dict[str, int], row: RawRow, read: Mapping[str, int], wanted: Wanted, path: Path, *, pooled: bool
) -> None:
    for name, place in read.items():
        value = _whole(row.cells[place], f"{path.name}, row {row.number}, column {name}")
        if value is None:
            continue
        if name not in known:
            known[name] = value
        elif pooled and name in wanted.added:
            known[name] += value
        else:
            raise _invalid(f"{path.name}, row {row.number}: {name} is in an earlier file, too")


def _whole(cell: Cell, place: str) -> int | None:
    text = (cell or "").strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise _invalid(f"{place}: not a number")
    value = Decimal(text)  # 5e+05 is what some programs write for 500000
    if abs(value) > MAX_VALUE or value != value.to_integral_value():
        raise _invalid(f"{place}: not a whole number, or out of range")
    return int(value)


def _check_columns(wanted: Wanted, people: Mapping[str, Mapping[str, int]], files: int) -> None:
    found = {name for one in people.values() for name in one}
    missing = sorted((wanted.columns | ({wanted.label} if wanted.label else set())) - found)
    if missing:
        where = "the file" if files == 1 else "any of the files"
        raise _invalid(f"no value of {', '.join(missing)} in {where}")


def _column(rows: Sequence[Mapping[str, int]], name: str) -> Column:
    values = np.array([one.get(name, 0) for one in rows], dtype=np.int64)
    return Column(values, np.array([name in one for one in rows], dtype=np.bool_))


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.SAMPLE_INVALID, cause)
