"""How every SQLite file of a participant is opened: owner-only, durable at each commit, of a known schema or refused."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError

BUSY_SECONDS = 10.0


def open_database(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """
    Open or create a database (mode 0600, WAL, synchronous FULL, autocommit; transactions are explicit).

    A new file gets `schema`; an existing one must have exactly this schema version. Raises
    CreditError(STORAGE_SCHEMA), (STORAGE_FULL) or (SOURCE_UNREADABLE).
    """
    with storage_errors():
        path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _check_schema(connection, schema, version)
    return connection


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run an exclusive transaction: durable at the end, undone on any exception."""
    with storage_errors():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what SQLite and the file system raise into codes; nothing of a row's content is in them."""
    try:
        yield
    except sqlite3.Error as error:
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL if hasattr(error, "sqlite_errorcode") else False
        raise CreditError(Code.STORAGE_FULL if full else Code.INTERNAL, type(error).__name__) from None
    except OSError as error:
        raise CreditError(Code.STORAGE_FULL if error.errno == 28 else Code.SOURCE_UNREADABLE) from None


def _check_schema(connection: sqlite3.Connection, schema: str, version: int) -> None:
    with closing(connection.execute("PRAGMA user_version")) as cursor:
        (found,) = cursor.fetchone()
    if found == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;")
    elif found != version:
        raise CreditError(Code.STORAGE_SCHEMA, f"schema version {found}, this version knows {version}")
