"""
Real data: 30,000 credit-card holders of Taiwan (Yeh and Lien 2009), their columns split over five lenders.

The file is read where it lies. Limit, repayment status, bills and payments go to the lenders by month, as
`examples/taiwan/*.toml` says; sex, education, marriage and age (X2 to X5) and the outcome are never read. The
identifiers are made from the column ID by a seed, and so is what each lender has on file: ID and phone, or one. The
six months of 2005 are moved so that the newest one ends today: a lender's node knows no other time than now.
"""

import csv
import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.silent import Silent
from demo.dataset import Asked, BookSource, Dataset, place_mapping
from demo.identifiers import IdentifierMint
from demo.population import FileKind, Ints
from demo.tables import fill
from demo.truth import DuckTruth, open_truth

EXAMPLES = Path(__file__).parent.parent / "examples" / "taiwan"
ROWS = "../../build/demo/sources"
ATTRIBUTES = (
    "lenders_with_open_tradeline",
    "open_tradelines",
    "credit_limit",
    "balance",
    "scheduled_payments_30d",
    "amount_past_due",
    "months_on_file_0_5",
    *(f"worst_dpd_now_{bucket}" for bucket in ("current", "30_59", "60_89", "90_119", "120_plus")),
    *(f"worst_dpd_12m_{bucket}" for bucket in ("current", "30_59", "60_89", "90_119", "120_plus")),
)
"""What is asked about everybody: 17 attributes."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "island-bank": ("X1", "X6", "X12", "X18"),
    "market-card": ("X7", "X13", "X19"),
    "travel-card": ("X8", "X14", "X20"),
    "home-credit": ("X9", "X15", "X21"),
    "phone-plan": ("X10", "X11", "X16", "X17", "X22", "X23"),
}
"""The columns of each lender; together all that is used, none twice."""
AGES: Mapping[str, int] = {
    "island-bank": 0,
    "market-card": 30,
    "travel-card": 60,
    "home-credit": 90,
    "phone-plan": 120,
}
"""How many days old each lender's newest month is."""
OPENED_DAYS_AGO = 150
KINDS = {
    "island-bank": (0.70, 0.30, 0.0),
    "market-card": (0.60, 0.05, 0.35),
    "travel-card": (0.45, 0.15, 0.40),
    "home-credit": (0.80, 0.20, 0.0),
    "phone-plan": (0.30, 0.0, 0.70),
}
"""The shares of files with ID and phone, ID only, phone only."""

MADE_COLUMNS = ("ID", "identity_number", "mobile", "opened", "reported")
"""What a lender's file has besides its columns: all but the ID is made up."""

UCI_HEADER = ("ID", *(f"X{number}" for number in range(1, 24)), "Y")
_MONTHS = range(1, 7)
KAGGLE_HEADER = (
    *("ID", "LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", "PAY_0", *(f"PAY_{n}" for n in range(2, 7))),
    *(*(f"BILL_AMT{n}" for n in _MONTHS), *(f"PAY_AMT{n}" for n in _MONTHS), "default.payment.next.month"),
)
_USED = ("ID", *(name for names in COLUMNS.values() for name in names))
_UNKNOWN_SHARE = 0.05
_GIVEN = (
    (IdentifierKind.NATIONAL_ID, IdentifierKind.PHONE),
    (IdentifierKind.NATIONAL_ID,),
    (IdentifierKind.PHONE,),
)


@dataclass(frozen=True, slots=True, repr=False)
class Holders(Silent):
    """The card holders: the columns in use by name, and the kind of file at each lender."""

    columns: Mapping[str, Ints]
    kinds: Mapping[str, Ints]

    @property
    def ids(self) -> list[int]:
        """The column ID."""
        found: list[int] = self.columns["ID"].tolist()
        return found


def taiwan(file: Path, seed: int, people: int, folder: Path, now: int, rows: int | None = None) -> Dataset:
    """
    Split the file (its first `rows` only, if given) over five lenders' sources in a folder, as of `now`.

    Raises CreditError(SOURCE_UNREADABLE) for a file that cannot be read or has other columns than UCI's or Kaggle's.
    """
    holders = _read(file, seed, rows)
    mint = IdentifierMint(seed)
    for lender in COLUMNS:
        _write(holders, lender, mint, folder / f"{lender}.csv", dt.datetime.fromtimestamp(now, dt.UTC).date())
    return Dataset(
        title=f"{len(holders.ids):,} card holders of Taiwan (UCI), columns split over five lenders",
        requester="island-bank",
        sources={name: (BookSource(place_mapping(EXAMPLES / f"{name}.toml", ROWS, folder)),) for name in COLUMNS},
        extracted_at=now,
        currency="TWD",
        attributes=ATTRIBUTES,
        asked=_choose(holders, mint, people, seed),
        truth=_truth(file, holders),
    )


def _read(file: Path, seed: int, rows: int | None) -> Holders:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            places = _places(next(reader, []))
            table = [[int(float(row[place])) for place in places] for row in islice(filter(None, reader), rows)]
    except (OSError, UnicodeError, ValueError, IndexError, csv.Error):
        raise CreditError(Code.SOURCE_UNREADABLE, f"{file} is not the data set that docs/demo.md names") from None
    numbers = np.array(table, dtype=np.int64)
    rng = np.random.default_rng((seed, 4))
    on_file = (FileKind.ID_AND_PHONE, FileKind.ID_ONLY, FileKind.PHONE_ONLY)
    kinds = {name: rng.choice(np.array(on_file), size=len(numbers), p=shares) for name, shares in KINDS.items()}
    return Holders({name: numbers[:, place].copy() for place, name in enumerate(_USED)}, kinds)


def _places(header: list[str]) -> list[int]:
    """Find the columns in use in a header of UCI's or of Kaggle's."""
    for known in (UCI_HEADER, KAGGLE_HEADER):
        if tuple(name.strip() for name in header) == known:
            return [UCI_HEADER.index(name) for name in _USED]
    raise CreditError(
        Code.SOURCE_UNREADABLE,
        "its columns are neither those of UCI nor those of Kaggle; docs/demo.md names the data set",
    )


def _write(holders: Holders, lender: str, mint: IdentifierMint, path: Path, today: dt.date) -> None:
    columns = [holders.columns[name].tolist() for name in COLUMNS[lender]]
    opened, reported = (today - dt.timedelta(days) for days in (OPENED_DAYS_AGO, AGES[lender]))
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow((*MADE_COLUMNS, *COLUMNS[lender]))
        for number, kind, *figures in zip(holders.ids, holders.kinds[lender].tolist(), *columns, strict=True):
            national_id = mint.national_id(number) if FileKind(kind).has_id else ""
            phone = _phone(mint, number) if FileKind(kind).has_phone else ""
            writer.writerow((number, national_id, phone, opened, reported, *figures))


def _phone(mint: IdentifierMint, number: int) -> str:
    return f"+886{mint.taiwan_phone(number)[1:]}"


def _choose(holders: Holders, mint: IdentifierMint, people: int, seed: int) -> tuple[Asked, ...]:
    """Choose card holders, and a few people that nobody knows, whose numbers follow on the last ID."""
    rng = random.Random(f"asking/{seed}")
    ids = holders.ids
    count = min(people, len(ids))
    strangers = round(_UNKNOWN_SHARE * count)
    numbers = [(number, "a card holder") for number in rng.sample(ids, count - strangers)]
    numbers += [(max(ids) + 1 + place, "known to none") for place in range(strangers)]
    rng.shuffle(numbers)
    turns = cycle(_GIVEN)
    return tuple(Asked(number, tuple(_given(mint, number, next(turns))), reason) for number, reason in numbers)


def _given(mint: IdentifierMint, number: int, kinds: tuple[IdentifierKind, ...]) -> Iterator[RawIdentifier]:
    for kind in kinds:
        text = mint.national_id(number) if kind is IdentifierKind.NATIONAL_ID else _phone(mint, number)
        yield RawIdentifier(kind, text, "CN")


def _truth(file: Path, holders: Holders) -> DuckTruth:
    """Take the truth from the file itself, its columns taken by place; the lenders' files have no part in it."""
    connection = open_truth()
    names = ", ".join(f"'{name}'" for name in UCI_HEADER)
    connection.execute(
        f"CREATE TABLE uci AS SELECT CAST(COLUMNS(*) AS BIGINT) "  # noqa: S608  names of this module
        f"FROM read_csv($1, header = false, skip = 1, names = [{names}]) LIMIT $2",
        [str(file), len(holders.ids)],
    )
    for lender, kinds in holders.kinds.items():
        fill(connection, "known", {"person": holders.columns["ID"], "kind": kinds})
        connection.execute(
            "INSERT INTO customers BY NAME "
            "SELECT $1 AS lender, CAST(person AS VARCHAR) AS customer, person, kind, false AS frozen FROM known",
            [lender],
        )
    return DuckTruth(connection, "taiwan.sql")
