"""
The truth, computed with DuckDB straight from the files and the seed: the project's own code has no part in it.

A lender answers about a person if the strongest identifier on its file is among those that were given. What it then
contributes stands in the table `contributions`, made by the SQL of each data set; here it is summed.
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
    """A `Truth` over the tables `customers` and `contributions`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def expected(
        self, asked: tuple[Asked, ...], requester: MemberId, attributes: tuple[str, ...]
    ) -> tuple[Expected, ...]:
        """Give what each question must give, in order."""
        self._fill_asked(asked)
        sums = [f"COALESCE(sum(CAST({name} AS HUGEINT)), 0) AS {name}" for name in attributes]
        own = [
            f"COALESCE(sum(CAST({name} AS HUGEINT)) FILTER (lender = $requester), 0) AS own_{name}"
            for name in attributes
        ]
        rows = self._connection.execute(
            f"SELECT {', '.join((*sums, *own))}, "  # noqa: S608  names of the catalogue
            "count(*) FILTER (by_kind = 0 AND NOT frozen), count(*) FILTER (by_kind = 1 AND NOT frozen), "
            "count(*) FILTER (by_kind = 2 AND NOT frozen), count(*) FILTER (frozen) "
            "FROM asked LEFT JOIN reached USING (place) LEFT JOIN contributions USING (lender, customer) "
            "GROUP BY place ORDER BY place",
            {"requester": requester},
        )
        return tuple(_expected(row, attributes) for row in rows.fetchall())

    def _fill_asked(self, asked: Sequence[Asked]) -> None:
        columns = {"place": np.arange(len(asked)), "person": np.array([item.person for item in asked])}
        for kind, name in zip(IdentifierKind, ("by_id", "by_phone", "by_email"), strict=True):
            columns[name] = np.array([kind in item.kinds for item in asked])
        fill(self._connection, "asked", columns)
        self._connection.execute((SQL / "matching.sql").read_text())


def _expected(row: Sequence[Any], attributes: Sequence[str]) -> Expected:
    count = len(attributes)
    return Expected(
        totals=dict(zip(attributes, map(int, row[:count]), strict=True)),
        own=dict(zip(attributes, map(int, row[count : 2 * count]), strict=True)),
        matched=dict(zip(IdentifierKind, map(int, row[2 * count : -1]), strict=True)),
        frozen=int(row[-1]),
    )


def open_truth(asked_at: int) -> duckdb.DuckDBPyConnection:
    """Open an empty truth as of a time (Unix seconds): the tables of one vocabulary for all lenders."""
    connection = open_tables()
    connection.execute(f"CREATE MACRO asked_at() AS CAST({asked_at} AS BIGINT)")
    connection.execute(f"CREATE MACRO retention() AS {RETENTION_DAYS}")
    connection.execute((SQL / "tables.sql").read_text())
    return connection
