"""A key holder's durable memory of what it evaluated for whom, in SQLite; the period of its quotas is the UTC day."""

import threading
from collections.abc import Callable
from pathlib import Path

from consortium.custody import Answered
from consortium.errors import Code, CreditError
from consortium.model.keys import utc_day
from consortium.model.members import MemberId
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE answers (
    member TEXT NOT NULL, generation INTEGER NOT NULL, counter INTEGER NOT NULL, digest BLOB NOT NULL,
    answer BLOB NOT NULL, PRIMARY KEY (member, generation)
);
CREATE TABLE spent (
    member TEXT NOT NULL, day INTEGER NOT NULL, elements INTEGER NOT NULL, PRIMARY KEY (member, day)
)
"""
_LAST = "SELECT counter, digest, answer FROM answers WHERE member = ? AND generation = ?"
_SPEND = """
INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (member, day) DO UPDATE SET elements = elements + excluded.elements
"""


class SqliteEvaluations:
    """An `EvaluationLedger` of one holder in one file; `clock` gives Unix seconds."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._clock = clock
        self._lock = threading.Lock()

    def last(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer."""
        with self._lock, storage_errors():
            row = self._connection.execute(_LAST, (member, generation)).fetchone()
        return Answered(*row) if row else None

    def spent(self, member: MemberId) -> int:
        """Give how many elements were committed for the member today."""
        sql = "SELECT elements FROM spent WHERE member = ? AND day = ?"
        with self._lock, storage_errors():
            row = self._connection.execute(sql, (member, self._today())).fetchone()
        return int(row[0]) if row else 0

    def commit(self, member: MemberId, generation: int, answered: Answered, elements: int) -> None:
        """Record answer and elements in one transaction; CreditError(COUNTER_GAP) unless the counter follows."""
        with self._lock, write_transaction(self._connection) as connection:
            row = connection.execute(_LAST, (member, generation)).fetchone()
            if answered.counter != (row[0] if row else 0) + 1:
                raise CreditError(Code.COUNTER_GAP, "another request came between")
            values = (member, generation, answered.counter, answered.request_digest, answered.answer)
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", values)
            connection.execute("DELETE FROM spent WHERE day < ?", (self._today(),))
            connection.execute(_SPEND, (member, self._today(), elements))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _today(self) -> int:
        return utc_day(int(self._clock()))
