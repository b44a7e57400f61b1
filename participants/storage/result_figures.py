"""Figures of a portfolio's result file, by DuckDB: nothing of a row leaves this module."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from consortium.errors import Code, CreditError
from participants.indicators import Coverage, Depth
from participants.lender.portfolio.outcome import LENDERS, STATUS, own_name
from participants.storage.output_tables import Typed, columns_of, format_of, quoted, scan_of, table_connection


def coverage_in(path: Path) -> Coverage:
    """
    Sum up the result file of a run over the own book, CSV or Parquet; raises CreditError(SOURCE_UNREADABLE).

    An attribute counts where its own part stands beside it (`own` of the portfolio).
    """
    file = path, format_of(path)
    try:
        with table_connection() as connection:
            names = columns_of(connection, file)
            if not {STATUS, LENDERS} <= set(names):
                raise CreditError(Code.SOURCE_UNREADABLE, f"no result of a portfolio: columns {STATUS} and {LENDERS}")
            statuses = _counted(connection, file, STATUS)
            lenders = _counted(connection, file, LENDERS)
            depths = {name: _depth(connection, file, name) for name in names if own_name(name) in names}
    except duckdb.Error:
        raise CreditError(Code.SOURCE_UNREADABLE, "the result of a portfolio") from None
    return Coverage(
        rows=sum(statuses.values()),
        statuses=statuses,
        lenders={int(number): count for number, count in lenders.items()},
        depths=depths,
    )


def _counted(connection: duckdb.DuckDBPyConnection, file: Typed, name: str) -> dict[str, int]:
    column = f"CAST({quoted(name)} AS VARCHAR)"
    sql = f"SELECT {column}, count(*) FROM {scan_of(file)} WHERE {quoted(name)} IS NOT NULL GROUP BY 1 ORDER BY 1"  # noqa: S608
    return _pairs(connection.execute(sql).fetchall())


def _pairs(rows: Sequence[tuple[str, int]]) -> dict[str, int]:
    return dict(rows)


def _depth(connection: duckdb.DuckDBPyConnection, file: Typed, name: str) -> Depth:
    total, own = (f"CAST({quoted(one)} AS HUGEINT)" for one in (name, own_name(name)))
    sql = f"SELECT count(*) FILTER ({total} > {own}), sum({own}), sum({total}) FROM {scan_of(file)}"  # noqa: S608
    added, owned, everything = connection.execute(sql).fetchone() or (0, 0, 0)
    return Depth(int(added), int(owned or 0), int(everything or 0))
