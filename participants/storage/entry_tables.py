"""Tables from an export's lines: one row an entry, as CSV and as Parquet, in memory that does not grow with them."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from consortium.errors import Code, CreditError

MEMORY = "128MB"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type, the SQL that makes it of a parsed line, and what it says."""

    name: str
    type: str
    sql: str
    description: str


COLUMNS = (
    Column("index", "BIGINT", "index", "position in the log, from 0"),
    Column("time", "TIMESTAMP", "make_timestamp_ms(time_ms)", "when the entry was written, UTC, milliseconds"),
    Column("kind", "VARCHAR", "kind", "kind of the entry"),
    Column("requester", "VARCHAR", "requester", "who asked (empty in an outcome of an admitted query: see `query`)"),
    Column("purpose", "VARCHAR", "purpose", "for which purpose"),
    Column("decision", "VARCHAR", "decision", "ANSWERED, INCOMPLETE or a code of docs/errors.md"),
    Column("reason", "VARCHAR", "reason", "which check failed"),
    Column("query", "VARCHAR", "query", "digest of the signed query: ties admission and outcome together"),
    Column("request", "VARCHAR", "request", "the requester's id of the request"),
    Column("admission", "BIGINT", "admission", "index of the admission that the outcome belongs to"),
    Column("consent", "VARCHAR", "consent", "digest of the consent record; zeros where the purpose needs none"),
    Column("attributes", "VARCHAR", "array_to_string(attributes, ' ')", "what was asked for, separated by spaces"),
    Column("roster", "INTEGER", "len(roster)", "how many lenders the rulebook has"),
    Column("answering", "VARCHAR", "array_to_string(answering, ' ')", "whose contributions are in the sum"),
    Column("attempt", "INTEGER", "attempt", "attempts made"),
    Column("quota_before", "BIGINT", "quota.before", "the requester's queries of the day before this one"),
    Column("quota_after", "BIGINT", "quota.after", "the same, this one included"),
    Column("quota_limit", "BIGINT", "quota.limit", "how many it may ask a day"),
    Column("dropped", "BIGINT", '"count"', "requests that were refused without entries of their own"),
    Column("issued_at", "BIGINT", "issued_at", "time of issue of the query, Unix seconds"),
    Column("expires_at", "BIGINT", "expires_at", "when the query expired, Unix seconds"),
    Column("rulebook", "VARCHAR", "rulebook", "digest of the rulebook in force"),
)
_READ = {
    "index": "BIGINT",
    "time_ms": "BIGINT",
    "kind": "VARCHAR",
    "requester": "VARCHAR",
    "purpose": "VARCHAR",
    "decision": "VARCHAR",
    "reason": "VARCHAR",
    "query": "VARCHAR",
    "request": "VARCHAR",
    "admission": "BIGINT",
    "consent": "VARCHAR",
    "attributes": "VARCHAR[]",
    "roster": "VARCHAR[]",
    "answering": "VARCHAR[]",
    "attempt": "INTEGER",
    "quota": 'STRUCT(before BIGINT, after BIGINT, "limit" BIGINT)',
    "count": "BIGINT",
    "issued_at": "BIGINT",
    "expires_at": "BIGINT",
    "rulebook": "VARCHAR",
}


def write_tables(lines: Path, csv: Path, parquet: Path) -> None:
    """
    Write both tables from a file of lines, in their order.

    A text that a spreadsheet would take for a formula gets a quotation mark before it. Raises CreditError(STORAGE_FULL)
    or (STORAGE_BROKEN).
    """
    try:
        with duckdb.connect(config={"memory_limit": MEMORY, "threads": 1, "temp_directory": str(csv.parent)}) as db:
            db.execute("SET preserve_insertion_order = true")
            columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in _READ.items()) + "}"
            read = f"read_json({_quoted(lines)}, format = 'newline_delimited', columns = {columns})"
            select = f"SELECT {', '.join(_selected(column) for column in COLUMNS)} FROM {read}"  # noqa: S608  no input
            db.execute(f"COPY ({select}) TO {_quoted(parquet)} (FORMAT parquet, ROW_GROUP_SIZE 16384)")
            db.execute(f"COPY ({select}) TO {_quoted(csv)} (FORMAT csv, HEADER)")
    except duckdb.Error as error:
        full = "space" in str(error)
        raise CreditError(Code.STORAGE_FULL if full else Code.STORAGE_BROKEN, type(error).__name__) from None


def _selected(column: Column) -> str:
    sql = column.sql.replace("quota.limit", 'quota."limit"')
    if column.type == "VARCHAR":
        sql = f"CASE WHEN regexp_matches({sql}, '^[=+@\\t-]') THEN '''' || {sql} ELSE {sql} END"
    return f'CAST({sql} AS {column.type}) AS "{column.name}"'


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
