"""Parquet files by DuckDB, every value as text; a batch at a time with bounded memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from consortium.errors import Code, CreditError
from participants.lender.connectors.source import BATCH_ROWS, OpenTable, SourceFile, check_unique
from participants.lender.records import RawRow

ResultT = TypeVar("ResultT")

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,  # never the network
    "autoload_known_extensions": False,
}
_TABLE = "read_parquet(?, hive_partitioning = false)"  # no columns made of the names of folders


class ParquetSource:
    """One Parquet file; a `Source`."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.file = SourceFile(path)
        if set("*?[") & set(str(path)):
            raise CreditError(Code.SOURCE_UNREADABLE, "a path with * ? or [ stands for several files")
        self._rows = 0
        self._done = 0

    @property
    def modified(self) -> int | None:
        """When the file was last written."""
        return self.file.modified

    @contextmanager
    def open(self) -> Iterator[OpenTable]:
        """Begin to read; the file is watched for changes."""
        self._done = 0
        connection = duckdb.connect(":memory:", config=_SETTINGS)
        try:
            columns = _attempt(Code.SOURCE_UNREADABLE, lambda: self._start(connection))
            yield OpenTable(columns, self._batches(connection))
        finally:
            connection.close()

    def _start(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it would go to standard output, between our JSON
        self._rows = self._count(connection)
        columns = self._columns(connection)
        casts = ", ".join(f'CAST("{_quoted(name)}" AS VARCHAR)' for name in columns)
        connection.execute(f"SELECT {casts} FROM {_TABLE}", [str(self.file.path)])  # noqa: S608  quoted
        return columns

    def _batches(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[RawRow]]:
        while cells := self._fetch(connection):
            first, self._done = self._done + 1, self._done + len(cells)
            yield [RawRow(number, row) for number, row in enumerate(cells, first)]
        self.file.check_unchanged()

    def fraction(self) -> float | None:
        """Tell which part of the rows has been read."""
        return min(1.0, self._done / self._rows) if self._rows else None

    def _fetch(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[str | None, ...]]:
        cells: list[tuple[str | None, ...]] = _attempt(Code.SOURCE_LOST, lambda: connection.fetchmany(BATCH_ROWS))
        self.file.check_unchanged()
        return cells

    def _columns(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        connection.execute(f"DESCRIBE SELECT * FROM {_TABLE}", [str(self.file.path)])  # noqa: S608  a constant
        return check_unique([name for name, *_ in connection.fetchall()])

    def _count(self, connection: duckdb.DuckDBPyConnection) -> int:
        connection.execute("SELECT num_rows FROM parquet_file_metadata(?)", [str(self.file.path)])
        (rows,) = connection.fetchone() or (0,)
        return int(rows)


def _quoted(name: str) -> str:
    return name.replace('"', '""')


def _attempt(code: Code, call: Callable[[], ResultT]) -> ResultT:
    """Give what DuckDB gives; what it raises becomes a code, because its messages quote values."""
    with suppress(duckdb.Error):
        return call()
    raise CreditError(code, "Parquet")  # out here, so that it does not refer to DuckDB's
