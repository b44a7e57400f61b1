"""The day's snapshot of a real book: what portfolios read of it is what asking it row by row gives."""

import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.attributes import DEFAULT_ATTRIBUTES
from consortium.model.credit_file import CreditFile, Inquiry
from consortium.model.rulebook import Rulebook
from participants.lender.book import record_inquiry
from participants.lender.bulk.row_by_row import RowByRow
from participants.lender.ports import Link
from participants.storage import day_snapshot, snapshots
from participants.storage.snapshots import SnapshotBook, snapshot_of
from tests.support import books, bulk
from tests.support.world import Worlds

ATTRIBUTES = tuple(sorted(DEFAULT_ATTRIBUTES))
HEADER = bulk.header(ATTRIBUTES)
PEOPLE = [books.subject(number) for number in range(10)]


@pytest.fixture(scope="module")
def rulebook(worlds: Worlds) -> Rulebook:
    return worlds.make().rulebook


def some_file(number: int) -> CreditFile:
    return CreditFile(
        PEOPLE[number].kind,
        (books.tradeline(balance=10**number),),
        (Inquiry(books.NOW - 100_000),),
    )


def folders(book_path: Path) -> list[str]:
    return sorted(path.name for path in Path(f"{book_path}.snapshots").iterdir() if path.is_dir())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(books.credit_files, max_size=7),
    asked=st.lists(st.integers(0, 9), max_size=12),
    wrong=st.sets(st.integers(0, 11)),
    part=st.integers(1, 4),
)
def test_the_snapshot_gives_what_the_book_gives(
    files: list[CreditFile],
    asked: list[int],
    wrong: set[int],
    part: int,
    rulebook: Rulebook,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """People on the list once, twice or not at all, held or not, proven or not; parts of the snapshot of any size."""
    monkeypatch.setattr(day_snapshot, "PART_PEOPLE", part)
    book = bulk.book_of(tmp_path_factory.mktemp("book") / "book.db", files)
    rows = bulk.tagged([PEOPLE[number] for number in asked], unproven=[row for row in wrong if row < len(asked)])
    slow = RowByRow(book).contributions(rows, HEADER, rulebook)
    fast = SnapshotBook(book).contributions(rows, HEADER, rulebook)
    assert (fast.words == slow.words).all()
    assert fast.words.dtype == slow.words.dtype == np.uint64
    assert (fast.state, fast.unproven) == (slow.state, slow.unproven)
    book.close()


def test_what_happened_since_the_book_was_made_is_not_in_it(tmp_path: Path, rulebook: Rulebook) -> None:
    book = bulk.book_of(tmp_path / "book.db", [some_file(n) for n in range(3)])
    rows, fast = bulk.tagged(PEOPLE), SnapshotBook(book)
    before = fast.contributions(rows, HEADER, rulebook)
    record_inquiry(book, PEOPLE[0], books.NOW - 90_000)
    record_inquiry(book, PEOPLE[7], books.NOW - 90_000)
    after = SnapshotBook(book).contributions(rows, HEADER, rulebook)
    assert (after.words == before.words).all()
    assert after.state == before.state
    book.roll_day(books.DAY + 1)
    rolled = fast.contributions(rows, HEADER, rulebook)
    assert rolled.state != before.state
    assert (rolled.words == RowByRow(book).contributions(rows, HEADER, rulebook).words).all()
    assert (rolled.words[[0, 7]] != before.words[[0, 7]]).any(axis=1).all()
    book.close()


def test_whose_earlier_tag_is_another_is_no_match(tmp_path: Path, rulebook: Rulebook) -> None:
    book = bulk.book_of(tmp_path / "book.db", [some_file(n) for n in range(3)])
    earlier = [books.subject(100 + n).tag for n in range(3)]
    book.link(Link(PEOPLE[n].tag, PEOPLE[n].key, earlier[n]) for n in range(2))
    told = [earlier[0].value, earlier[2].value, earlier[2].value]
    rows = bulk.with_earlier(bulk.tagged(PEOPLE[:3]), told)
    slow = RowByRow(book).contributions(rows, HEADER, rulebook)
    fast = SnapshotBook(book).contributions(rows, HEADER, rulebook)
    assert (fast.words == slow.words).all()
    assert fast.words.any(axis=1).tolist() == [True, False, False]
    assert fast.unproven == slow.unproven == 2
    book.close()


def test_snapshots_are_owner_only_made_once_and_older_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    book = bulk.book_of(path, [some_file(n) for n in range(3)])
    first = snapshot_of(book)
    (left_over := Path(f"{path}.snapshots") / ".book-00000001-dead").mkdir()
    assert snapshot_of(book).state == first.state
    for day in range(1, 4):
        book.roll_day(books.DAY + day)
        snapshot_of(book)
    assert not left_over.exists()
    assert [name[:13] for name in folders(path)] == ["book-00000003", "book-00000004"]
    inside = [*Path(f"{path}.snapshots").rglob("*")]
    assert len(inside) > 10
    assert all(not stat.S_IMODE(one.stat().st_mode) & 0o077 for one in inside)
    book.close()


def test_the_snapshot_of_a_large_book_is_made_by_a_process(
    tmp_path: Path, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = bulk.book_of(tmp_path / "book.db", [some_file(n) for n in range(3)])
    monkeypatch.setattr(snapshots, "LARGE", 2)
    monkeypatch.setattr(snapshots, "write_snapshot", None)  # not here
    answer = SnapshotBook(book).contributions(bulk.tagged(PEOPLE), HEADER, rulebook)
    assert (answer.words == RowByRow(book).contributions(bulk.tagged(PEOPLE), HEADER, rulebook).words).all()
    book.close()


def test_a_book_of_nobody_has_a_snapshot(tmp_path: Path, rulebook: Rulebook) -> None:
    book = bulk.book_of(tmp_path / "book.db", [])
    answer = SnapshotBook(book).contributions(bulk.tagged(PEOPLE), HEADER, rulebook)
    assert answer.words.shape[0] == len(PEOPLE)
    assert not answer.words.any()
    book.close()


def test_a_snapshot_that_breaks_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong while it is written leaves nothing behind; a damaged one is a code, not wrong numbers."""
    path = tmp_path / "book.db"
    book = bulk.book_of(path, [some_file(n) for n in range(3)])
    with monkeypatch.context() as patched:
        patched.setattr(day_snapshot, "canonical_json", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(CreditError) as refused:
            snapshot_of(book)
        assert refused.value.code is Code.STORAGE_FULL
        assert folders(path) == []
    snapshot = snapshot_of(book)
    (damaged,) = Path(f"{path}.snapshots").glob("book-*/lines-*.parquet")
    damaged.write_bytes(b"PAR1" + damaged.read_bytes()[4:-60])
    with pytest.raises(CreditError) as refused:
        list(snapshot.parts())
    assert refused.value.code is Code.STORAGE_BROKEN
    book.close()
