"""
The truth, computed with DuckDB straight from the files and the seed: the project's own code has no part in it.

A lender answers about a person if the strongest identifier on its file is among those that were given. What it then
contributes to a question, as of the second at which it was asked, is computed by the SQL of each data set into the
table `contributions`; here it is summed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from consortium.model.identifiers import IdentifierKind
from consortium.model.members import MemberId
from consortium.silent import Silent
from demo.dataset import Asked, Expected
from demo.tables import fill, open_tables

SQL = Path(__file__).parent / "sql" / "truth"
RETENTION_DAYS = 5 * 365


class DuckTruth(Silent):
    """A `Truth` over the table `customers` and what the SQL file `contributions` reads besides."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, contributions: str) -> None:
        self._connection = connection
        self._contributions = contributions

    def expected(
        self, asked: Sequence[Asked], moments: Sequence[int], requester: MemberId, attributes: Sequence[str]
    ) -> tuple[Expected, ...]:
        """Give what each question must give, in order; `moments` are their as-of times in Unix seconds."""
        self._fill_asked(asked, moments)
        sums = [f"COALESCE(sum(CAST({name} AS HUGEINT)), 0) AS {name}" for name in attributes]
        own = [
            f"COALESCE(sum(CAST({name} AS HUGEINT)) FILTER (lender = $requester), 0) AS own_{name}"
            for name in attributes
        ]
        rows = self._connection.execute(
            f"SELECT {', '.join((*sums, *own))}, "  # noqa: S608  names of the catalogue
            "count(*) FILTER (by_kind = 0 AND NOT frozen), count(*) FILTER (by_kind = 1 AND NOT frozen), "
            "count(*) FILTER (by_kind = 2 AND NOT frozen), count(*) FILTER (frozen) "
            "FROM asked LEFT JOIN reached USING (question) LEFT JOIN contributions USING (question, lender, customer) "
            "GROUP BY question ORDER BY question",
            {"requester": requester},
        )
        return tuple(_expected(row, attributes) for row in rows.fetchall())

    def _fill_asked(self, asked: Sequence[Asked], moments: Sequence[int]) -> None:
        people = np.array([item.person for item in asked])
        columns = {"question": np.arange(len(asked)), "person": people, "asked_at": np.array(moments, dtype=np.int64)}
        for kind, name in zip(IdentifierKind, ("by_id", "by_phone", "by_email"), strict=True):
            columns[name] = np.array([kind in item.kinds for item in asked])
        fill(self._connection, "asked", columns)
        for file in ("matching.sql", self._contributions):
            self._connection.execute((SQL / file).read_text())


def _expected(row: Sequence[Any], attributes: Sequence[str]) -> Expected:
    count = len(attributes)
    return Expected(
        totals=dict(zip(attributes, map(int, row[:count]), strict=True)),
        own=dict(zip(attributes, map(int, row[count : 2 * count]), strict=True)),
        matched=dict(zip(IdentifierKind, map(int, row[2 * count : -1]), strict=True)),
        frozen=int(row[-1]),
    )


def open_truth() -> duckdb.DuckDBPyConnection:
    """Open an empty truth: the tables of one vocabulary for all lenders."""
    connection = open_tables()
    connection.execute(f"CREATE MACRO retention() AS {RETENTION_DAYS}")
    connection.execute((SQL / "tables.sql").read_text())
    return connection
