"""
CSV files (RFC 4180), line by line: a row that cannot be read is handed on as broken, and the next one is read.

Not by DuckDB, which drops broken rows without leaving a number to count the others by. A row that breaks, or a quote
that is never closed, costs its first line only: reading goes on with the line after it. Fields may hold line breaks.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from consortium.errors import Code, CreditError
from participants.lender.connectors.source import BATCH_ROWS, OpenTable, SourceFile, check_unique
from participants.lender.records import RawRow, Reason

MAX_ROW_BYTES = 2**20
MAX_BATCH_BYTES = 4 * 2**20
KEPT_OF_LONG = 4_096


class CsvSource:
    """A CSV file with a header; a `Source`."""

    def __init__(self, path: Path, encoding: str = "utf-8", delimiter: str = ",") -> None:
        self.name = path.name
        self.file = SourceFile(path)
        self._encoding = encoding
        self._delimiter = delimiter
        self._done = 0

    @property
    def modified(self) -> int | None:
        """When the file was last written."""
        return self.file.modified

    @contextmanager
    def open(self) -> Iterator[OpenTable]:
        """Begin to read; the file is watched for changes."""
        with self._open() as file:
            reader = _Reader(_Lines(file, self._encoding), self._delimiter)
            columns = _header(reader)
            yield OpenTable(columns, self._batches(reader, len(columns)))

    def fraction(self) -> float | None:
        """Tell which part of the bytes has been read."""
        return min(1.0, self._done / self.file.size) if self.file.size else 1.0

    def _open(self) -> BinaryIO:
        try:
            return self.file.path.open("rb")
        except OSError:
            raise CreditError(Code.SOURCE_UNREADABLE, "the file cannot be opened") from None

    def _batches(self, reader: "_Reader", width: int) -> Iterator[list[RawRow]]:
        while batch := _batch(reader, width):
            self._done = reader.lines.read_bytes
            self.file.check_unchanged()
            yield batch
        self.file.check_unchanged()


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file, with its end."""

    number: int
    text: str
    broken: Reason | None


@dataclass(frozen=True, slots=True)
class _Record:
    """The fields that begin at a line, or what is left of a broken line."""

    line: int
    fields: list[str]
    broken: Reason | None = None


class _BrokenLineError(Exception):
    """A record runs into a line that cannot be read, or does not end."""


class _Lines:
    """The file's lines for the csv module, those of the current record remembered so that they can be read again."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._again: deque[_Line] = deque()
        self._number = 0
        self._size = 0
        self.record: list[_Line] = []
        self.read_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if line is None:
            raise StopIteration
        self.record.append(line)
        self._size += len(line.text)
        if line.broken is not None or self._size > MAX_ROW_BYTES:
            raise _BrokenLineError
        return line.text

    def begin(self) -> None:
        """Begin a record."""
        self.record.clear()
        self._size = 0

    def again(self) -> _Line:
        """Give up on the record: give its first line; the others are read again."""
        first, *others = self.record
        self._again.extendleft(reversed(others))
        return first

    def _read(self) -> _Line | None:
        try:
            data = self._file.readline(MAX_ROW_BYTES + 1)
            whole = len(data) <= MAX_ROW_BYTES
            if not whole and not data.endswith(b"\n"):
                self._skip_line()
        except OSError:
            raise CreditError(Code.SOURCE_LOST, "the file cannot be read any further") from None
        self.read_bytes += len(data)
        self._number += 1
        if self._number == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
        return self._line(data, whole=whole) if data else None

    def _line(self, data: bytes, *, whole: bool) -> _Line:
        if not whole:
            return _Line(self._number, self._lenient(data[:KEPT_OF_LONG]), Reason.ROW_TOO_LONG)
        try:
            return _Line(self._number, data.decode(self._encoding), None)
        except UnicodeError:
            return _Line(self._number, self._lenient(data), Reason.NOT_TEXT)

    def _lenient(self, data: bytes) -> str:
        return data.decode(self._encoding, "backslashreplace")

    def _skip_line(self) -> None:
        """Read on to the end of a line that is too long, keeping nothing of it."""
        more = b"-"
        while more and not more.endswith(b"\n"):
            more = self._file.readline(MAX_ROW_BYTES)
            self.read_bytes += len(more)


class _Reader:
    """The records of a file, broken ones among them."""

    def __init__(self, lines: _Lines, delimiter: str) -> None:
        self.lines = lines
        self._rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        self.number = 0

    def next(self, width: int | None = None) -> _Record | None:
        """Give the next record, None at the end; one of another width than asked is broken. Empty lines are none."""
        fields: list[str] | None = []
        while fields == []:
            self.lines.begin()
            try:
                fields = next(self._rows, None)
            except (csv.Error, _BrokenLineError):
                return self._broken()
        if fields is None:
            return None
        if width is not None and len(fields) != width:
            return self._broken(fields)
        return _Record(self.lines.record[0].number, fields)

    def _broken(self, fields: list[str] | None = None) -> _Record:
        whole = len(self.lines.record) == 1
        line = self.lines.again()
        found = fields if fields and whole else [line.text.rstrip("\r\n")]
        return _Record(line.number, found, line.broken or Reason.BROKEN_ROW)


def _header(reader: _Reader) -> tuple[str, ...]:
    record = reader.next()
    if record is None or record.broken is not None:
        raise CreditError(Code.SOURCE_UNREADABLE, "the file has no header that can be read")
    return check_unique([name.strip() for name in record.fields])


def _batch(reader: _Reader, width: int) -> list[RawRow]:
    rows: list[RawRow] = []
    start = reader.lines.read_bytes
    while len(rows) < BATCH_ROWS and reader.lines.read_bytes - start < MAX_BATCH_BYTES:
        record = reader.next(width)
        if record is None:
            break
        reader.number += 1
        rows.append(RawRow(reader.number, tuple(record.fields), record.line, record.broken))
    return rows
