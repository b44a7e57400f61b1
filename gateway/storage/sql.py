"""
The gateway's durable memory over SQLAlchemy: SQLite for one process, PostgreSQL for several replicas.

A batch of units is one transaction. On PostgreSQL an advisory lock makes batches of all replicas follow each other,
so that the log has one sequence; on SQLite the database's own write lock does.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, event, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from consortium.canonical import CanonicalValue, canonical_json
from consortium.custody import Answered
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.transparency.tree import leaf_hash
from gateway.ports import Appended, GatewayTransaction, KnownRequest, ResultT, Unit
from gateway.storage.schema import check_or_create
from gateway.storage.tables import consent_uses, counters, entries, evaluations, mask_keys, quotas, requests

LOG_LOCK = 0x6372656469746C67  # "creditlg": the advisory lock of the one sequence

Clock = Callable[[], int]
"""Gives Unix milliseconds."""


def wall_clock() -> int:
    """Give Unix milliseconds."""
    return time.time_ns() // 1_000_000


class SqlStore:
    """A `GatewayStore` in a database; see there for what it guarantees."""

    def __init__(self, url: str, clock: Clock = wall_clock) -> None:
        self._engine = open_engine(make_url(url))
        self._clock = clock
        with storage_errors_of(self._engine):
            check_or_create(self._engine)

    def transact(self, units: Sequence[Unit[ResultT]]) -> list[ResultT | CreditError]:
        """Run the units and make all of them durable at once."""
        try:
            with self._engine.begin() as connection:
                self._lock(connection)
                size = connection.scalar(select(func.coalesce(func.max(entries.c.index) + 1, 0))) or 0
                transaction = _SqlTransaction(connection, size, self._clock)
                return [_run(connection, transaction, unit) for unit in units]
        except SQLAlchemyError as error:
            raise translated(error) from None

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
        self._engine.dispose()

    def _lock(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})


class _SqlTransaction:
    """The operations of one batch; see `GatewayTransaction`."""

    def __init__(self, connection: Connection, size: int, clock: Clock) -> None:
        self._connection = connection
        self.size = size
        self._clock = clock

    def append(self, entry: dict[str, CanonicalValue]) -> Appended:
        """Append an entry."""
        index, now = self.size, self._clock()
        line = canonical_json({**entry, "index": index, "time_ms": now})
        self._connection.execute(insert(entries).values(index=index, line=line))
        self.size += 1
        return Appended(index, leaf_hash(line), now)

    def request(self, requester: MemberId, request_id: bytes) -> KnownRequest | None:
        """Look a request up."""
        query = select(requests.c.query_digest, requests.c.response).where(
            requests.c.requester == requester, requests.c.request_id == request_id
        )
        row = self._connection.execute(query).one_or_none()
        return KnownRequest(bytes(row[0]), bytes(row[1]) if row[1] is not None else None) if row else None

    def open_request(self, requester: MemberId, request_id: bytes, query_digest: bytes) -> None:
        """Remember a request."""
        values = {"requester": requester, "request_id": request_id, "query_digest": query_digest}
        self._connection.execute(insert(requests).values(values))

    def close_request(self, requester: MemberId, request_id: bytes, response: bytes) -> None:
        """Keep the response."""
        which = (requests.c.requester == requester) & (requests.c.request_id == request_id)
        self._connection.execute(update(requests).where(which).values(response=response))

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query under a consent record once."""
        of_record = select(consent_uses.c.query).where(consent_uses.c.consent == consent_digest)
        known = {bytes(query) for query in self._connection.scalars(of_record)}
        if query_digest not in known:
            self._connection.execute(insert(consent_uses).values(consent=consent_digest, query=query_digest))
        return len(known | {query_digest})

    def spend(self, member: MemberId, quota: str, period: int, amount: int) -> int:
        """Add to what a member has used."""
        which = (quotas.c.member == member) & (quotas.c.quota == quota) & (quotas.c.period == period)
        changed = self._connection.execute(update(quotas).where(which).values(used=quotas.c.used + amount))
        if changed.rowcount == 0:
            values = {"member": member, "quota": quota, "period": period, "used": amount}
            self._connection.execute(insert(quotas).values(values))
        return self.spent(member, quota, period)

    def spent(self, member: MemberId, quota: str, period: int) -> int:
        """Give what a member has used."""
        which = (quotas.c.member == member) & (quotas.c.quota == quota) & (quotas.c.period == period)
        return self._connection.scalar(select(quotas.c.used).where(which)) or 0

    def keep_mask_key(self, member: MemberId, day: int, certified: bytes) -> None:
        """Keep a member's certified mask key of a day."""
        which = (mask_keys.c.member == member) & (mask_keys.c.day == day)
        values = {"certified": certified}
        if self._connection.execute(update(mask_keys).where(which).values(values)).rowcount == 0:
            self._connection.execute(insert(mask_keys).values(member=member, day=day, **values))

    def mask_keys(self, day: int) -> dict[MemberId, bytes]:
        """Give every member's certified mask key of a day."""
        query = select(mask_keys.c.member, mask_keys.c.certified).where(mask_keys.c.day == day)
        return {member: bytes(certified) for member, certified in self._connection.execute(query)}

    def last_evaluation(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer."""
        columns = evaluations.c
        query = select(columns.counter, columns.request_digest, columns.answer)
        row = self._connection.execute(query.where(_evaluation_of(member, generation))).one_or_none()
        return Answered(row[0], bytes(row[1]), bytes(row[2])) if row else None

    def keep_evaluation(self, member: MemberId, generation: int, answered: Answered) -> None:
        """Keep an answer whose counter follows."""
        last = self.last_evaluation(member, generation)
        if answered.counter != (last.counter if last else 0) + 1:
            raise CreditError(Code.COUNTER_GAP, "another request came between")
        values = {
            "counter": answered.counter,
            "request_digest": answered.request_digest,
            "answer": answered.answer,
        }
        if last:
            self._connection.execute(update(evaluations).where(_evaluation_of(member, generation)).values(values))
        else:
            self._connection.execute(insert(evaluations).values(member=member, generation=generation, **values))

    def counter(self, member: MemberId) -> int:
        """Give the number of the last signed message seen."""
        return self._connection.scalar(select(counters.c.counter).where(counters.c.member == member)) or 0

    def see_counters(self, seen: Mapping[MemberId, int]) -> None:
        """Remember the highest number of each member, in one statement."""
        upsert = sqlite_insert if self._connection.dialect.name == "sqlite" else postgresql_insert
        statement = upsert(counters).values([{"member": member, "counter": seen[member]} for member in sorted(seen)])
        newer = statement.excluded.counter
        statement = statement.on_conflict_do_update(
            index_elements=["member"], set_={"counter": newer}, where=newer > counters.c.counter
        )
        self._connection.execute(statement)


def _evaluation_of(member: MemberId, generation: int) -> ColumnElement[bool]:
    return (evaluations.c.member == member) & (evaluations.c.generation == generation)


def open_engine(url: URL) -> Engine:
    """Open a database: SQLite with WAL and synchronous FULL in a file of mode 0600, or PostgreSQL."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    if url.database:
        Path(url.database).touch(mode=0o600, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 10, "check_same_thread": False})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def translated(error: SQLAlchemyError) -> CreditError:
    """Map a database error to a code; nothing of a row's content is in it."""
    original = error.orig if isinstance(error, DBAPIError) else None
    name = type(original or error).__name__
    full = "disk is full" in str(original) or name == "DiskFull"
    return CreditError(Code.STORAGE_FULL if full else Code.INTERNAL, name)


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


def _run(connection: Connection, transaction: _SqlTransaction, unit: Unit[ResultT]) -> ResultT | CreditError:
    """Run a unit inside a savepoint, so that one that refuses leaves the rest of the batch alone."""
    size, savepoint = transaction.size, connection.begin_nested()
    try:
        result = unit(transaction)
    except CreditError as error:
        savepoint.rollback()
        transaction.size = size
        return error
    savepoint.commit()
    return result


def _configure_sqlite(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the DBAPI connection, typed as object
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions are begun explicitly
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_: type[GatewayTransaction] = _SqlTransaction
