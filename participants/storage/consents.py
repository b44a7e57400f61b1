"""The consent records that a lender captured, in SQLite; dropped when they have expired."""

import threading
from collections.abc import Callable
from pathlib import Path

from participants.lender.consents import Captured
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE consents (
    name BLOB PRIMARY KEY, record BLOB NOT NULL, signature BLOB NOT NULL, tags BLOB NOT NULL, opening BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX consents_by_expiry ON consents (expires_at)
"""
_FIND = "SELECT record, signature, tags, opening, expires_at FROM consents WHERE name = ?"


class SqliteConsents:
    """A lender's captured records in one file."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._lock = threading.Lock()

    def capture(self, name: bytes, make: Callable[[], Captured], now: int) -> Captured:
        """Give what is kept under a name; where there is nothing, keep durably what `make` gives."""
        with self._lock, storage_errors():
            row = self._connection.execute(_FIND, (name,)).fetchone()
        return Captured(*row) if row else self._keep(name, make(), now)

    def _keep(self, name: bytes, made: Captured, now: int) -> Captured:
        """Keep a record, unless another question was faster: then that one's is given."""
        values = (name, made.record, made.signature, made.tags, made.opening, made.expires_at)
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("DELETE FROM consents WHERE expires_at <= ?", (now,))
            connection.execute("INSERT OR IGNORE INTO consents VALUES (?, ?, ?, ?, ?, ?)", values)
            return Captured(*connection.execute(_FIND, (name,)).fetchone())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
