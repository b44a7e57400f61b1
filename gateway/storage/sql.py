"""
The gateway's durable memory over SQLAlchemy: SQLite for one process, PostgreSQL for several replicas.

A batch of units is one transaction. On PostgreSQL an advisory lock makes batches of all replicas follow each other,
so that the log has one sequence; on SQLite the database's own write lock does.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from consortium.errors import Code, CreditError
from consortium.transparency.kinds import check_entry
from gateway.failpoints import failpoint
from gateway.ports import ResultT, Unit
from gateway.storage.schema import check_or_create
from gateway.storage.tables import entries
from gateway.storage.transaction import Clock, EntryCheck, SqlTransaction

LOG_LOCK = 0x6372656469746C67  # "creditlg": the advisory lock of the one sequence


def wall_clock() -> int:
    """Give Unix milliseconds."""
    return time.time_ns() // 1_000_000


class SqlStore:
    """A `GatewayStore` in a database; see there for what it guarantees."""

    def __init__(self, url: str, clock: Clock = wall_clock, check: EntryCheck = check_entry) -> None:
        self.url = url
        self._engine = open_engine(make_url(url))
        self._clock = clock
        self._check = check
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        with storage_errors_of(self._engine):
            check_or_create(self._engine)

    def transact(self, units: Sequence[Unit[ResultT]]) -> list[ResultT | CreditError]:
        """Run the units and make all of them durable at once."""
        try:
            with self._engine.begin() as connection:
                self._lock(connection)
                transaction = SqlTransaction(connection, self._clock, self._check)
                results = [transaction.run(unit) for unit in units]
                failpoint("store.before-commit")
            failpoint("store.after-commit")
        except (SQLAlchemyError, self._driver_error) as error:
            raise translated(error) from None
        return results

    def lines(self, start: int, end: int) -> list[bytes]:
        """Give the exact bytes of a range of entries."""
        query = select(entries.c.line).where(entries.c.index >= start, entries.c.index < end).order_by(entries.c.index)
        with self._engine.connect() as connection:
            return [bytes(line) for line in connection.scalars(query)]

    def size(self) -> int:
        """Give the number of entries."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(entries)) or 0

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)

    def _lock(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})


def open_engine(url: URL) -> Engine:
    """Open a database: SQLite with WAL and synchronous FULL in a file of mode 0600, or PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    if url.database:
        Path(url.database).touch(mode=0o600, exist_ok=True)
    engine = create_engine(url, paramstyle="named", connect_args={"timeout": 10, "check_same_thread": False})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def close_engine(engine: Engine) -> None:
    """
    Close every connection; one that a thread still uses is waited for, a second at most.

    A task that is cancelled does not stop the thread that reads for it, and what is closed too early is never closed.
    """
    checked_out, deadline = getattr(engine.pool, "checkedout", None), time.monotonic() + 1.0
    while checked_out is not None and checked_out() > 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    engine.dispose()


def translated(error: Exception) -> CreditError:
    """Map a database error to a code; nothing of a row's content is in it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    name = type(original).__name__
    full = "disk is full" in str(original) or name == "DiskFull"
    return CreditError(Code.STORAGE_FULL, "the gateway's disk") if full else CreditError(Code.INTERNAL, name)


class storage_errors_of:  # noqa: N801  a context manager reads like a function
    """Turn database errors into codes, and close the engine that cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._engine.dispose()
        if isinstance(error, SQLAlchemyError):
            raise translated(error) from None


def _configure_sqlite(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the DBAPI connection, typed as object
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions are begun explicitly
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")  # an erased body's key leaves no trace in a free page
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
