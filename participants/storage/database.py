"""How every SQLite file of a participant is opened: owner-only, durable at each commit, of a known schema only."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError
from participants.whole_files import FULL

BUSY_SECONDS = 10.0
PAGE_BYTES = 8_192  # a credit file of the usual size stays on one page
WAL_LIMIT_BYTES = 64 * 2**20  # what a log keeps of its size after a bulk load
_CODES = {
    sqlite3.SQLITE_FULL: Code.STORAGE_FULL,
    sqlite3.SQLITE_BUSY: Code.STORAGE_BUSY,
    sqlite3.SQLITE_LOCKED: Code.STORAGE_BUSY,
}


def open_database(path: Path, schema: str, version: int, upgrades: Sequence[str] = ()) -> sqlite3.Connection:
    """
    Open or create a database (mode 0600, WAL, synchronous FULL, autocommit; transactions are explicit).

    A new file gets `schema`; an existing one must have exactly this schema version, or one from which `upgrades` lead
    to it: the statements from version 1 to 2, then to 3, and so on. Raises CreditError(STORAGE_SCHEMA), leaving the
    file as it is, (STORAGE_FULL), (STORAGE_BROKEN) or (SOURCE_UNREADABLE).
    """
    with storage_errors():
        path.touch(mode=0o600, exist_ok=True)
    connection = connect(path)
    try:
        _check_schema(connection, schema, version, upgrades)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """Open one more connection to a database that `open_database` has opened before."""
    with storage_errors():
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        except BaseException:
            connection.close()
            raise
    return connection


class Connections:
    """One connection for each thread to one database; `close` ends them all."""

    def __init__(self, path: Path, schema: str, version: int, upgrades: Sequence[str] = ()) -> None:
        self._path = path
        self._own = threading.local()
        self._guard = threading.Lock()
        self._own.connection = open_database(path, schema, version, upgrades)
        self._all = [self._own.connection]

    def own(self) -> sqlite3.Connection:
        """Give the calling thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self._path)
            with self._guard:
                self._all.append(connection)
        return connection

    def close(self) -> None:
        """Close every connection; the object is of no use afterwards."""
        with self._guard:
            while self._all:
                self._all.pop().close()


@contextmanager
def write_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run an exclusive transaction: durable at the end, undone on any exception."""
    with storage_errors(), _transaction(connection, "BEGIN IMMEDIATE"):
        yield connection


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Read one consistent state, however long it takes; never waits for a writer."""
    with storage_errors(), _transaction(connection, "BEGIN"):
        yield connection


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what SQLite and the file system raise into codes; nothing of a row's content is in them."""
    try:
        yield
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise CreditError(_CODES.get(primary, Code.STORAGE_BROKEN), name) from None
    except OSError as error:
        full = error.errno in FULL
        raise CreditError(Code.STORAGE_FULL if full else Code.SOURCE_UNREADABLE) from None


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_schema(connection: sqlite3.Connection, schema: str, version: int, upgrades: Sequence[str]) -> None:
    with write_transaction(connection):
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if found == version:
            return
        if not found and not tables:
            scripts = [schema]
        elif version - len(upgrades) <= found < version:
            scripts = [*upgrades[found - version :]]
        else:
            raise CreditError(Code.STORAGE_SCHEMA, f"schema version {found}, this version knows {version}")
        for statement in ";".join(scripts).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
