"""The questions a lender has asked, in SQLite: so that a repeat sends the very same signed query."""

import threading
from pathlib import Path

from consortium.errors import Code, CreditError
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE questions (
    request_id BLOB PRIMARY KEY, digest BLOB NOT NULL, query BLOB NOT NULL, asked INTEGER NOT NULL
) WITHOUT ROWID
"""


class SqliteQuestions:
    """A lender's questions in one file."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._lock = threading.Lock()

    def find(self, request_id: bytes) -> tuple[bytes, bytes] | None:
        """Give digest and signed query of a question."""
        sql = "SELECT digest, query FROM questions WHERE request_id = ?"
        with self._lock, storage_errors():
            row: tuple[bytes, bytes] | None = self._connection.execute(sql, (request_id,)).fetchone()
        return row

    def keep(self, request_id: bytes, digest: bytes, query: bytes, now: int) -> None:
        """Keep a question durably before it is sent; raises REQUEST_ID_REUSED where the id is taken."""
        with self._lock, write_transaction(self._connection) as connection:
            sql = "INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?)"
            if connection.execute(sql, (request_id, digest, query, now)).rowcount != 1:
                raise CreditError(Code.REQUEST_ID_REUSED)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
