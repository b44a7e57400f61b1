"""A party's own copy of the board in SQLite: every document that it read, and what it posts, with delivery state."""

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from consortium.wire.membership import BoardDocument, DocumentKind
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE documents (
    sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, signed BLOB NOT NULL, time_ms INTEGER NOT NULL,
    author TEXT NOT NULL
);
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, signed BLOB NOT NULL,
    made_at INTEGER NOT NULL, sequence INTEGER, problem TEXT NOT NULL DEFAULT ''
);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
"""
_READ_TO = "read-to"


@dataclass(frozen=True, slots=True)
class Own:
    """One of our own documents; `sequence` is its place on the board once it was delivered."""

    topic: str
    kind: DocumentKind
    signed: bytes
    made_at: int
    sequence: int | None
    problem: str


class SqliteBoard:
    """The copy and the outbox in one file; several processes of a party may share it."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises CreditError as `open_database`."""
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._lock = threading.Lock()

    @property
    def read_to(self) -> int:
        """The place up to which the board was read."""
        return self.mark(_READ_TO) or 0

    def take(self, documents: list[BoardDocument], read_to: int) -> None:
        """Keep documents and the place read to, in one durable step; a known place is left as it is.

        With `read_to` 0 only documents are kept: those that we posted and so know before we read them.
        """
        rows = [(one.sequence, int(one.kind), one.signed, one.time_ms, one.author) for one in documents]
        with self._lock, write_transaction(self._connection) as connection:
            connection.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?)", rows)
            if read_to:
                _set_mark(connection, _READ_TO, read_to)

    def count(self) -> int:
        """Give how many documents there are."""
        with self._lock, storage_errors():
            return int(self._connection.execute("SELECT count(*) FROM documents").fetchone()[0])

    def documents(self, after: int = 0) -> list[BoardDocument]:
        """Give every document after a place, in the board's order."""
        sql = "SELECT sequence, kind, signed, time_ms, author FROM documents WHERE sequence > ? ORDER BY sequence"
        with self._lock, storage_errors():
            rows = self._connection.execute(sql, (after,)).fetchall()
        return [BoardDocument(row[0], DocumentKind(row[1]), row[2], row[3], row[4]) for row in rows]

    def queue(self, topic: str, kind: DocumentKind, signed: bytes, now: int) -> Own:
        """Keep a document to be posted, durably; one topic has one document, and the first one stands."""
        with self._lock, write_transaction(self._connection) as connection:
            sql = "INSERT OR IGNORE INTO outbox (topic, kind, signed, made_at) VALUES (?, ?, ?, ?)"
            connection.execute(sql, (topic, int(kind), signed, now))
            return _own(connection.execute(f"{_OWN} WHERE topic = ?", (topic,)).fetchone())

    def delivered(self, topic: str, sequence: int | None, problem: str = "") -> None:
        """Note where the board has a document, or why it refused it."""
        with self._lock, write_transaction(self._connection) as connection:
            sql = "UPDATE outbox SET sequence = ?, problem = ? WHERE topic = ?"
            connection.execute(sql, (sequence, problem, topic))

    def withdraw(self, topic: str) -> None:
        """Forget a document that was refused or overtaken, so that the topic is free again."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("DELETE FROM outbox WHERE topic = ?", (topic,))

    def own(self, topic: str) -> Own | None:
        """Give our document on a topic."""
        with self._lock, storage_errors():
            row = self._connection.execute(f"{_OWN} WHERE topic = ?", (topic,)).fetchone()
        return _own(row) if row else None

    def outbox(self) -> list[Own]:
        """Give all our documents in the order in which they were made."""
        with self._lock, storage_errors():
            return [_own(row) for row in self._connection.execute(f"{_OWN} ORDER BY number").fetchall()]

    def mark(self, name: str) -> int | None:
        """Give the value of a mark, a time in most cases."""
        with self._lock, storage_errors():
            row = self._connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def set_mark(self, name: str, value: int) -> None:
        """Set a mark durably."""
        with self._lock, write_transaction(self._connection) as connection:
            _set_mark(connection, name, value)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


_OWN = "SELECT topic, kind, signed, made_at, sequence, problem FROM outbox"


def _own(row: tuple[str, int, bytes, int, int | None, str]) -> Own:
    topic, kind, signed, made_at, sequence, problem = row
    return Own(topic, DocumentKind(kind), signed, made_at, sequence, problem)


def _set_mark(connection: sqlite3.Connection, name: str, value: int) -> None:
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))
