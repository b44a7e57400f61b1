"""The pipeline: rows to book, the report, the rows set aside, and everything that leaves the book as it was."""

import csv
import json
import logging
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from consortium.errors import Code, CreditError
from consortium.model.credit_file import Inquiry
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier
from participants.cli.report_view import report_view
from participants.lender import loading
from participants.lender.connectors import BATCH_ROWS, CsvSource, OpenTable
from participants.lender.loading import BookLoad, load_sources
from participants.lender.ports import BookRow, LoadReport, Progress
from participants.lender.records import RawRow, Reason
from participants.lender.values import RefusedError
from participants.storage.memory import MemoryBook
from tests.support.books import IDENTITY, NOW, subject
from tests.support.codes import refused
from tests.support.sources import (
    GOOD_PHONES,
    IDENTIFIERS,
    MAPPING,
    SOURCE,
    FakeTokens,
    book_load,
    good_rows,
    mapping,
    token_of,
    write_csv,
)

SECRET_PHONE = "13911112222"
SECRET_ACCOUNT = "secret account 4711"
SECRET_DATE = "31.12.9876"


@pytest.fixture
def book() -> MemoryBook:
    return MemoryBook(IDENTITY)


def person(phone: str) -> NormalisedIdentifier:
    return NormalisedIdentifier(IdentifierKind.PHONE, "", f"+86{phone}")


def source(tmp_path: Path, rows: list[str]) -> CsvSource:
    return CsvSource(write_csv(tmp_path / "rows.csv", rows))


def test_a_source_becomes_a_book(tmp_path: Path, book: MemoryBook) -> None:
    load = book_load(source(tmp_path, good_rows(3)))
    done = load.load(book, FakeTokens(), now=NOW)
    assert (done.rows, done.status.book.size, load.report.accepted) == (3, 3, 3)
    held = book.find(token_of(person(GOOD_PHONES[1])).tag)
    assert held is not None
    assert held.kind is IdentifierKind.PHONE
    assert [line.account for line in held.file.tradelines] == ["a-1"]


def test_a_person_with_several_rows_is_tokenised_once(tmp_path: Path, book: MemoryBook) -> None:
    rows = [f"{GOOD_PHONES[number % 7]},a-{number},2025-01-31,1" for number in range(3 * BATCH_ROWS)]
    tokens = FakeTokens()
    done = book_load(source(tmp_path, rows)).load(book, tokens, now=NOW)
    assert tokens.batches == [7]
    assert (done.rows, done.status.book.size) == (3 * BATCH_ROWS, 7)


def test_the_memory_of_tokens_is_bounded_and_forgets_the_oldest(
    tmp_path: Path, book: MemoryBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "REMEMBERED_TOKENS", BATCH_ROWS)
    blocks = [good_rows(BATCH_ROWS), good_rows(BATCH_ROWS), good_rows(900, first=BATCH_ROWS), good_rows(BATCH_ROWS)]
    tokens = FakeTokens()
    book_load(source(tmp_path, [row for block in blocks for row in block])).load(book, tokens, now=NOW)
    assert len(tokens.batches) == 3
    assert sum(tokens.batches) > BATCH_ROWS + 900, "the last block must be asked for again, at least in part"


def test_rows_without_content_are_not_tokenised(tmp_path: Path, book: MemoryBook) -> None:
    text = MAPPING.replace("[[tradeline]]", "[[tradeline]]\nwhen = { column = 'limit', above = 5000 }")
    rows = [*good_rows(3), f"{GOOD_PHONES[9]},a-9,2025-01-31,9000"]
    load, tokens = BookLoad(mapping(text), source(tmp_path, rows)), FakeTokens()
    assert load.load(book, tokens, now=NOW).status.book.size == 1
    assert tokens.batches == [1]
    assert (load.report.accepted, load.report.without_content) == (4, 3)


BROKEN = [
    "13911112222,has space,2025-01-31,1",
    "13911112222,a-2,31.12.9876,1",
    "13911112222,a-3,2025-01-31,lots",
    "1391111,a-4,2025-01-31,1",
    "13911112222,secret account 4711",
    "13911112222,a-5,30.01.2025,1",
]


def test_the_report_names_row_column_and_reason(tmp_path: Path) -> None:
    load = book_load(source(tmp_path, [*good_rows(2), *BROKEN]), maximum=1)
    load.check()
    value = load.report.to_value()
    assert value["rows"] == {"read": 8, "accepted": 2, "refused": 6, "without_content": 0}
    found = {(key, count.count): [(e.row, e.line) for e in count.examples] for key, count in load.report.by_frequency()}
    assert found == {
        (("opened", Reason.NOT_A_DATE), 2): [(4, 5), (8, 9)],
        (("", Reason.BROKEN_ROW), 1): [(7, 8)],
        (("account", Reason.NOT_ALLOWED), 1): [(3, 4)],
        (("limit", Reason.NOT_A_NUMBER), 1): [(5, 6)],
        (("phone", Reason.IDENTIFIER_MALFORMED), 1): [(6, 7)],
    }


def test_refused_rows_are_set_aside_as_they_were(tmp_path: Path) -> None:
    aside = tmp_path / "aside.csv"
    book_load(source(tmp_path, [*good_rows(2), *BROKEN]), aside, maximum=1).check()
    with aside.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["row", "column", "reason", "phone", "account", "opened", "limit"]
    assert rows[1] == ["3", "account", "NOT_ALLOWED", "13911112222", "has space", "2025-01-31", "1"]
    assert rows[5] == ["7", "", "BROKEN_ROW", SECRET_PHONE, SECRET_ACCOUNT]
    assert [row[0] for row in rows[1:]] == ["3", "4", "5", "6", "7", "8"]
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


def test_without_refused_rows_there_is_no_file(tmp_path: Path) -> None:
    aside = tmp_path / "aside.csv"
    load = book_load(source(tmp_path, good_rows(2)), aside)
    load.check()
    assert not aside.exists()
    assert load.aside.written is None


def test_no_value_is_in_report_log_or_exception(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, book: MemoryBook
) -> None:
    caplog.set_level(logging.DEBUG)
    load = book_load(source(tmp_path, BROKEN))
    with pytest.raises(CreditError) as caught:
        load.load(book, FakeTokens(), now=NOW)
    console = Console(record=True, width=300)
    console.print(*report_view(load.report, load.aside))
    texts = [json.dumps(load.report.to_value()), repr(load.report), console.export_text(), caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        texts.append(f"{error} {error!r} {error.args}")
        error = error.__context__
    everything = "\n".join(texts)
    for secret in (SECRET_PHONE, SECRET_ACCOUNT, SECRET_DATE, "1391111", "lots", "has space"):
        assert secret not in everything


def test_rows_and_refusals_do_not_print() -> None:
    assert SECRET_PHONE not in f"{RawRow(1, (SECRET_PHONE,))!r} {RefusedError(Reason.NOT_A_DATE, 'opened')!r}"


@pytest.mark.parametrize(
    ("bad", "maximum", "good"), [(5, 0.05, True), (6, 0.05, False), (1, 0.0, False), (100, 1.0, True)]
)
def test_more_than_the_tolerated_share_refuses_everything(
    tmp_path: Path, book: MemoryBook, bad: int, maximum: float, *, good: bool
) -> None:
    aside = tmp_path / "aside.csv"
    load = book_load(source(tmp_path, [*good_rows(100 - bad), *(["x,a,2025-01-31,1"] * bad)]), aside, maximum)
    if good:
        assert load.load(book, FakeTokens(), now=NOW).status.book.size == 100 - bad
    else:
        with refused(Code.ROWS_REFUSED):
            load.load(book, FakeTokens(), now=NOW)
        assert book.status().book.size == 0
    assert load.report.refused == bad
    assert len(aside.read_text().splitlines()) == bad + 1


def test_a_source_without_rows_does_not_empty_the_book(tmp_path: Path, book: MemoryBook) -> None:
    book_load(source(tmp_path, good_rows(3))).load(book, FakeTokens(), now=NOW)
    with refused(Code.ROWS_REFUSED):
        book_load(source(tmp_path, [])).load(book, FakeTokens(), now=NOW)
    assert book.status().book.size == 3


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with refused(Code.SETTINGS_INVALID):
        book_load(source(tmp_path, good_rows(1)), maximum=share)


class Cut:
    """A source that breaks off after a number of batches."""

    def __init__(self, inner: CsvSource, batches: int) -> None:
        self.inner = inner
        self.name = inner.name
        self.modified = inner.modified
        self.batches = batches

    @contextmanager
    def open(self) -> Iterator[OpenTable]:
        with self.inner.open() as table:
            yield OpenTable(table.columns, self._cut(table))

    def _cut(self, table: OpenTable) -> Iterator[list[RawRow]]:
        for _ in range(self.batches):
            yield next(table.batches)
        self.inner.file.path.unlink()
        yield from table.batches

    def fraction(self) -> float | None:
        return None


def test_a_source_that_disappears_half_way_leaves_the_book(tmp_path: Path, book: MemoryBook) -> None:
    book_load(source(tmp_path, good_rows(3))).load(book, FakeTokens(), now=NOW)
    before = book.status()
    rows = Cut(source(tmp_path, [row for _ in range(4) for row in good_rows(BATCH_ROWS)]), 2)
    tokens = FakeTokens()
    with refused(Code.SOURCE_LOST):
        book_load(rows).load(book, tokens, now=NOW)
    assert tokens.batches, "it must have got half way"
    assert book.status() == before


INQUIRIES = SOURCE + IDENTIFIERS + "[[inquiry]]\ntime = 'opened'\n"


def test_several_sources_make_one_book(tmp_path: Path, book: MemoryBook) -> None:
    rows = good_rows(4)
    first = CsvSource(write_csv(tmp_path / "first.csv", rows[:3]))
    second = CsvSource(write_csv(tmp_path / "second.csv", rows[1:]))
    third = CsvSource(write_csv(tmp_path / "third.csv", [rows[0]]))
    loads = [BookLoad(mapping(), first), BookLoad(mapping(), second), BookLoad(mapping(INQUIRIES), third)]
    tokens = FakeTokens()
    done = load_sources(loads, book, tokens, now=NOW)
    assert (done.rows, done.status.book.size) == (7, 4)
    assert tokens.batches == [3, 1], "the third source brings nobody new"
    held = book.find(token_of(person(GOOD_PHONES[0])).tag)
    assert held is not None
    assert (len(held.file.tradelines), len(held.file.inquiries)) == (1, 1)


def test_one_bad_source_of_several_leaves_the_book(tmp_path: Path, book: MemoryBook) -> None:
    good = CsvSource(write_csv(tmp_path / "good.csv", good_rows(3)))
    bad = CsvSource(write_csv(tmp_path / "bad.csv", BROKEN))
    with refused(Code.ROWS_REFUSED):
        load_sources([BookLoad(mapping(), good), BookLoad(mapping(), bad)], book, FakeTokens(), now=NOW)
    tokens = FakeTokens()
    (tmp_path / "bad.csv").unlink()
    with refused(Code.SOURCE_UNREADABLE):
        load_sources([BookLoad(mapping(), good), BookLoad(mapping(), bad)], book, tokens, now=NOW)
    assert not tokens.batches, "a source that is not there shows before anybody is tokenised"
    assert book.status().book.size == 0


def test_several_sources_speak_of_the_time_of_the_oldest(tmp_path: Path, book: MemoryBook) -> None:
    loads = []
    for number, age in enumerate((50, 200, 100)):
        path = write_csv(tmp_path / f"{number}.csv", good_rows(2))
        os.utime(path, (NOW - age, NOW - age))
        loads.append(book_load(CsvSource(path)))
    for ago in (201, 199):
        book.record(subject(ago), Inquiry(NOW - ago), NOW - ago)
    done = load_sources(loads, book, FakeTokens(), now=NOW)
    assert done.status.journal.size == 1, "of the two events only the later is not in the sources"


class FailingTokens:
    """Key holders that are gone."""

    def tokenise(self, _identifiers: object) -> list[object]:
        raise CreditError(Code.TOO_FEW_HOLDERS)


def test_holders_that_fail_leave_the_book(tmp_path: Path, book: MemoryBook) -> None:
    with refused(Code.TOO_FEW_HOLDERS):
        book_load(source(tmp_path, good_rows(3))).load(book, FailingTokens(), now=NOW)  # type: ignore[arg-type]
    assert book.status().book.size == 0


def test_a_set_aside_file_is_never_overwritten(tmp_path: Path, book: MemoryBook) -> None:
    aside = tmp_path / "aside.csv"
    aside.write_text("precious")
    with refused(Code.SETTINGS_INVALID):
        book_load(source(tmp_path, BROKEN), aside, 1).load(book, FakeTokens(), now=NOW)
    assert aside.read_text() == "precious"
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    with refused(Code.SETTINGS_INVALID):
        book_load(source(tmp_path, BROKEN), tmp_path / "link.csv", 1).check()


def test_a_full_disk_while_setting_aside_leaves_the_book(
    tmp_path: Path, book: MemoryBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115  the pipeline closes it
    monkeypatch.setattr("participants.lender.validation._create", lambda _path: full)
    with refused(Code.STORAGE_FULL):
        book_load(source(tmp_path, [*good_rows(2), *BROKEN]), tmp_path / "a", 1).load(book, FakeTokens(), now=NOW)
    assert book.status().book.size == 0


def test_the_source_speaks_of_when_it_was_written_unless_said_otherwise(tmp_path: Path, book: MemoryBook) -> None:
    rows = source(tmp_path, good_rows(1))
    for as_of in (NOW + 1, -1):
        with refused(Code.SETTINGS_INVALID):
            book_load(rows).load(book, FakeTokens(), now=NOW, as_of=as_of)
    moments: list[int] = []

    class Noting(MemoryBook):
        def load(
            self, batches: Iterable[Sequence[BookRow]], *, day: int, as_of: int, progress: Progress | None = None
        ) -> LoadReport:
            moments.append(as_of)
            return super().load(batches, day=day, as_of=as_of, progress=progress)

    now = rows.file.modified + 1_000
    book_load(rows).load(Noting(IDENTITY), FakeTokens(), now=now)
    book_load(rows).load(Noting(IDENTITY), FakeTokens(), now=now, as_of=now - 10)
    book_load(rows).load(Noting(IDENTITY), FakeTokens(), now=NOW)
    assert moments == [rows.file.modified, now - 10, min(NOW, rows.file.modified)]
