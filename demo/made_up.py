"""The made-up data set: a population by seed, its five books written as files, and the truth read back from them."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np

from consortium.model.identifiers import RawIdentifier
from demo.asking import choose, identifiers
from demo.dataset import BookSource, Dataset, LiveEvent, place_mapping
from demo.population import LENDERS, FileKind, Population, make_population
from demo.portfolios import Figures
from demo.sources import DATABASE, customer_number, write_sources
from demo.tables import fill
from demo.truth import SQL, DuckTruth, open_truth

EXAMPLES = Path(__file__).parent.parent / "examples" / "books"
ATTRIBUTES = (
    "lenders_with_open_tradeline",
    "open_tradelines",
    "credit_limit",
    "balance",
    "scheduled_payments_30d",
    "tradelines_opened_90d",
    "pending_grants",
    "pending_grant_amount",
    "months_on_file_0_5",
    "months_on_file_60_plus",
    "amount_past_due",
    "charged_off_amount",
    "in_collection_amount",
    "disputed_tradelines",
    "worst_dpd_now_current",
    "worst_dpd_now_30_59",
    "worst_dpd_12m_1_29",
    "worst_dpd_12m_120_plus",
    "worst_dpd_12m_charge_off",
    "hard_inquiries_0_1h",
    "hard_inquiries_1_24h",
    "hard_inquiries_1_7d",
    "hard_inquiries_7_30d",
    "hard_inquiries_30_90d",
)
"""What is asked about everybody: 24 attributes of origination, from the families exposure, repayment, inquiries."""

_FREEZES_LIVE = ("ride-credit",)  # this lender's files say nothing of freezes

_MAPPINGS: Mapping[str, tuple[str, ...]] = {
    "pay-later": ("pay-later-accounts", "pay-later-applications", "pay-later-customers"),
    "instalments": ("instalments-contracts", "instalments-applications"),
    "merchant-credit": ("merchant-credit-lines", "merchant-credit-applications"),
    "ride-credit": ("ride-credit-wallets", "ride-credit-requests"),
    "bank": ("bank-accounts", "bank-enquiries"),
}
_DATABASES = ("merchant-credit",)  # this lender's mappings name a variable with the URL of a database


def made_up(seed: int, size: int, people: int, folder: Path, now: int) -> Dataset:
    """Generate everything for a population of `size` into a folder as of `now`; `people` are asked about."""
    population = make_population(seed, size)
    figures = write_sources(population, seed, folder, now)
    return Dataset(
        title=f"{size:,} made-up people in five overlapping books",
        requester=LENDERS[0],
        sources={lender: _sources(lender, folder / lender) for lender in LENDERS},
        extracted_at=now,
        currency="CNY",
        attributes=ATTRIBUTES,
        asked=choose(population, people, seed),
        truth=DuckTruth(read_truth(population, figures, folder), "contributions.sql"),
        live={lender: _live(population, lender, figures[lender]) for lender in LENDERS},
    )


def read_truth(population: Population, figures: dict[str, Figures], folder: Path) -> duckdb.DuckDBPyConnection:
    """Read what every lender knows about every customer from the written files."""
    connection = open_truth()
    connection.execute("SET VARIABLE folder = $1", [str(folder)])
    _read_sqlite(connection, "merchant", folder / "merchant-credit" / DATABASE)
    for lender in LENDERS:
        connection.execute((SQL / f"{lender}.sql").read_text())
        _add_known(connection, population, lender, figures[lender])
    return connection


def _add_known(connection: duckdb.DuckDBPyConnection, population: Population, lender: str, figures: Figures) -> None:
    """Add what no file says: who is behind a customer number, and what happened after the files were written."""
    customers, pendings = population.customers[lender], figures.pendings
    numbers = np.array([customer_number(lender, row) for row in range(len(customers.person))], dtype=object)
    frozen = np.isin(np.arange(len(numbers)), figures.frozen)
    columns = {"customer": numbers, "person": customers.person, "kind": customers.kind, "frozen": frozen}
    fill(connection, "known", columns)
    connection.execute("INSERT INTO customers BY NAME SELECT $1 AS lender, * FROM known", [lender])
    promised = {"customer": numbers[pendings.customer], "amount": pendings.amount}
    fill(connection, "promised", promised | {"made": pendings.time, "expires": pendings.expires})
    connection.execute("INSERT INTO pendings BY NAME SELECT $1 AS lender, * FROM promised", [lender])


def _read_sqlite(connection: duckdb.DuckDBPyConnection, prefix: str, path: Path) -> None:
    database = sqlite3.connect(path)
    try:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found = database.execute(f"SELECT * FROM {table}")  # noqa: S608  the generator's own tables
            names = [name for name, *_ in found.description]
            columns = zip(*found.fetchall(), strict=True)
            fill(connection, f"{prefix}_{table}", {n: _column(c) for n, c in zip(names, columns, strict=True)})
    finally:
        database.close()


def _column(cells: tuple[object, ...]) -> np.ndarray:
    plain = all(type(cell) is int for cell in cells)
    return np.array(cells, dtype=np.int64 if plain else object)


def _sources(lender: str, folder: Path) -> tuple[BookSource, ...]:
    url = ("MERCHANT_CREDIT_URL", f"sqlite:///{(folder / DATABASE).resolve()}") if lender in _DATABASES else None
    rows = f"../../build/demo/sources/{lender}"
    return tuple(BookSource(place_mapping(EXAMPLES / f"{name}.toml", rows, folder), url) for name in _MAPPINGS[lender])


def _live(population: Population, lender: str, figures: Figures) -> tuple[LiveEvent, ...]:
    pendings = figures.pendings
    rows = zip(*(column.tolist() for column in (pendings.customer, pendings.amount, pendings.expires)), strict=True)
    events = [LiveEvent(_strongest(population, lender, row), amount, expires) for row, amount, expires in rows]
    if lender in _FREEZES_LIVE:
        events += [LiveEvent(_strongest(population, lender, row)) for row in figures.frozen.tolist()]
    return tuple(events)


def _strongest(population: Population, lender: str, row: int) -> RawIdentifier:
    """Give the strongest identifier that a lender has on file."""
    customers = population.customers[lender]
    kind, person = FileKind(int(customers.kind[row])), int(customers.person[row])
    return identifiers(population, person, (kind.strongest,))[0]
