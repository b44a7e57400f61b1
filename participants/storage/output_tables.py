"""
Result files of lists, CSV or Parquet, by DuckDB: written chunk by chunk beside their place, then put into it.

A file is there whole or not at all: what goes wrong, a full disk above all, leaves an earlier one as it was.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from participants.storage.database import storage_errors

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,  # never the network
    "autoload_known_extensions": False,
}

Chunk: TypeAlias = dict[str, npt.NDArray[np.generic]]


class TableFormat(StrEnum):
    """How a result file is written."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of a result file; where `unless` names a column of truth values, it is empty unless that is 1."""

    name: str
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from an earlier file: rows new and gone, rows changed, and for each column how many changed."""

    added: int
    removed: int
    changed: int
    by_column: dict[str, int]


def write_table(out: Path, table_format: TableFormat, columns: Sequence[OutputColumn], chunks: Iterator[Chunk]) -> None:
    """
    Write a file (0600) of these columns, in the order of the chunks, in place of one that is there.

    Raises CreditError(STORAGE_FULL) or (STORAGE_BROKEN).
    """
    with _beside(out) as work, table_connection() as connection:
        parts = [
            _write_chunk(connection, work / f"{number:06}.parquet", columns, chunk)
            for number, chunk in enumerate(chunks)
        ]
        listed = ", ".join(_text(str(part)) for part in parts)
        _copy(connection, f"SELECT * FROM read_parquet([{listed}])", work / "whole", table_format)  # noqa: S608
        _into_place(work / "whole", out)


Typed: TypeAlias = tuple[Path, TableFormat]
"""A result file, and how it is written."""


def write_changes(old: Typed, new: Typed, out: Path, key: str) -> Changes:
    """
    Compare two result files by a column that names their rows, and write what differs to a file of the new one's kind.

    A row of it has the key, what happened (added, removed, changed), and each column that both have, before and after.
    Raises CreditError(SOURCE_UNREADABLE) for an earlier file that cannot be read or has no such column, (LIST_INVALID)
    where a name is used twice; and as `write_table`.
    """
    with _beside(out) as work, table_connection() as connection:
        names = [name for name in columns_of(connection, new) if name in set(_earlier_columns(connection, old))]
        if key not in names:
            raise CreditError(Code.SOURCE_UNREADABLE, f"the earlier file has no column {key[:64]}")
        compared = [name for name in names if name != key]
        _compare(connection, (old, new), key, compared)
        _copy(connection, f"SELECT * FROM changes ORDER BY {quoted(key)}", work / "whole", new[1])  # noqa: S608
        found = _counted(connection, compared)
        _into_place(work / "whole", out)
        return found


def format_of(path: Path) -> TableFormat:
    """Tell the kind of a result file by its name."""
    return TableFormat.PARQUET if path.suffix.lower() in {".parquet", ".pq"} else TableFormat.CSV


def _compare(
    connection: duckdb.DuckDBPyConnection, files: tuple[Typed, Typed], key: str, compared: Sequence[str]
) -> None:
    """Make the table `changes`."""
    for alias, path in zip(("before", "after"), files, strict=True):
        chosen = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in (key, *compared))
        connection.execute(f"CREATE TEMP TABLE {alias} AS SELECT {chosen} FROM {scan_of(path)}")  # noqa: S608
        connection.execute(f"SELECT count(*) - count(DISTINCT {quoted(key)}) FROM {alias}")  # noqa: S608
        if connection.fetchall() != [(0,)]:
            raise CreditError(Code.LIST_INVALID, "rows can be compared only where each has a name of its own")
    old, new = f"before.{quoted(key)}", f"after.{quoted(key)}"
    what = f"CASE WHEN {old} IS NULL THEN 'added' WHEN {new} IS NULL THEN 'removed' ELSE 'changed' END AS change"
    pairs = [f"before.{quoted(one)} AS {quoted(f'{one}_before')}, after.{quoted(one)}" for one in compared]
    differing = [f"before.{quoted(one)} IS DISTINCT FROM after.{quoted(one)}" for one in (key, *compared)]
    connection.execute(
        f"CREATE TEMP TABLE changes AS SELECT coalesce({new}, {old}) AS {quoted(key)}, "  # noqa: S608
        f"{', '.join((what, *pairs))} FROM before FULL JOIN after ON {old} = {new} WHERE {' OR '.join(differing)}"
    )


def _counted(connection: duckdb.DuckDBPyConnection, compared: Sequence[str]) -> Changes:
    kinds = dict(connection.execute("SELECT change, count(*) FROM changes GROUP BY change").fetchall())
    by_column = {}
    for name in compared:
        sql = (
            "SELECT count(*) FROM changes WHERE change = 'changed' "  # noqa: S608
            f"AND {quoted(name)} IS DISTINCT FROM {quoted(name + '_before')}"
        )
        (by_column[name],) = connection.execute(sql).fetchone() or (0,)
    return Changes(kinds.get("added", 0), kinds.get("removed", 0), kinds.get("changed", 0), by_column)


def _write_chunk(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[OutputColumn], chunk: Chunk
) -> Path:
    connection.register("chunk", chunk)
    chosen = ", ".join(
        f"CASE WHEN {quoted(one.unless)} = 1 THEN {quoted(one.name)} END AS {quoted(one.name)}"
        if one.unless
        else quoted(one.name)
        for one in columns
    )
    _copy(connection, f"SELECT {chosen} FROM chunk", path, TableFormat.PARQUET)  # noqa: S608
    connection.unregister("chunk")
    return path


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, table_format: TableFormat) -> None:
    options = "FORMAT parquet" if table_format is TableFormat.PARQUET else "FORMAT csv, HEADER true"
    path.touch(mode=0o600)
    connection.execute(f"COPY ({query}) TO {_text(str(path))} ({options})")


def columns_of(connection: duckdb.DuckDBPyConnection, path: Typed) -> list[str]:
    """Give the names of a file's columns; raises duckdb.Error for one that cannot be read."""
    connection.execute(f"DESCRIBE SELECT * FROM {scan_of(path)}")  # noqa: S608
    return [name for name, *_ in connection.fetchall()]


def _earlier_columns(connection: duckdb.DuckDBPyConnection, path: Typed) -> list[str]:
    try:
        return columns_of(connection, path)
    except duckdb.Error:
        pass
    raise CreditError(Code.SOURCE_UNREADABLE, "the earlier file")


def scan_of(file: Typed) -> str:
    """Give what stands for a file in a query."""
    path, table_format = file
    if table_format is TableFormat.PARQUET:
        return f"read_parquet({_text(str(path))})"
    return f"read_csv({_text(str(path))}, header = true, all_varchar = true)"


def quoted(name: str) -> str:
    """Give a column's name as a query has it."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Make a scratch folder beside a file, and remove it; what is refused gets a code."""
    work = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    full = False
    try:
        with storage_errors():
            work.mkdir(mode=0o700)
            yield work
    except duckdb.Error as error:
        full = "No space left" in str(error)
    else:
        return
    finally:
        shutil.rmtree(work, ignore_errors=True)
    raise CreditError(Code.STORAGE_FULL if full else Code.STORAGE_BROKEN, out.name)


@contextmanager
def table_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that reads and writes files and never the network."""
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    try:
        connection.execute("SET enable_progress_bar = false")
        yield connection
    finally:
        connection.close()


def put_in_place(made: Path, out: Path) -> None:
    """Put a file into its place, durably; raises CreditError(STORAGE_FULL) or (STORAGE_BROKEN)."""
    with storage_errors():
        _into_place(made, out)


def _into_place(made: Path, out: Path) -> None:
    made.chmod(0o600)
    _settle(made)
    made.replace(out)
    _settle(out.parent)


def _settle(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
