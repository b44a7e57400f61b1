"""Where a lender's cells come from: its book with region and age, its last portfolio run, its own count of hits."""

import json
from collections import Counter, OrderedDict
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consortium.errors import Code
from consortium.model.attributes import evaluate
from consortium.model.credit_file import CreditFile, PortfolioType, Tradeline
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, SubjectTag
from consortium.model.keys import utc_day
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import StatisticHeader
from consortium.model.statistic_policy import HOLDERS_WEIGHT
from consortium.rules.contributions import MATCHED
from consortium.rules.statistic_cells import Surroundings
from consortium.rules.statistics import statistic_of
from participants.holder_files import WITH_OPEN, count_holders, read_holder_counts, write_holder_counts
from participants.lender import statistic_cells
from participants.lender.connectors import CsvSource
from participants.lender.dimension_source import DimensionLoad, check_bands
from participants.lender.mapping import load_dimensions_mapping, parse_mapping
from participants.lender.portfolio.asking import BlockRows
from participants.lender.statistic_cells import HOLDER_DAYS, HolderCounts, LenderCells
from participants.storage.answers import SqliteAnswers
from participants.storage.book import SqliteBook
from participants.storage.dimensions import SqliteDimensions
from participants.storage.snapshots import snapshot_of
from tests.support.books import DAY, IDENTITY, NOW, subject, tradeline
from tests.support.codes import refused
from tests.support.sources import GOOD_PHONES, IDENTIFIERS, SOURCE, FakeTokens, token_of
from tests.support.world import ALICE, LENDERS, Worlds
from tests.unit.test_statistic_rules import with_statistics

PEOPLE = 40
DIMENSIONS = """
[dimensions]
region_tier = { column = "city", map = { A = "tier-1", B = "tier-2" }, otherwise = "tier-3" }
age_band = { column = "age", bands = { 18 = "18-25", 26 = "26-35", 36 = "36-50", 51 = "51-65", 66 = "66+" } }
"""
MAPPING = SOURCE + IDENTIFIERS + DIMENSIONS


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return with_statistics()


def asked_at(now: int) -> StatisticHeader:
    return StatisticHeader(bytes(16), "lender-b", "any", bytes(32), now, now + 60, bytes(32), bytes(32))


def line_of(number: int) -> Tradeline:
    return replace(tradeline(f"a{number}", balance=1_000 + number), portfolio=[*PortfolioType][number % 3])


def book_in(folder: Path) -> SqliteBook:
    book = SqliteBook(folder / "book.db", IDENTITY)
    rows = [
        (person.key, person.tag, person.kind, line_of(number))
        for number in range(PEOPLE)
        for person in (subject(number),)
    ]
    book.load([rows], day=DAY, as_of=NOW)
    return book


def cells_of(book: SqliteBook, answers: SqliteAnswers, dimensions: SqliteDimensions) -> LenderCells:
    return LenderCells(lambda: book, answers, lambda: None, dimensions)


def test_cells_of_a_book_are_what_its_attributes_say(
    tmp_path: Path, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimensions = SqliteDimensions(tmp_path / "dimensions.db")
    with closing(book_in(tmp_path)) as book, closing(SqliteAnswers(tmp_path / "answers.db")) as answers:
        source = cells_of(book, answers, dimensions)
        found = statistic_of("exposure", rulebook)
        unknown = source.cells(found, asked_at(NOW), rulebook)
        balances = sum(
            evaluate(file, ("balance",), NOW, live=False, retention_days=rulebook.policy.retention_days)["balance"]
            for _, file in book.committed_files()
        )
        assert int(unknown.sum()) == balances > 0
        assert all(
            names[1:] == ("unknown", "unknown") for names, value in zip(found.cells, unknown, strict=True) if value
        )
        around = [(subject(number).tag, Surroundings("tier-1", "26-35")) for number in range(PEOPLE // 2)]
        assert dimensions.load(around, NOW) == PEOPLE // 2
        known = source.cells(found, asked_at(NOW), rulebook)
        expected: Counter[tuple[str, ...]] = Counter()
        for number in range(PEOPLE):
            place = ("tier-1", "26-35") if number < PEOPLE // 2 else ("unknown", "unknown")
            expected[line_of(number).portfolio.value, *place] += 1_000 + number
        assert {names: int(value) for names, value in zip(found.cells, known, strict=True) if value} == expected
        with monkeypatch.context() as large:
            large.setattr(statistic_cells, "LARGE", 1)
            large.setattr(statistic_cells, "sum_of_files", None)
            by_columns = replace(source, columns=lambda: snapshot_of(book), _known=OrderedDict())
            assert by_columns.cells(found, asked_at(NOW), rulebook).tolist() == known.tolist()
        assert source.cells(found, asked_at(NOW), rulebook) is known, "a book is read once a day and template"
        assert source.cells(found, asked_at(NOW + 86_400), rulebook) is not known


def test_people_are_counted_by_the_last_portfolio_run(tmp_path: Path, rulebook: Rulebook) -> None:
    path = tmp_path / "lender-counts.json"
    with closing(SqliteAnswers(tmp_path / "answers.db")) as answers, closing(book_in(tmp_path)) as book:
        source = LenderCells(lambda: book, answers, lambda: read_holder_counts(path))
        fragments, thin = statistic_of("fragmentation", rulebook), statistic_of("thin-files", rulebook)
        with refused(Code.STATISTIC_NO_BASIS):
            source.cells(thin, asked_at(NOW), rulebook)
        write_holder_counts(path, HolderCounts(NOW, open={1: 5, 2: 4, 9: 1}, files={1: 3, 4: 8}))
        assert path.stat().st_mode & 0o077 == 0
        assert source.cells(fragments, asked_at(NOW), rulebook).tolist()[:2] == [5 * HOLDERS_WEIGHT, 2 * HOLDERS_WEIGHT]
        assert source.cells(fragments, asked_at(NOW), rulebook).tolist()[7] == HOLDERS_WEIGHT // 9
        assert source.cells(thin, asked_at(NOW), rulebook).tolist() == [3 * HOLDERS_WEIGHT, 0, 2 * HOLDERS_WEIGHT]
        with refused(Code.STATISTIC_NO_BASIS, cause="older"):
            source.cells(thin, asked_at(NOW + (HOLDER_DAYS + 1) * 86_400), rulebook)
        path.write_text(json.dumps({"as_of": NOW, "open": {"one": 1}, "files": {}}))
        with refused(Code.SETTINGS_INVALID):
            source.cells(thin, asked_at(NOW), rulebook)


def test_hits_are_counted_over_the_full_days_before(tmp_path: Path, rulebook: Rulebook) -> None:
    found = statistic_of("hits", rulebook)
    with closing(SqliteAnswers(tmp_path / "answers.db")) as answers, closing(book_in(tmp_path)) as book:
        with answers.transaction() as store:
            for day, hits in ((DAY - 8, 100), (DAY - 7, 3), (DAY - 1, 4), (DAY, 1_000)):
                store.statistics.count_hit("lender-b", day, hits)
            store.statistics.count_hit("lender-c", DAY - 1, 0)
        source = LenderCells(lambda: book, answers, lambda: None)
        assert source.cells(found, asked_at(NOW), rulebook).tolist() == [0, 7, 0, 0, 0]


def load(path: Path, rows: list[str], text: str = MAPPING) -> DimensionLoad:
    (path / "people.csv").write_text("\n".join(("phone,city,age", *rows)) + "\n")
    (path / "mapping.toml").write_text(text)
    return DimensionLoad(load_dimensions_mapping(path / "mapping.toml").file, CsvSource(path / "people.csv"))


def tag_of(number: int) -> SubjectTag:
    return token_of(NormalisedIdentifier(IdentifierKind.PHONE, "", f"+86{GOOD_PHONES[number]}")).tag


def test_region_and_age_come_from_a_mapping_of_their_own(tmp_path: Path) -> None:
    rows = [f"{GOOD_PHONES[0]},A,19", f"{GOOD_PHONES[1]},Z,70", f"{GOOD_PHONES[2]},B,", f"{GOOD_PHONES[0]},B,30"]
    found = dict(load(tmp_path, rows).rows(FakeTokens()))
    assert found == {
        tag_of(0): Surroundings("tier-2", "26-35"),
        tag_of(1): Surroundings("tier-3", "66+"),
        tag_of(2): Surroundings("tier-2", "unknown"),
    }


def test_a_book_does_not_take_what_is_for_statistics(tmp_path: Path) -> None:
    with refused(Code.MAPPING_INVALID, cause="dimensions"):
        parse_mapping((MAPPING + '[characteristics]\nmonths = "age"\n').encode(), tmp_path)
    with refused(Code.MAPPING_INVALID, cause="age_band"):
        parse_mapping((SOURCE + IDENTIFIERS + '[characteristics]\nage_band = "age"\n').encode(), tmp_path)
    with refused(Code.MAPPING_INVALID):
        load(tmp_path, [], SOURCE + IDENTIFIERS + "[dimensions]\n")


def test_dates_of_birth_are_no_bands(tmp_path: Path) -> None:
    rows = [f"{GOOD_PHONES[number]},A,19{number:02d}-01-01" for number in range(80)]
    text = MAPPING.replace(DIMENSIONS, '[dimensions]\nage_band = "age"\n')
    dimensions = SqliteDimensions(tmp_path / "dimensions.db")
    dimensions.load([(tag_of(0), Surroundings("tier-1", "26-35"))], NOW)
    with refused(Code.MAPPING_INVALID, cause="more than 64"):
        dimensions.load(check_bands(load(tmp_path, rows, text).rows(FakeTokens()), 64), NOW)
    assert dimensions.around() == {tag_of(0): Surroundings("tier-1", "26-35")}, "nothing half done"


def test_rows_that_cannot_be_read_are_refused_and_counted(tmp_path: Path) -> None:
    reading = load(tmp_path, [*(f"{GOOD_PHONES[number]},A,30" for number in range(30)), "12,A,30"])
    assert len(list(reading.rows(FakeTokens()))) == 30
    assert (reading.report.accepted, reading.report.refused) == (30, 1)
    with refused(Code.ROWS_REFUSED):
        list(load(tmp_path, ["12,A,30"]).rows(FakeTokens()))


def test_a_query_that_hits_a_book_is_counted_there_and_written_everywhere(worlds: Worlds) -> None:
    world = worlds.make()
    alice = world.subject(ALICE)
    world.hold("lender-b", alice, 1, CreditFile(IdentifierKind.PHONE, (line_of(1),)))
    for _ in range(2):
        world.ask(alice)
    today = utc_day(world.now)
    for member, node in world.nodes.items():
        with node.contributor.store.transaction() as store:
            found = store.statistics.hits(range(today, today + 1))
        assert found == {"lender-a": 2 if member == "lender-b" else 0}


def block(totals: list[int], own: list[int], *, everybody: bool = True) -> BlockRows:
    """A block of rows that are matched by phone alone, each with an open tradeline wherever it is matched."""
    slots = dict.fromkeys(MATCHED, np.zeros(len(totals), dtype=np.uint64))
    both = np.array(totals, dtype=np.uint64), np.array(own, dtype=np.uint64)
    found, mine = (slots | {MATCHED[1]: one, WITH_OPEN: one} for one in both)
    answered = frozenset(LENDERS if everybody else LENDERS[1:])
    return BlockRows(range(len(totals)), np.ones(len(totals), dtype=np.bool_), found, mine, answered)


def test_a_portfolio_over_the_own_book_counts_its_customers_by_their_lenders() -> None:
    blocks = [block([1, 2, 3], [1, 1, 0]), block([2, 0], [1, 0])]
    counts = count_holders(blocks, frozenset(LENDERS), NOW, 3)
    assert counts is not None
    assert (counts.as_of, dict(counts.open), dict(counts.files)) == (NOW, {1: 1, 2: 2}, {1: 1, 2: 2})
    assert count_holders(blocks, frozenset(LENDERS), NOW, 4) is None, "not the whole book"
    partial = [blocks[0], block([2, 0], [1, 0], everybody=False)]
    assert count_holders(partial, frozenset(LENDERS), NOW, 3) is None, "somebody is missing in a block"
    without = [replace(one, totals={k: v for k, v in one.totals.items() if k != WITH_OPEN}) for one in blocks]
    assert count_holders(without, frozenset(LENDERS), NOW, 3) is None
