"""The generator of the demonstration: the same bytes for a seed, valid identifiers, overlapping books."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from stdnum.cn import ric

from consortium.model.identifiers import IdentifierKind, RawIdentifier
from demo.asking import GIVEN, choose
from demo.identifiers import IdentifierMint, Spread
from demo.population import LENDERS, FileKind, Population, make_population
from demo.portfolios import NONE, State, make_figures
from demo.sources import EXPORTS, write_sources
from participants.lender.mapping import load_mapping
from participants.lender.normalise import normalise

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SIZE = 3_000
NOW = 20_773 * 86_400


@pytest.fixture(scope="module")
def population() -> Population:
    return make_population(1, SIZE)


def digests(folder: Path, seed: int) -> dict[str, str]:
    write_sources(make_population(seed, 120), seed, folder, NOW)
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = digests(tmp_path / "first", 1)
    assert first == digests(tmp_path / "again", 1)
    other = digests(tmp_path / "other", 2)
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)
    assert {Path(name).parts[0] for name in first} == set(LENDERS) == set(EXPORTS)
    assert {Path(name).suffix for name in first} == {".csv", ".txt", ".parquet", ".sqlite"}


def test_identifiers_are_valid_canonical_and_never_alike(population: Population) -> None:
    kinds = {
        IdentifierKind.NATIONAL_ID: population.national_ids,
        IdentifierKind.PHONE: population.phones,
        IdentifierKind.EMAIL: population.emails,
    }
    for kind, texts in kinds.items():
        assert len({normalise(RawIdentifier(kind, text, "CN")).value for text in texts}) == SIZE
    assert all(ric.validate(text) == text for text in population.national_ids[::50])
    assert any(text.endswith("X") for text in population.national_ids)


def test_taiwan_phones_are_valid_and_follow_from_number_and_seed() -> None:
    mint = IdentifierMint(1)
    phones = [mint.taiwan_phone(number) for number in range(500)]
    assert len({normalise(RawIdentifier(IdentifierKind.PHONE, phone, "TW")).value for phone in phones}) == 500
    assert phones == [IdentifierMint(1).taiwan_phone(number) for number in range(500)]
    assert phones != [IdentifierMint(2).taiwan_phone(number) for number in range(500)]


def test_a_spread_is_a_permutation() -> None:
    spread = Spread(factor=7, offset=3, size=100)
    assert {spread.place(number) for number in range(100)} == set(range(100))


def test_every_book_has_a_third_of_the_people_and_they_overlap(population: Population) -> None:
    assert [len(customers.person) for customers in population.customers.values()] == [SIZE // 3] * 5
    known_to = np.bincount(population.books_of(), minlength=6)
    assert known_to.sum() == SIZE
    assert known_to[1] > known_to[2] > known_to[3]
    assert all(count > SIZE // 50 for count in known_to), "some people at every number of lenders, none to all"


def test_every_kind_of_file_occurs_and_the_bank_knows_no_phone_only(population: Population) -> None:
    found = {lender: set(customers.kind.tolist()) for lender, customers in population.customers.items()}
    assert set.union(*found.values()) == set(FileKind)
    assert found["bank"] == {FileKind.FULL, FileKind.ID_AND_PHONE, FileKind.ID_ONLY}
    assert FileKind.EMAIL_ONLY.strongest is IdentifierKind.EMAIL
    assert FileKind.PHONE_AND_EMAIL.strongest is IdentifierKind.PHONE
    assert FileKind.FULL.strongest is FileKind.ID_ONLY.strongest is IdentifierKind.NATIONAL_ID


def test_figures_are_possible(population: Population) -> None:
    for lender, customers in population.customers.items():
        figures = make_figures(1, lender, customers, population.strain, NOW)
        accounts = figures.accounts
        assert set(accounts.state.tolist()) == set(State)
        assert ((accounts.closed == NONE) | (accounts.closed >= accounts.opened)).all()
        assert ((accounts.first_delinquency == NONE) | (accounts.first_delinquency >= accounts.opened)).all()
        assert (accounts.opened <= accounts.reported).all()
        assert (accounts.balance >= accounts.past_due).all()
        assert (accounts.balance[accounts.state == State.CLOSED] == 0).all()
        in_book = set(accounts.customer.tolist()) | set(figures.inquiries.customer.tolist())
        assert in_book == set(range(len(customers.person))), "everybody left a trace"


def test_who_is_asked_about_is_a_mixture(population: Population) -> None:
    asked = choose(population, 400, 1)
    assert asked == choose(population, 400, 1)
    assert asked != choose(population, 400, 2)
    assert len({item.person for item in asked}) == 400
    assert {item.kinds for item in asked} == {frozenset(kinds) for kinds in GIVEN}
    counts = population.books_of()
    assert {int(counts[item.person]) for item in asked} == set(range(6))
    first = {int(customers.person[0]) for customers in population.customers.values()}
    assert first <= {item.person for item in asked}
    assert len(choose(make_population(1, 90), 400, 1)) == 90


def test_every_mapping_file_of_the_examples_is_valid_and_brings_no_protected_column() -> None:
    files = [*EXAMPLES.glob("books/*.toml"), *EXAMPLES.glob("taiwan/*.toml")]
    assert len(files) >= 16
    for file in files:
        mapping = load_mapping(file).file
        columns = {name for block in mapping.tradeline for field in block.fields.values() for name in field.named}
        assert not columns & {"X2", "X3", "X4", "X5", "Y"}
