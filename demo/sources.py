"""
The files that five lenders keep: made-up books written as CSV, Parquet and SQLite, each in its lender's own way.

What a lender's files look like stands in `demo/sql/exports/LENDER.sql`, how they are read in `examples/books/*.toml`.
Each account file ends with a few rows that are broken on purpose; their account numbers begin with `X-`.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from demo.population import LENDERS, Customers, FileKind, Ints, Population
from demo.portfolios import STYLES, Events, Figures, make_figures
from demo.tables import fill, open_tables

SQL = Path(__file__).parent / "sql" / "exports"
DATABASE = "ledger.sqlite"

# The files of each lender: the view of its SQL, and the file or table that it is written to.
EXPORTS: Mapping[str, Mapping[str, str]] = {
    "pay-later": {
        "export_accounts": "accounts.csv",
        "export_applications": "applications.csv",
        "export_customers": "customers.csv",
    },
    "instalments": {"export_contracts": "contracts.parquet", "export_applications": "applications.parquet"},
    "merchant-credit": {
        "export_customers": "customers",
        "export_credit_lines": "credit_lines",
        "export_applications": "applications",
    },
    "ride-credit": {"export_wallets": "wallets.csv", "export_requests": "requests.csv"},
    "bank": {"export_accounts": "accounts.txt", "export_enquiries": "enquiries.txt"},
}
_FORMATS = {
    "pay-later": "(FORMAT csv, HEADER)",
    "instalments": "(FORMAT parquet)",
    "ride-credit": "(FORMAT csv, HEADER, DELIMITER ';')",
    "bank": "(FORMAT csv, HEADER, DELIMITER '|')",
}


def write_sources(population: Population, seed: int, folder: Path, now: int) -> dict[str, Figures]:
    """Write the sources of every lender into a folder of its name as of `now`; gives the figures that they hold."""
    return {lender: _write_lender(population, seed, lender, folder / lender, now) for lender in LENDERS}


def customer_number(lender: str, row: int) -> str:
    """Give the lender's own number of a customer: it has nothing to do with any identifier."""
    return f"{lender[0].upper()}{row + 1:06d}"


def _write_lender(population: Population, seed: int, lender: str, folder: Path, now: int) -> Figures:
    customers = population.customers[lender]
    figures = make_figures(seed, lender, customers, population.strain, now)
    folder.mkdir(parents=True, exist_ok=True)
    with open_tables() as connection:
        connection.execute((SQL / "macros.sql").read_text())
        _fill(connection, population, lender, customers, figures)
        connection.execute((SQL / f"{lender}.sql").read_text())
        if lender in _FORMATS:
            for view, file in EXPORTS[lender].items():
                connection.execute(f"COPY {view} TO '{folder / file}' {_FORMATS[lender]}")
        else:
            _write_sqlite(connection, EXPORTS[lender], folder / DATABASE)
    return figures


def _fill(
    connection: duckdb.DuckDBPyConnection, population: Population, lender: str, customers: Customers, figures: Figures
) -> None:
    """Give DuckDB the customers and the figures of a lender as tables of its own."""
    style = STYLES[lender]
    accounts = figures.accounts.columns()
    fill(connection, "customers", _customers(population, lender, customers, figures.frozen))
    fill(connection, "numbers", accounts | {"row": np.arange(len(figures.accounts.customer))})
    fill(connection, "inquiries", _events(figures.inquiries))
    terms = [list(style.channels), list(style.scenes)]
    connection.execute("CREATE TABLE terms AS SELECT ?::VARCHAR[] AS channels, ?::VARCHAR[] AS scenes", terms)
    connection.execute("CREATE VIEW accounts AS SELECT * FROM numbers, terms")


def _events(events: Events) -> dict[str, Ints]:
    return {
        "customer": events.customer,
        "time": events.time,
        "hard": events.hard,
        "row": np.arange(len(events.time)),
    }


def _customers(population: Population, lender: str, customers: Customers, frozen: Ints) -> dict[str, NDArray[Any]]:
    kinds = [FileKind(kind) for kind in customers.kind]
    people = [*zip(customers.person.tolist(), kinds, strict=True)]
    numbers = [customer_number(lender, row) for row in range(len(people))]
    return {
        "customer": np.arange(len(people)),
        "number": np.array(numbers, dtype=object),
        "national_id": np.array([population.national_ids[p] if k.has_id else None for p, k in people], dtype=object),
        "phone": np.array([population.phones[p] if k.has_phone else None for p, k in people], dtype=object),
        "email": np.array([population.emails[p] if k.has_email else None for p, k in people], dtype=object),
        "frozen": np.isin(np.arange(len(people)), frozen),
    }


def _write_sqlite(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, str], path: Path) -> None:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    try:
        for view, table in tables.items():
            rows = connection.execute(f"SELECT * FROM {view}")  # noqa: S608  names of EXPORTS
            names = [name for name, *_ in rows.description or ()]
            database.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            places = ", ".join("?" * len(names))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows.fetchall())  # noqa: S608  as above
        database.commit()
    finally:
        database.close()
