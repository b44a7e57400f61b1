"""
What a load says about its rows: counts, reasons by column with examples, and the file of rows set aside.

The report names rows, columns and reasons and never holds a value; the file holds the refused rows as they were and
is the lender's own raw data (mode 0600).
"""

import csv
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TextIO

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.lender.records import REASON_TEXTS, RawRow, Reason
from participants.lender.values import RefusedError
from participants.whole_files import FULL

EXAMPLES = 5
DEFAULT_MAXIMUM_REFUSED = 0.05


@dataclass(frozen=True, slots=True)
class Example:
    """Where to look: the row's number and, in a text file, the line where it begins."""

    row: int
    line: int | None


@dataclass(slots=True)
class Refusals:
    """All rows refused for one reason in one column: how many, and the first of them."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class ValidationReport:
    """
    What became of the rows.

    `accepted` rows include those `without_content`, for which no condition of the mapping held. The column is empty
    where the row as a whole is at fault.
    """

    source: str
    read: int = 0
    accepted: int = 0
    without_content: int = 0
    refusals: dict[tuple[str, Reason], Refusals] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        """Rows refused."""
        return self.read - self.accepted

    def accept(self, *, empty: bool) -> None:
        """Count a row that is good."""
        self.read += 1
        self.accepted += 1
        self.without_content += empty

    def refuse(self, row: RawRow, refused: RefusedError) -> None:
        """Count a row that is not."""
        self.read += 1
        found = self.refusals.setdefault((refused.column, refused.reason), Refusals())
        found.count += 1
        if len(found.examples) < EXAMPLES:
            found.examples.append(Example(row.number, row.line))

    def check_share(self, maximum: float) -> None:
        """Raise CreditError(ROWS_REFUSED) where more than this share of the rows was refused, or there was no row."""
        if self.refused > maximum * self.read:
            raise CreditError(Code.ROWS_REFUSED, f"{self.refused} of {self.read} rows, {maximum:.1%} are tolerated")
        if not self.read:
            raise CreditError(Code.ROWS_REFUSED, "the source has no rows")

    def to_value(self) -> dict[str, CanonicalValue]:
        """Give the report as a JSON value."""
        return {
            "source": self.source,
            "rows": {
                "read": self.read,
                "accepted": self.accepted,
                "refused": self.refused,
                "without_content": self.without_content,
            },
            "refusals": [
                {
                    "column": column,
                    "reason": reason.value,
                    "meaning": REASON_TEXTS[reason],
                    "count": found.count,
                    "examples": [{"row": example.row, "line": example.line} for example in found.examples],
                }
                for (column, reason), found in self.by_frequency()
            ],
        }

    def by_frequency(self) -> list[tuple[tuple[str, Reason], Refusals]]:
        """Give the refusals, the most frequent first."""
        return sorted(self.refusals.items(), key=lambda item: (-item[1].count, item[0]))


class SetAside:
    """
    The file of refused rows: row, column, reason, then the row's own columns; made with the first refused row.

    Use as a context. With `newest_only` the file takes the place of an earlier one when the source has been read, and
    an earlier one goes when no row of the source was refused; without it an existing file is never touched. Raises
    CreditError(STORAGE_FULL) where the disk is full, and (SETTINGS_INVALID) where the file exists already or cannot
    be made. Without a path nothing is kept.
    """

    def __init__(self, path: Path | None, *, newest_only: bool = False) -> None:
        self.path = path
        self._newest_only = newest_only
        self._columns: Sequence[str] = ()
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with _disk_errors():
                self._file.close()
                if self._newest_only and self.path is not None:
                    self._new(self.path).replace(self.path)

    @property
    def written(self) -> Path | None:
        """Where the file is, if any row was set aside."""
        return self.path if self._file is not None else None

    def begin(self, columns: Sequence[str]) -> None:
        """Take the names of the source's columns."""
        self._columns = columns

    def add(self, row: RawRow, refused: RefusedError) -> None:
        """Set a row aside."""
        if self.path is None:
            return
        with _disk_errors():
            if self._file is None:
                self._file = _create(self._new(self.path) if self._newest_only else self.path)
                csv.writer(self._file).writerow(("row", "column", "reason", *self._columns))
            csv.writer(self._file).writerow((row.number, refused.column, refused.reason.value, *row.cells))

    def finish(self) -> None:
        """Write out all rows; to be called when the source has been read, before the book is changed."""
        with _disk_errors():
            if self._file is not None:
                self._file.flush()
            elif self._newest_only and self.path is not None:
                self.path.unlink(missing_ok=True)

    @staticmethod
    def _new(path: Path) -> Path:
        """Give the name of the file until it takes its place; two loads at once do not share it."""
        return path.with_name(f".{path.name}.{os.getpid()}")


def _create(path: Path) -> TextIO:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in FULL | {errno.EFBIG}
        code = Code.STORAGE_FULL if full else Code.SETTINGS_INVALID
        raise CreditError(code, "the file of refused rows cannot be written, or exists already") from None
