"""A lender's durable memory of its answers in SQLite: exchanges, releases, the ledger, the counter, consent uses."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.identifiers import SubjectTag
from consortium.model.members import MemberId, MemberSet
from participants.lender.answer_ports import Binding, Exchange
from participants.lender.portfolio.ledger import binding_of_tag
from participants.lender.portfolio.ports import KnownList, ListAnswerTransaction
from participants.storage.database import open_database, storage_errors, write_transaction
from participants.storage.lists import LISTS, ListFolder, SqliteLists
from participants.storage.statistics import STATISTICS, SqliteStatistics

SCHEMA_VERSION = 5
TRAVEL_SECONDS = 2 * 86_400
"""How long a release is counted at least."""
MESSAGE_DAYS = "CREATE TABLE message_days (day INTEGER PRIMARY KEY, last INTEGER NOT NULL)"
TRAVEL = """
CREATE TABLE travel_releases (
    tag BLOB NOT NULL, query BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (tag, query)
) WITHOUT ROWID;
CREATE TABLE travel_payments (
    requester TEXT NOT NULL, payment BLOB NOT NULL, query BLOB NOT NULL, PRIMARY KEY (requester, payment)
) WITHOUT ROWID
"""
UPGRADES = (MESSAGE_DAYS, TRAVEL, LISTS, STATISTICS)
SCHEMA = f"""
CREATE TABLE exchanges (
    ctx BLOB PRIMARY KEY, request BLOB NOT NULL, answer BLOB NOT NULL, reveal BLOB NOT NULL, correction BLOB
) WITHOUT ROWID;
CREATE TABLE bindings (
    tag BLOB PRIMARY KEY, members TEXT NOT NULL, roster TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE consent_uses (
    consent BLOB NOT NULL, query BLOB NOT NULL, PRIMARY KEY (consent, query)
) WITHOUT ROWID;
{MESSAGE_DAYS};
{TRAVEL};
{LISTS};
{STATISTICS};
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO numbers VALUES ('counter', 0), ('quarantined_until', 0)
"""  # noqa: S608  no input


class SqliteAnswers:
    """An `AnswerStore` in one file; several threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION, UPGRADES)
        self._connection.execute("PRAGMA secure_delete = ON")  # a statistic's seed leaves no trace in a free page
        self._lock = threading.Lock()
        self.lists = ListFolder(path.with_suffix(".lists"))
        """The files of lists and jobs, beside the database."""

    def find(self, ctx: bytes) -> Exchange | None:
        """Look an exchange up outside any transaction."""
        with self._lock, storage_errors():
            return _find(self._connection, ctx)

    @contextmanager
    def transaction(self) -> Iterator[ListAnswerTransaction]:
        """Begin an exclusive transaction; its effects are durable before the context's end returns."""
        with self._lock, write_transaction(self._connection) as connection:
            yield _SqliteTransaction(connection, self.lists)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _SqliteTransaction:
    """The transaction's operations; see `AnswerTransaction`."""

    def __init__(self, connection: sqlite3.Connection, files: ListFolder) -> None:
        self._connection = connection
        self._files = files
        self.lists = SqliteLists(connection)

    @property
    def statistics(self) -> SqliteStatistics:
        """Give the statistics' part."""
        return SqliteStatistics(self._connection)

    def exchange(self, ctx: bytes) -> Exchange | None:
        """Give what round 1 stored."""
        return _find(self._connection, ctx)

    def open_exchange(self, ctx: bytes, exchange: Exchange) -> None:
        """Store round 1; raises CreditError(CTX_REPLAYED) for a ctx that is open."""
        values = (ctx, exchange.request, exchange.answer, exchange.reveal)
        try:
            self._connection.execute("INSERT INTO exchanges (ctx, request, answer, reveal) VALUES (?, ?, ?, ?)", values)
        except sqlite3.IntegrityError:
            raise CreditError(Code.CTX_REPLAYED) from None

    def correction(self, ctx: bytes) -> bytes | None:
        """Give the signed answer of round 2."""
        row = self._connection.execute("SELECT correction FROM exchanges WHERE ctx = ?", (ctx,)).fetchone()
        return row[0] if row else None

    def release(self, ctx: bytes, answer: bytes) -> None:
        """Store the signed answer of round 2; raises CTX_UNKNOWN, or ALREADY_RELEASED for a second one."""
        sql = "UPDATE exchanges SET correction = ? WHERE ctx = ? AND correction IS NULL"
        if self._connection.execute(sql, (answer, ctx)).rowcount != 1:
            known = _find(self._connection, ctx)
            raise CreditError(Code.ALREADY_RELEASED if known else Code.CTX_UNKNOWN)

    def bindings(self, tags: Sequence[SubjectTag], not_before: int) -> list[Binding | None]:
        """Give each tag's binding whose first release is at or after `not_before`."""
        known = self.lists.known(not_before)
        return [self._binding(tag, not_before, known) for tag in tags]

    def bind(self, tag: SubjectTag, binding: Binding) -> None:
        """Bind a tag, replacing a binding whose window has passed."""
        values = (tag.value, _join(binding.members), _join(binding.roster), binding.since)
        self._connection.execute("INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?)", values)

    def counter(self) -> int:
        """Give the number of the last signed message."""
        return int(self._connection.execute("SELECT value FROM numbers WHERE name = 'counter'").fetchone()[0])

    def next_counter(self, day: int) -> int:
        """Give the next gapless number, and count it to the latest day so far at least: a clock may go back."""
        sql = "UPDATE numbers SET value = value + 1 WHERE name = 'counter' RETURNING value"
        counter = int(self._connection.execute(sql).fetchone()[0])
        sql = "INSERT OR REPLACE INTO message_days SELECT max(?, coalesce(max(day), 0)), ? FROM message_days"
        self._connection.execute(sql, (day, counter))
        return counter

    def last_of_days(self, after: int) -> list[tuple[int, int]]:
        """Give each later UTC day with its last number."""
        return self._connection.execute("SELECT day, last FROM message_days WHERE day > ?", (after,)).fetchall()

    def consent_uses(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count the queries under a consent record, this one included."""
        sql = "SELECT count(*) FROM consent_uses WHERE consent = ? AND query <> ?"
        return 1 + int(self._connection.execute(sql, (consent_digest, query_digest)).fetchone()[0])

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query under a consent record once."""
        self._connection.execute("INSERT OR IGNORE INTO consent_uses VALUES (?, ?)", (consent_digest, query_digest))
        sql = "SELECT count(*) FROM consent_uses WHERE consent = ?"
        return int(self._connection.execute(sql, (consent_digest,)).fetchone()[0])

    def travel_releases(self, tag: SubjectTag, not_before: int) -> list[tuple[bytes, int]]:
        """Give query and time of each release for a tag."""
        sql = "SELECT query, at FROM travel_releases WHERE tag = ? AND at >= ?"
        return self._connection.execute(sql, (tag.value, not_before)).fetchall()

    def travel_payment(self, requester: MemberId, commitment: bytes) -> bytes | None:
        """Give the query that a payment reference has served."""
        sql = "SELECT query FROM travel_payments WHERE requester = ? AND payment = ?"
        row = self._connection.execute(sql, (requester, commitment)).fetchone()
        return row[0] if row else None

    def note_travel(
        self, tags: Sequence[SubjectTag], query_digest: bytes, payment: tuple[MemberId, bytes], now: int
    ) -> None:
        """Keep a release; counts that no period looks back to any more are dropped."""
        self._connection.execute("DELETE FROM travel_releases WHERE at < ?", (now - TRAVEL_SECONDS,))
        rows = [(tag.value, query_digest, now) for tag in tags]
        self._connection.executemany("INSERT OR IGNORE INTO travel_releases VALUES (?, ?, ?)", rows)
        self._connection.execute("INSERT OR IGNORE INTO travel_payments VALUES (?, ?, ?)", (*payment, query_digest))

    def quarantined_until(self) -> int:
        """Give the time before which nothing is released."""
        sql = "SELECT value FROM numbers WHERE name = 'quarantined_until'"
        return int(self._connection.execute(sql).fetchone()[0])

    def quarantine(self, until: int) -> None:
        """Release nothing before this time; never shortened."""
        sql = "UPDATE numbers SET value = max(value, ?) WHERE name = 'quarantined_until'"
        self._connection.execute(sql, (until,))

    def note_generation(self, generation: int, now: int) -> None:
        """Note the generation; of another one also the one before, and when it changed."""
        known = self._number("generation")
        if known == generation:
            return
        if known is not None:
            self._keep_number("generation_before", known)
            self._keep_number("changed_at", now)
        self._keep_number("generation", generation)

    def changed_over(self) -> tuple[int, int] | None:
        """Give the generation before and when it changed."""
        before, at = self._number("generation_before"), self._number("changed_at")
        return (before, at) if before is not None and at is not None else None

    def _number(self, name: str) -> int | None:
        row = self._connection.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def _keep_number(self, name: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (name, value))

    def _binding(self, tag: SubjectTag, not_before: int, known: list[KnownList]) -> Binding | None:
        """Give what a query about one person or a list has bound first."""
        sql = "SELECT members, roster, since FROM bindings WHERE tag = ? AND since >= ?"
        row = self._connection.execute(sql, (tag.value, not_before)).fetchone()
        single = Binding(_split(row[0]), _split(row[1]), row[2]) if row else None
        listed = binding_of_tag(tag.value, known, self.lists, self._files, not_before) if known else None
        return min(filter(None, (single, listed)), key=lambda one: one.since, default=None)


def _find(connection: sqlite3.Connection, ctx: bytes) -> Exchange | None:
    sql = "SELECT request, answer, reveal FROM exchanges WHERE ctx = ?"
    row = connection.execute(sql, (ctx,)).fetchone()
    return Exchange(*row) if row else None


def _join(members: MemberSet) -> str:
    return " ".join(sorted(members))


def _split(text: str) -> MemberSet:
    return frozenset(text.split())
