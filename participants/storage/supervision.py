"""
What a lender keeps for supervision in SQLite: its statements, filings that concern it, inspections, unreadable sums.

`filings` is a copy of what the gateway showed, each verified before it is kept; `read_to` is how far it was read.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code
from consortium.model.receipts import MessageReceipt
from consortium.supervision.documents import FilingKind
from consortium.supervision.sums import Unreadable
from participants.lender.supervision_ports import Filed, StatementStore, Unreadables
from participants.receipt_lines import ReceiptLine, answer_line, message_line
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 2
RECEIPTS = """
CREATE TABLE message_receipts (
    query BLOB NOT NULL, admission INTEGER NOT NULL, attempt INTEGER NOT NULL, round INTEGER NOT NULL,
    line BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (query, admission, attempt, round)
) WITHOUT ROWID;
CREATE TABLE answer_receipts (entry INTEGER PRIMARY KEY, line BLOB NOT NULL, at INTEGER NOT NULL)
"""
UPGRADES = (RECEIPTS,)
SCHEMA = f"""
CREATE TABLE statements (number INTEGER PRIMARY KEY, signed BLOB NOT NULL, entry INTEGER);
CREATE TABLE filings (entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, signed BLOB NOT NULL);
CREATE TABLE inspections (
    entry INTEGER PRIMARY KEY, state TEXT NOT NULL, cause TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE bundles (entry INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE unreadable (
    query BLOB PRIMARY KEY, code TEXT NOT NULL, at INTEGER NOT NULL, statement INTEGER
) WITHOUT ROWID;
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO numbers VALUES ('read_to', -1);
{RECEIPTS}
"""  # noqa: S608  no input
ANSWERED, REFUSED = "answered", "refused"


@dataclass(frozen=True, slots=True)
class InspectionState:
    """What became of an order: "answered", or "refused" with the cause; and when (Unix seconds)."""

    entry: int
    state: str
    cause: str
    at: int


class SqliteSupervision:
    """All of it in one file; several threads may share it."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION, UPGRADES)
        self._lock = threading.Lock()

    def statements(self, newest: int) -> list[bytes]:
        """Give the newest statements, the newest first."""
        sql = "SELECT signed FROM statements ORDER BY number DESC LIMIT ?"
        with self._lock, storage_errors():
            return [signed for (signed,) in self._connection.execute(sql, (newest,))]

    def keep_statement(self, number: int, signed: bytes, reported: Sequence[Unreadable]) -> None:
        """Keep the next statement and what it reports."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT INTO statements (number, signed) VALUES (?, ?)", (number, signed))
            rows = [(number, one.query) for one in reported]
            connection.executemany("UPDATE unreadable SET statement = ? WHERE query = ?", rows)

    def take_statement(self, number: int, signed: bytes, entry: int) -> None:
        """Keep a statement as the log has it: that is the one that counts, whatever this store was put back from."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT OR REPLACE INTO statements VALUES (?, ?, ?)", (number, signed, entry))

    def unsent(self) -> list[bytes]:
        """Give the statements that are not known to be in the log, oldest first."""
        sql = "SELECT signed FROM statements WHERE entry IS NULL ORDER BY number"
        with self._lock, storage_errors():
            return [signed for (signed,) in self._connection.execute(sql)]

    def drop_unsent(self) -> None:
        """Forget statements that are not in the log, because the log has others; what they reported is told anew."""
        with self._lock, write_transaction(self._connection) as connection:
            gone = "(SELECT number FROM statements WHERE entry IS NULL)"
            connection.execute(f"UPDATE unreadable SET statement = NULL WHERE statement IN {gone}")  # noqa: S608
            connection.execute("DELETE FROM statements WHERE entry IS NULL")

    def note_unreadable(self, found: Unreadable, now: int) -> None:
        """Note an answer that could not be used."""
        with self._lock, write_transaction(self._connection) as connection:
            sql = "INSERT OR IGNORE INTO unreadable (query, code, at) VALUES (?, ?, ?)"
            connection.execute(sql, (found.query, found.code.value, now))

    def unreadable(self, most: int) -> list[Unreadable]:
        """Give what was not stated yet, oldest first."""
        sql = "SELECT query, code FROM unreadable WHERE statement IS NULL ORDER BY at, query LIMIT ?"
        with self._lock, storage_errors():
            return [Unreadable(query, Code(code)) for query, code in self._connection.execute(sql, (most,))]

    def take(self, filings: Sequence[Filed], read_to: int) -> None:
        """Keep filings and how far they were read, in one step."""
        rows = [(one.entry, one.kind.value, one.signed) for one in filings]
        with self._lock, write_transaction(self._connection) as connection:
            connection.executemany("INSERT OR IGNORE INTO filings VALUES (?, ?, ?)", rows)
            connection.execute("UPDATE numbers SET value = max(value, ?) WHERE name = 'read_to'", (read_to,))

    @property
    def read_to(self) -> int:
        """The index of the last entry that was read, -1 before any."""
        with self._lock, storage_errors():
            sql = "SELECT value FROM numbers WHERE name = 'read_to'"
            return int(self._connection.execute(sql).fetchone()[0])

    def filings(self, *kinds: FilingKind) -> list[Filed]:
        """Give the filings of some kinds in the log's order."""
        marks = ", ".join("?" * len(kinds))
        sql = f"SELECT entry, kind, signed FROM filings WHERE kind IN ({marks}) ORDER BY entry"  # noqa: S608
        with self._lock, storage_errors():
            rows = self._connection.execute(sql, [kind.value for kind in kinds])
            return [Filed(entry, FilingKind(kind), signed) for entry, kind, signed in rows]

    def inspections(self) -> dict[int, InspectionState]:
        """Give what became of the orders that were dealt with, by their entries."""
        with self._lock, storage_errors():
            rows = self._connection.execute("SELECT entry, state, cause, at FROM inspections").fetchall()
        return {row[0]: InspectionState(*row) for row in rows}

    def note_inspection(self, entry: int, state: str, cause: str, now: int) -> None:
        """Note what became of an order."""
        with self._lock, write_transaction(self._connection) as connection:
            values = (entry, state, cause[:200], now)
            connection.execute("INSERT OR REPLACE INTO inspections VALUES (?, ?, ?, ?)", values)
            connection.execute("DELETE FROM bundles WHERE entry = ?", (entry,))

    def keep_bundle(self, entry: int, sealed: bytes) -> None:
        """Keep what an order is shown until it has arrived, so that a repeat sends the same bytes."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT OR REPLACE INTO bundles VALUES (?, ?)", (entry, sealed))

    def bundle(self, entry: int) -> bytes | None:
        """Give what is on its way to an order."""
        with self._lock, storage_errors():
            row = self._connection.execute("SELECT sealed FROM bundles WHERE entry = ?", (entry,)).fetchone()
        return bytes(row[0]) if row else None

    def keep_receipts(self, found: Sequence[ReceiptLine], now: int) -> None:
        """Keep receipts in one step."""
        messages, answers = [], []
        for one in found:
            if isinstance(one, MessageReceipt):
                of = one.round
                messages.append((of.query, of.admission, of.attempt, of.number, message_line(one), now))
            else:
                answers.append((one[0].index, answer_line(*one), now))
        with self._lock, write_transaction(self._connection) as connection:
            connection.executemany("INSERT OR IGNORE INTO message_receipts VALUES (?, ?, ?, ?, ?, ?)", messages)
            connection.executemany("INSERT OR IGNORE INTO answer_receipts VALUES (?, ?, ?)", answers)

    def receipts(self, since: int = 0) -> Iterator[bytes]:
        """Give the lines of all receipts since a time (Unix seconds), of answers first."""
        for table in ("answer_receipts", "message_receipts"):
            sql = f"SELECT line FROM {table} WHERE at >= ? ORDER BY at"  # noqa: S608  no input
            with self._lock, storage_errors():
                rows = self._connection.execute(sql, (since,)).fetchall()
            yield from (line for (line,) in rows)

    def forget_receipts(self, before: int) -> None:
        """Forget receipts from before a time (Unix seconds)."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("DELETE FROM message_receipts WHERE at < ?", (before,))
            connection.execute("DELETE FROM answer_receipts WHERE at < ?", (before,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


_: type[StatementStore] = SqliteSupervision
__: type[Unreadables] = SqliteSupervision
