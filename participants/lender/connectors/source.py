"""What every source of rows guarantees, and the watch over a file that must not change while it is read."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from participants.lender.records import RawRow

BATCH_ROWS = 1_024


@dataclass(frozen=True, slots=True, repr=False)
class OpenTable(Silent):
    """
    A source that is being read: the names of its columns, and all its rows in order, at most BATCH_ROWS at a time.

    Reading on raises CreditError(SOURCE_LOST) where the source breaks off or changes.
    """

    columns: tuple[str, ...]
    batches: Iterator[list[RawRow]]


class Source(Protocol):
    """
    A table of rows that can be read from the beginning to the end, once or more.

    Whatever an implementation raises is a CreditError that holds nothing of a row, a password or an address.
    """

    @property
    def name(self) -> str:
        """A short name for reports: the file's or the database's kind, never an address."""
        ...

    @property
    def modified(self) -> int | None:
        """When the source was last written (Unix seconds); None where that cannot be known."""
        ...

    def open(self) -> AbstractContextManager[OpenTable]:
        """Begin to read; raises CreditError(SOURCE_UNREADABLE)."""
        ...

    def fraction(self) -> float | None:
        """Tell which part of the source has been read (0 to 1); None where that cannot be known."""
        ...


class SourceFile:
    """A file and the state it was found in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found = _state(path)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._found.st_size

    @property
    def modified(self) -> int:
        """When it was last written (Unix seconds)."""
        return int(self._found.st_mtime)

    def check_unchanged(self) -> None:
        """Raise CreditError(SOURCE_LOST) once the file was removed, replaced, cut short or written to."""
        try:
            now: os.stat_result | None = self.path.stat()
        except OSError:
            now = None
        if now is None or _identity(now) != _identity(self._found):
            raise CreditError(Code.SOURCE_LOST, "the file was removed or changed while it was read")


def check_unique(columns: Sequence[str]) -> tuple[str, ...]:
    """Give the columns; raises CreditError(SOURCE_UNREADABLE) where there are none or two have the same name."""
    if not columns or len(set(columns)) != len(columns):
        raise CreditError(Code.SOURCE_UNREADABLE, "no columns, or two columns of the same name")
    return tuple(columns)


def _state(path: Path) -> os.stat_result:
    try:
        found = path.stat()
        readable = S_ISREG(found.st_mode) and os.access(path, os.R_OK)
    except (OSError, ValueError):
        readable = False
    if not readable:
        raise CreditError(Code.SOURCE_UNREADABLE, "not a file that can be read")
    return found


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
