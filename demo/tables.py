"""DuckDB in memory for generator and truth: one thread, so that equal inputs give equal bytes; columns from numpy."""

from collections.abc import Mapping
from typing import Any

import duckdb
from numpy.typing import NDArray


def open_tables() -> duckdb.DuckDBPyConnection:
    """Open an empty database in memory, with times in UTC."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def fill(connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Make a table of numpy columns, replacing an older one; `table` is a name from the code."""
    connection.register("columns", dict(columns))
    connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM columns")  # noqa: S608  see above
    connection.unregister("columns")
