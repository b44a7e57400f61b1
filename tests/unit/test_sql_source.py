"""SQL: any query of any database that SQLAlchemy reaches, streamed; passwords and values stay out of every text."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.sql import Executable

from consortium.errors import Code, CreditError
from participants.lender.connectors import BATCH_ROWS, SqlSource, query_of_table, query_of_text
from tests.support.codes import refused
from tests.support.postgres import Postgres
from tests.support.sources import read_rows

PASSWORD = "pa55-of-the-reader"
ROWS = 3 * BATCH_ROWS


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "loans.sqlite"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "loan book" (phone TEXT, amount NUMERIC, opened DATE)')
    rows = [(f"139{number:08d}", number / 4, "2026-01-31") for number in range(ROWS)]
    connection.executemany('INSERT INTO "loan book" VALUES (?, ?, ?)', rows)
    connection.commit()
    connection.close()
    return path


def source(database: Path, query: Executable | None = None) -> SqlSource:
    return SqlSource(f"sqlite:///{database}", query_of_table("loan book") if query is None else query)


def test_a_table_is_streamed_in_batches_as_text(database: Path) -> None:
    with source(database).open() as table:
        assert table.columns == ("phone", "amount", "opened")
        batches = list(table.batches)
    assert [len(batch) for batch in batches] == [BATCH_ROWS] * 3
    assert batches[0][1].cells == ("13900000001", "0.25", "2026-01-31")
    assert [row.number for batch in batches for row in batch] == list(range(1, ROWS + 1))


def test_a_query_may_hold_colons_and_percent_signs(database: Path) -> None:
    query = query_of_text("SELECT 'a:b 100%' AS x, NULL AS y, 1.5 AS z, x'ff00' AS w LIMIT 1")
    (row,) = read_rows(source(database, query))
    assert row.cells == ("a:b 100%", None, "1.5", "\\xff\0")


def test_nothing_is_ever_committed(database: Path) -> None:
    read_rows(source(database, query_of_text("""DELETE FROM "loan book" RETURNING phone""")))
    assert len(read_rows(source(database))) == ROWS


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "sqlite:///absent.sqlite",
        "sqlite://",
        f"nosuchdatabase://reader:{PASSWORD}@localhost/x",
        f"mysql+nosuchdriver://reader:{PASSWORD}@localhost/x",
        f"postgresql+psycopg://reader:{PASSWORD}@127.0.0.1:1/x",
    ],
)
def test_an_address_that_leads_nowhere_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(CreditError) as caught:
        read_rows(SqlSource(url, query_of_text("SELECT 1 AS a"), tmp_path))
    assert caught.value.code is Code.SOURCE_UNREADABLE
    assert PASSWORD not in str(caught.value) + repr(caught.value)
    assert caught.value.__context__ is None


def test_the_password_is_in_no_text_of_the_source() -> None:
    found = SqlSource(f"postgresql+psycopg://reader:{PASSWORD}@localhost/x", query_of_text("SELECT 1"))
    assert PASSWORD not in f"{found} {found!r} {found.name}"


@pytest.mark.parametrize("query", ["SELECT nothing FROM nowhere", "SELECT 1 AS a, 2 AS a", "not sql at all"])
def test_a_query_that_fails_is_unreadable(database: Path, query: str) -> None:
    with refused(Code.SOURCE_UNREADABLE):
        read_rows(source(database, query_of_text(query)))


def test_a_database_that_is_none_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "bad.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    with refused(Code.SOURCE_UNREADABLE):
        read_rows(source(path))


@contextmanager
def raw_connections() -> Iterator[list[sqlite3.Connection]]:
    """Collect the connections that SQLAlchemy opens."""
    opened: list[sqlite3.Connection] = []

    def note(connection: sqlite3.Connection, _record: object) -> None:
        opened.append(connection)

    event.listen(Engine, "connect", note)
    try:
        yield opened
    finally:
        event.remove(Engine, "connect", note)


def test_a_connection_that_ends_half_way_is_lost(database: Path) -> None:
    with raw_connections() as opened, source(database).open() as table:
        assert len(next(table.batches)) == BATCH_ROWS
        opened[0].close()
        with pytest.raises(CreditError) as caught:
            list(table.batches)
    assert caught.value.code is Code.SOURCE_LOST
    assert caught.value.__context__ is None


def test_postgresql_streams_through_a_cursor_and_refuses_to_write(postgres: Postgres) -> None:
    url = postgres.new_database("lender_source")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA loans"))
        connection.execute(
            text(
                "CREATE TABLE loans.accounts AS SELECT i AS id, i * 1.25::numeric(12, 2) AS amount,"
                " DATE '2026-01-31' AS opened, i % 2 = 0 AS even FROM generate_series(1, 5000) AS t(i)"
            )
        )
    engine.dispose()
    rows = read_rows(SqlSource(url, query_of_table("loans.accounts")))
    assert len(rows) == 5_000
    assert rows[1].cells == ("2", "2.50", "2026-01-31", "true")
    with refused(Code.SOURCE_UNREADABLE):
        read_rows(SqlSource(url, query_of_text("DELETE FROM loans.accounts RETURNING id")))


def test_postgresql_that_ends_the_connection_is_lost(postgres: Postgres) -> None:
    url = postgres.new_database("lender_source_that_ends")
    query = query_of_text("SELECT pg_backend_pid() AS pid, repeat('x', 2000) AS filler FROM generate_series(1, 50000)")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as killer, SqlSource(url, query).open() as table:
        pid = int(next(table.batches)[0].cells[0] or 0)
        killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with refused(Code.SOURCE_LOST):
            list(table.batches)
    engine.dispose()
