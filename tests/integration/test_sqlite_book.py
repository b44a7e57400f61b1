"""The book's file: crashes, full disks, other versions, other processes, and hands that alter it."""

import errno
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.model.credit_file import CreditFile, Inquiry
from consortium.model.identifiers import Secret, SubjectKey, SubjectTag
from consortium.model.journal_entry import journal_entry_from_bytes
from consortium.sums.exchange import BookState
from participants.lender.ports import BookRow, Subject
from participants.storage import book as book_module
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity
from participants.storage.staging import Staging
from tests.support.book_child import many
from tests.support.books import DAY, IDENTITY, NOW, batched, grant, rows, subject, tradeline
from tests.support.codes import refused

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def book(path: Path) -> Iterator[SqliteBook]:
    store = SqliteBook(path, IDENTITY)
    yield store
    store.close()


def child(what: str, folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "tests.support.book_child", what, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def balance(store: SqliteBook, number: int) -> int | None:
    held = store.find(subject(number).tag)
    return held.file.tradelines[0].balance if held else None


def in_thread(call: Callable[[], object]) -> None:
    """Run in another thread, and so on another connection."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 -- handed to the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def test_a_book_survives_its_process(path: Path) -> None:
    first = SqliteBook(path, IDENTITY)
    first.load(many(20), day=DAY, as_of=NOW)
    first.record(subject(1), grant(), NOW)
    status = first.status()
    first.close()
    second = SqliteBook(path, IDENTITY)
    assert second.status() == status
    assert balance(second, 7) == 7
    second.verify_journal()
    second.verify_root()
    second.close()


def test_everything_on_disk_is_for_the_owner_only(path: Path, book: SqliteBook) -> None:
    modes: dict[str, int] = {}

    def look(_stage: str, _done: int) -> None:
        modes.update({file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()})

    book.load(many(5), day=DAY, as_of=NOW, progress=look)
    assert set(modes) == {"book.db", "book.db-wal", "book.db-shm", "book.db.lock", "book.db.loading"}
    assert set(modes.values()) == {0o600}
    assert not path.with_name("book.db.loading").exists()


def test_every_commit_reaches_the_disk(book: SqliteBook) -> None:
    connection = book._connections.own()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    in_thread(lambda: check_synchronous(book))


def check_synchronous(book: SqliteBook) -> None:
    assert book._connections.own().execute("PRAGMA synchronous").fetchone() == (2,)


def test_another_schema_version_is_refused_and_left_alone(path: Path, book: SqliteBook) -> None:
    book.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = path.read_bytes()
    with refused(Code.STORAGE_SCHEMA):
        SqliteBook(path, IDENTITY)
    assert path.read_bytes() == content


def test_a_book_of_the_version_before_is_upgraded_and_proves_what_it_knows(path: Path) -> None:
    store = SqliteBook(path, IDENTITY)
    store.load(many(20), day=DAY, as_of=NOW)
    early = store.read([subject(3).tag], live=False)
    store.close()
    with sqlite3.connect(path) as connection:  # as the version before has left it
        for table in ("past_files", "links", "left_out", "marks"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = SqliteBook(path, IDENTITY)
    assert balance(store, 7) == 7
    late = store.read([subject(3).tag], live=False)
    for changed in (19, 15):
        store.load(many(changed), day=DAY, as_of=NOW)
    for view in (early, late):
        state = BookState(view.root, view.journal_size, view.journal_head)
        proof = store.prove(state, [subject(3).tag, subject(19).tag])
        assert [place.file is not None for place in proof.places] == [True, True]
    assert [made.root.size for made in store.books([], 9).made] == [0, 20, 19, 15]
    store.forget_before(DAY + 1)
    with refused(Code.HISTORY_GONE):
        store.prove(BookState(early.root, early.journal_size, early.journal_head), [subject(3).tag])
    with refused(Code.HISTORY_GONE):
        store.prove(BookState(early.root, 5, b"h" * 32), [subject(3).tag])
    store.close()


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cats (name TEXT)")
    connection.close()
    with refused(Code.STORAGE_SCHEMA):
        SqliteBook(path, IDENTITY)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database" * 1_000)
    with refused(Code.STORAGE_BROKEN):
        SqliteBook(path, IDENTITY)


def test_a_folder_that_is_not_there_is_named_as_that(tmp_path: Path) -> None:
    with refused(Code.SOURCE_UNREADABLE):
        SqliteBook(tmp_path / "nowhere" / "book.db", IDENTITY)


def test_another_book_secret_is_refused(path: Path, book: SqliteBook) -> None:
    book.close()
    with refused(Code.SETTINGS_INVALID):
        SqliteBook(path, BookIdentity("lender-a", Secret(b"x" * 32)))


@pytest.mark.parametrize("what", ["killed-reading", "killed-writing"])
def test_a_process_killed_during_a_load_leaves_the_old_book(what: str, path: Path, book: SqliteBook) -> None:
    book.load(many(50), day=DAY, as_of=NOW)
    before = book.status()
    assert child(what, path.parent).returncode == -9
    assert book.status() == before
    assert [balance(book, number) for number in (0, 49, 50, 600)] == [0, 49, None, None]
    book.verify_root()
    book.load(many(10), day=DAY, as_of=NOW)  # the next load clears away what was left
    assert [balance(book, number) for number in (9, 10)] == [9, None]
    tables = {
        name for (name,) in book._connections.own().execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    assert tables == {"subjects", "books", "journal", "past_files", "links", "left_out", "marks"}
    assert not path.with_name("book.db.loading").exists()


def test_what_was_recorded_is_there_after_a_kill(path: Path, book: SqliteBook) -> None:
    assert child("recorded", path.parent).returncode == -9
    assert book.status().journal.size == 1
    held = book.find(subject(1).tag)
    assert held is not None
    assert held.file.pendings == (grant(),)


def test_a_really_full_disk_stops_everything_half_way_and_nothing_half_done(tmp_path: Path) -> None:
    script = f'mount -t tmpfs -o size=2m tmpfs "{tmp_path}" && exec "$@"'
    try:
        probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True, timeout=10, check=False)  # noqa: S607
    except FileNotFoundError:
        pytest.skip("no `unshare` to make a small file system with")
    if probe.returncode:
        pytest.skip("no permission to make a small file system")
    done = child("full-disk", tmp_path, "unshare", "-rm", "sh", "-c", script, "sh")
    assert done.returncode == 0, done.stderr


def test_a_full_database_refuses_an_event_and_takes_it_when_there_is_room(book: SqliteBook) -> None:
    book.load(many(20), day=DAY, as_of=NOW)
    connection = book._connections.own()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    taken = 0
    with refused(Code.STORAGE_FULL):
        for number in range(1_000):
            book.record(subject(number), tradeline("a9", balance=number), NOW)
            taken += 1
    assert book.status().journal.size == taken > 0
    book.verify_journal()
    before = book.status()
    with refused(Code.STORAGE_FULL):
        book.load(many(500), day=DAY, as_of=NOW)
    assert book.status() == before
    connection.execute("PRAGMA max_page_count = 1000000")
    assert book.record(subject(taken), tradeline("a9", balance=taken), NOW).size == taken + 1
    assert book.load(many(500), day=DAY, as_of=NOW).status.book.size >= 500


def test_no_room_for_the_scratch_file_leaves_the_old_book(book: SqliteBook, monkeypatch: pytest.MonkeyPatch) -> None:
    book.load(many(20), day=DAY, as_of=NOW)
    before = book.status()

    monkeypatch.setattr("participants.storage.staging.Staging.__init__", FullFile.start)
    with refused(Code.STORAGE_FULL):
        book.load(many(20), day=DAY, as_of=NOW)
    assert book.status() == before


class FullFile:
    """A file that takes nothing."""

    _original = Staging.__init__

    @staticmethod
    def start(staging: Staging, _file: Any) -> None:
        FullFile._original(staging, FullFile())  # type: ignore[arg-type]

    def tell(self) -> int:
        return 0

    def write(self, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_one_load_at_a_time(path: Path, book: SqliteBook) -> None:
    command = [sys.executable, "-m", "tests.support.book_child", "loading", str(path.parent)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "loading\n"
        with refused(Code.STORAGE_BUSY):
            book.load(many(5), day=DAY, as_of=NOW)
        with refused(Code.STORAGE_BUSY):
            book.roll_day(DAY)
        assert book.record(subject(1), grant(), NOW).size == 1  # live events go on
        other.stdin.close()
        assert other.wait(60) == 0
    assert balance(book, 9) == 9
    held = book.find(subject(1).tag)
    assert held is not None
    assert held.file.pendings == (grant(),)
    book.verify_journal()


@pytest.mark.parametrize("stage", ["reading", "writing"])
def test_events_during_a_load_are_in_the_new_book_s_journal(stage: str, book: SqliteBook) -> None:
    book.load(many(20), day=DAY, as_of=NOW - 100)
    book.record(subject(1), Inquiry(NOW - 50), NOW - 50)
    new, old = subject(900), subject(3)
    told: list[object] = []

    def meanwhile(now: str, _done: int) -> None:
        if now == stage and not told:
            told.append(now)
            in_thread(lambda: book.record(new, grant(1), NOW))
            in_thread(lambda: book.record(old, tradeline("a7", balance=7), NOW))

    book.load(many(20), day=DAY, as_of=NOW - 10, progress=meanwhile)
    entries = [journal_entry_from_bytes(row.entry) for row in book.journal()]
    assert [(entry.seq, entry.subject) for entry in entries] == [(0, new.tag), (1, old.tag)]
    view = book.read([new.tag, old.tag], live=True)
    assert view.files[0] is not None
    assert view.files[0].file == CreditFile(new.kind, pendings=(grant(1),))
    assert view.files[1] is not None
    assert [line.balance for line in view.files[1].file.tradelines] == [3, 7]
    assert book.read([new.tag], live=False).files == (None,)
    book.verify_journal()
    book.verify_root()


def test_events_during_a_roll_are_in_the_new_day_s_journal(book: SqliteBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "PROGRESS_ROWS", 5)
    book.load(many(20), day=DAY, as_of=NOW - 100)
    book.record(subject(1), Inquiry(NOW - 50), NOW - 50)
    told: list[object] = []

    def meanwhile(_stage: str, done: int) -> None:
        if not told:
            told.append(done)
            in_thread(lambda: book.record(subject(1), Inquiry(NOW), NOW))
            in_thread(lambda: book.record(subject(900), grant(1), NOW))
            in_thread(lambda: book.record(subject(2), tradeline("a7"), NOW))

    status = book.roll_day(DAY + 1, meanwhile)
    assert told == [5]
    assert (status.book.size, status.journal.size) == (20, 3)
    (before,) = book.read([subject(1).tag], live=False).files
    (after,) = book.read([subject(1).tag], live=True).files
    assert before is not None
    assert after is not None
    assert before.file.inquiries == (Inquiry(NOW - 50), Inquiry(NOW))  # one of the source's own, one live
    assert after.file.inquiries == (Inquiry(NOW - 50), Inquiry(NOW), Inquiry(NOW))
    book.verify_journal()
    book.verify_root()
    book.load([rows(subject(1), tradeline("a1"))], day=DAY + 1, as_of=NOW - 200)  # nothing lost, nothing twice
    (again,) = book.read([subject(1).tag], live=True).files
    assert again is not None
    assert again.file.inquiries == after.file.inquiries
    assert [journal_entry_from_bytes(row.entry).subject for row in book.journal()] == [
        subject(1).tag,
        subject(900).tag,
        subject(2).tag,
    ]
    assert book.roll_day(DAY + 2).book.size == 21  # inquiries of all were carried over


def test_many_threads_append_one_gapless_chain(book: SqliteBook) -> None:
    def work(number: int) -> None:
        for step in range(20):
            book.record(subject(number), Inquiry(NOW + step), NOW)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [journal_entry_from_bytes(row.entry).seq for row in book.journal()] == list(range(80))
    book.verify_journal()


def test_a_read_is_one_state_whatever_is_written_meanwhile(book: SqliteBook) -> None:
    stop = threading.Event()
    ann = subject(1)

    def write() -> None:
        number = 0
        while not stop.is_set():
            book.record(ann, Inquiry(NOW + number), NOW)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(200):
            view = book.read([ann.tag], live=True)
            (held,) = view.files
            assert (len(held.file.inquiries) if held else 0) == view.journal_size
    finally:
        stop.set()
        thread.join()


ALTERATIONS = [
    "UPDATE journal SET entry = CAST(replace(entry, '50000', '50001') AS BLOB) WHERE seq = 1",
    "UPDATE journal SET link = zeroblob(64) WHERE seq = 1",
    "UPDATE journal SET head = zeroblob(32) WHERE seq = 1",
    "DELETE FROM journal WHERE seq = 1",
    "DELETE FROM journal WHERE seq = 2",
    "UPDATE journal SET tag = zeroblob(32) WHERE seq = 0",
    "UPDATE subjects SET live = file WHERE live IS NOT NULL AND file IS NOT NULL",
    "UPDATE subjects SET live = NULL WHERE live IS NOT NULL",
    "UPDATE subjects SET live = CAST(replace(live, '495', '496') AS BLOB) WHERE live IS NOT NULL",
    "DELETE FROM subjects WHERE live IS NOT NULL",
    "UPDATE books SET start = zeroblob(32) WHERE number = 1",
]


@pytest.mark.parametrize("statement", ALTERATIONS)
def test_an_altered_journal_is_found(statement: str, book: SqliteBook) -> None:
    book.load(many(5), day=DAY, as_of=NOW)
    book.record(subject(1), Inquiry(NOW), NOW)
    book.record(subject(2), grant(), NOW)
    book.record(subject(9), grant(), NOW)
    book.verify_journal()
    changed = book._connections.own().execute(statement).rowcount
    assert changed > 0
    with refused(Code.JOURNAL_BROKEN):
        book.verify_journal()


def test_an_altered_book_is_found(book: SqliteBook) -> None:
    book.load(many(5), day=DAY, as_of=NOW)
    book.verify_root()
    book._connections.own().execute(
        "UPDATE subjects SET file = CAST(replace(file, '495', '496') AS BLOB) WHERE tag = ?", (subject(3).tag.value,)
    )
    with refused(Code.JOURNAL_BROKEN):
        book.verify_root()


def test_keys_and_tags_of_another_length_are_refused(book: SqliteBook) -> None:
    who = subject(1)
    for wrong in (Subject(SubjectTag(b"t"), who.key, who.kind), Subject(who.tag, SubjectKey(b"k"), who.kind)):
        with refused(Code.RECORD_INVALID):
            book.load([rows(wrong, tradeline("a1"))], day=DAY, as_of=NOW)


def test_pieces_of_one_subject_may_be_far_apart(book: SqliteBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participants.storage.staging.WAITING_BYTES", 10_000)
    monkeypatch.setattr("participants.storage.book_load.ROWS_AT_ONCE", 7)
    pieces: list[BookRow] = []
    for account in range(4):
        for number in range(100):
            pieces += rows(subject(number), tradeline(f"a{account}", balance=number * account))
    batches: Sequence[Sequence[BookRow]] = list(batched(pieces, 30))
    assert book.load(batches, day=DAY, as_of=NOW).status.book.size == 100
    for number in (0, 57, 99):
        held = book.find(subject(number).tag)
        assert held is not None
        assert [line.balance for line in held.file.tradelines] == [number * account for account in range(4)]
    book.verify_root()


def test_old_journals_can_be_forgotten_and_the_chain_goes_on(book: SqliteBook) -> None:
    for day in (DAY, DAY + 1, DAY + 2):
        book.roll_day(day)
        book.record(subject(1), Inquiry(NOW + day), NOW)
    before = book.status()
    assert book.forget_before(DAY + 1) == 1
    assert book.forget_before(DAY + 99) == 1  # never the journal in force
    assert book.status() == before
    book.verify_journal()
    assert len(list(book.journal())) == 1
    assert book.roll_day(DAY + 3).book.size == 1
