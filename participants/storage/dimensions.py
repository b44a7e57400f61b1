"""
What a lender knows of its customers for statistics alone: region tier and age band, by tag, in a file of its own.

Queries have no way to it: it is no part of a credit file, of the book, or of anything that a contribution is made of.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from consortium.hashing import uint
from consortium.model.identifiers import SubjectTag
from consortium.rules.statistic_cells import Surroundings
from participants.storage.database import open_database, read_transaction, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE dimensions (tag BLOB PRIMARY KEY, region_tier TEXT NOT NULL, age_band TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE loads (number INTEGER PRIMARY KEY, as_of INTEGER NOT NULL)
"""


class SqliteDimensions:
    """The file; opened for each use, since it is read a few times a day."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, rows: Iterable[tuple[SubjectTag, Surroundings]], as_of: int) -> int:
        """Replace what is known, in one transaction; gives how many people."""
        with closing(self._open()) as opened, write_transaction(opened) as connection:
            connection.execute("DELETE FROM dimensions")
            values = ((tag.value, around.region_tier, around.age_band) for tag, around in rows)
            connection.executemany("INSERT OR REPLACE INTO dimensions VALUES (?, ?, ?)", values)
            connection.execute("INSERT INTO loads (as_of) VALUES (?)", (as_of,))
            return int(connection.execute("SELECT count(*) FROM dimensions").fetchone()[0])

    def around(self) -> Mapping[SubjectTag, Surroundings]:
        """Give region tier and age band by tag."""
        if not self._path.exists():
            return {}
        with closing(self._open()) as opened, read_transaction(opened) as connection:
            rows = connection.execute("SELECT tag, region_tier, age_band FROM dimensions").fetchall()
        known: dict[tuple[str, str], Surroundings] = {}
        return {
            SubjectTag(tag): known.setdefault((region, age), Surroundings(region, age)) for tag, region, age in rows
        }

    def state(self) -> bytes:
        """Give what changes with every load."""
        if not self._path.exists():
            return b""
        with closing(self._open()) as opened, read_transaction(opened) as connection:
            return uint(connection.execute("SELECT coalesce(max(number), 0) FROM loads").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        return open_database(self._path, SCHEMA, SCHEMA_VERSION)
