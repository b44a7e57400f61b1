"""The UCI file, its people split over five lenders: every row loads by one mapping, with the numbers of the file."""

import csv
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from consortium.model.attributes import evaluate
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier
from participants.lender.connectors import CsvSource
from participants.lender.loading import BookLoad
from participants.lender.mapping import load_mapping
from participants.storage.memory import MemoryBook
from tests.support.books import IDENTITY, NOW
from tests.support.sources import FakeTokens, token_of

MAPPING = Path(__file__).parents[2] / "examples" / "taiwan" / "whole-file.toml"
LENDERS = 5
PEOPLE = 5_000
END_OF_SEPTEMBER = 13_056 * 86_400  # 2005-09-30
ASKED = ("credit_limit", "balance", "amount_past_due", "open_tradelines")


def phone(row: dict[str, str]) -> str:
    return f"139{int(row['ID']):08d}"


def tag_of(row: dict[str, str]) -> NormalisedIdentifier:
    return NormalisedIdentifier(IdentifierKind.PHONE, "", f"+86{phone(row)}")


@pytest.fixture(scope="module")
def people(shared: Path) -> list[dict[str, str]]:
    with (shared / "data" / "taiwan" / "UCI_Credit_Card.csv").open(newline="") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(PEOPLE), strict=False)]


@pytest.fixture(scope="module")
def parts(people: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    return [people[lender::LENDERS] for lender in range(LENDERS)]


def write_part(path: Path, rows: Sequence[dict[str, str]]) -> CsvSource:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "phone"])
        writer.writeheader()
        writer.writerows(row | {"phone": phone(row)} for row in rows)
    return CsvSource(path)


@pytest.mark.parametrize("lender", range(LENDERS))
def test_a_fifth_of_the_file_becomes_a_lender_s_book(
    parts: list[list[dict[str, str]]], tmp_path: Path, lender: int
) -> None:
    rows = parts[lender]
    book = MemoryBook(IDENTITY)
    load = BookLoad(load_mapping(MAPPING).file, write_part(tmp_path / "lender.csv", rows), maximum_refused=0)
    load.load(book, FakeTokens(), now=NOW, as_of=NOW)
    assert book.status().book.size == len(rows)
    for row in rows:
        held = book.find(token_of(tag_of(row)).tag)
        assert held is not None
        owed, late = max(0, 100 * int(row["X12"])), int(row["X6"])
        values = evaluate(held.file, ASKED, END_OF_SEPTEMBER, live=True, retention_days=1_825)
        assert [values[name] for name in ASKED] == [100 * int(Decimal(row["X1"])), owed, owed if late > 0 else 0, 1]
        (line,) = held.file.tradelines
        assert line.history == tuple(30 * max(0, int(row[f"X{month}"])) for month in range(6, 12))
        assert line.days_past_due == 30 * max(0, late)


def test_protected_columns_are_nowhere_in_the_book(parts: list[list[dict[str, str]]], tmp_path: Path) -> None:
    changed = [row | {"X2": "9", "X3": "9", "X4": "9", "X5": "999", "Y": "9"} for row in parts[0][:200]]
    books = [MemoryBook(IDENTITY), MemoryBook(IDENTITY)]
    for book, rows in zip(books, (parts[0][:200], changed), strict=True):
        source = write_part(tmp_path / "lender.csv", rows)
        BookLoad(load_mapping(MAPPING).file, source).load(book, FakeTokens(), now=NOW, as_of=NOW)
    assert books[0].status() == books[1].status()
