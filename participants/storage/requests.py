"""A lender's durable memory of its requests to key holders, in SQLite; several processes of a node may share it."""

import threading
from pathlib import Path

from participants.lender.tokenise import SentRequest
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE requests (
    holder INTEGER NOT NULL, generation INTEGER NOT NULL, counter INTEGER NOT NULL, request BLOB NOT NULL,
    answered INTEGER NOT NULL, PRIMARY KEY (holder, generation)
)
"""


class SqliteRequests:
    """A `RequestJournal` in one file; the last request to each holder under each generation."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._lock = threading.Lock()

    def last(self, holder: int, generation: int) -> SentRequest | None:
        """Give the last recorded request."""
        sql = "SELECT counter, request, answered FROM requests WHERE holder = ? AND generation = ?"
        with self._lock, storage_errors():
            row = self._connection.execute(sql, (holder, generation)).fetchone()
        return SentRequest(row[0], row[1], bool(row[2])) if row else None

    def record(self, holder: int, generation: int, sent: SentRequest) -> None:
        """Record durably."""
        values = (holder, generation, sent.counter, sent.request, int(sent.answered))
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)", values)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
