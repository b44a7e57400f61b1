"""
Databases by SQLAlchemy URL: one query, its rows fetched a batch at a time through a cursor of the server.

The transaction is never committed, and read-only where the database can do that. What the driver raises may quote
values, the query or the password, so no exception of it goes any further.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, make_url, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import Executable, literal_column, select

from consortium.errors import Code, CreditError
from participants.lender.connectors.source import BATCH_ROWS, OpenTable, check_unique
from participants.lender.records import Cell, RawRow


class SqlSource:
    """The rows that a query gives; a `Source`. The URL is kept out of every text."""

    def __init__(self, url: str, query: Executable, folder: Path = Path()) -> None:
        self._url = _checked_url(url, folder)
        self._query = query
        self.name = f"{self._url.get_backend_name()} database"

    @property
    def modified(self) -> int | None:
        """Unknown."""
        return None

    @contextmanager
    def open(self) -> Iterator[OpenTable]:
        """Connect and run the query."""
        engine = self._engine()
        connection = result = None
        failure = ""
        try:
            connection = engine.connect()
            result = connection.execution_options(**self._options()).execute(self._query)
        except Exception as error:  # noqa: BLE001  drivers raise exceptions of their own that SQLAlchemy does not wrap
            failure = type(error).__name__
        try:
            if result is None:
                raise CreditError(Code.SOURCE_UNREADABLE, f"the database: {failure}")
            yield OpenTable(check_unique(list(result.keys())), _batches(result))
        finally:
            _end(result, connection, engine)

    def fraction(self) -> float | None:
        """Unknown: the database does not tell how many rows are to come."""
        return None

    def _options(self) -> dict[str, object]:
        read_only = {"postgresql_readonly": True} if self._url.get_backend_name() == "postgresql" else {}
        return {"stream_results": True, "yield_per": BATCH_ROWS, **read_only}

    def _engine(self) -> Engine:
        engine = None
        with suppress(SQLAlchemyError, ImportError, TypeError, ValueError):
            engine = create_engine(self._url, poolclass=NullPool, hide_parameters=True)
        if engine is None:
            raise CreditError(Code.SOURCE_UNREADABLE, f"no driver for {self._url.get_backend_name()} is installed")
        return engine


def query_of_table(name: str) -> Executable:
    """Select everything of one table; `name` may have a schema before a dot and is quoted as needed."""
    schema, _, bare = name.rpartition(".")
    return select(literal_column("*")).select_from(table(bare, schema=schema or None))


def query_of_text(query: str) -> Executable:
    """Take a query as written; a colon in it is nothing special."""
    return text(query.replace(":", r"\:"))


def _checked_url(url: str, folder: Path) -> URL:
    """Parse the URL; a path of SQLite is relative to `folder` and must exist, for SQLite would create it."""
    parsed = None
    with suppress(SQLAlchemyError, ValueError):
        parsed = make_url(url)
    if parsed is None:
        raise CreditError(Code.SOURCE_UNREADABLE, "not a database URL")
    if parsed.get_backend_name() != "sqlite":
        return parsed
    path = folder / (parsed.database or "")
    if not path.is_file():
        raise CreditError(Code.SOURCE_UNREADABLE, "no such SQLite file")
    return parsed.set(database=str(path))


def _batches(result: CursorResult[tuple[object, ...]]) -> Iterator[list[RawRow]]:
    number = 1
    while rows := _fetch(result):
        yield [RawRow(place, tuple(map(_cell, row))) for place, row in enumerate(rows, number)]
        number += len(rows)


def _fetch(result: CursorResult[tuple[object, ...]]) -> Sequence[Sequence[object]]:
    rows: Sequence[Sequence[object]] | None = None
    failure = ""
    try:
        rows = result.fetchmany(BATCH_ROWS)
    except Exception as error:  # noqa: BLE001  as in `open`
        failure = type(error).__name__
    if rows is None:
        raise CreditError(Code.SOURCE_LOST, f"the database: {failure}")
    return rows


def _end(result: CursorResult[tuple[object, ...]] | None, connection: Connection | None, engine: Engine) -> None:
    """Close everything without committing; what a connection that is gone says to that is of no use."""
    for opened in (result, connection):
        if opened is not None:
            with suppress(Exception):
                opened.close()
    engine.dispose()


def _cell(value: object) -> Cell:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case _:
            return str(value)
