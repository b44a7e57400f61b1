"""From one generation's book to the next: the same people, files and journal under other tags, whatever is killed."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.credit_file import Inquiry
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.sums.exchange import BookState
from consortium.transparency.journal import journal_start
from participants.lender.ports import Link, Subject
from participants.storage.book import SqliteBook
from participants.storage.succession import Succession, adopt
from tests.support.book_child import many
from tests.support.books import DAY, IDENTITY, NOW, grant, subject
from tests.support.codes import refused

ROOT = Path(__file__).parents[2]
SECOND, OTHER = b"2" * 32, b"other key of that number, really"


def after(number: int) -> Subject:
    """The same person in the next generation."""
    tag = hashlib.sha256(b"next %d" % number).digest()
    return Subject(SubjectTag(tag), SubjectKey(hashlib.sha512(tag).digest()), subject(number).kind)


def links(*numbers: int) -> list[Link]:
    return [Link(after(number).tag, after(number).key, subject(number).tag) for number in numbers]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[SqliteBook, SqliteBook]]:
    both = SqliteBook(tmp_path / "book.db", IDENTITY), SqliteBook(tmp_path / "next.db", IDENTITY)
    both[0].load(many(20), day=DAY, as_of=NOW - 60)
    yield both
    for book in both:
        book.close()


def grants(book: SqliteBook, who: Subject) -> list[str]:
    held = book.find(who.tag)
    return [one.id for one in held.file.pendings] if held else []


def test_the_next_book_has_the_same_files_and_the_same_journal(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    old.record(subject(3), grant(1), NOW)
    succession = Succession(old, new, SECOND)
    succession.link(links(*range(20)))
    succession.build()
    old.record(subject(4), grant(2), NOW + 1)  # between the making and the taking over
    succession.link(links(30))
    old.record(subject(30), grant(3), NOW + 2)
    ended = old.status().journal
    assert succession.is_ready()
    succession.take_over()
    assert succession.is_over
    for number in range(20):
        before, now = old.find(subject(number).tag), new.find(after(number).tag)
        assert before is not None
        assert now is not None
        assert (now.file, now.key, new.find(subject(number).tag)) == (before.file, after(number).key, None)
        (held,) = new.read([after(number).tag], live=True).files
        assert held is not None
        assert held.earlier == subject(number).tag
    assert [grants(new, after(number)) for number in (3, 4, 30)] == [["grant-1"], ["grant-2"], ["grant-3"]]
    (committed,) = new.read([after(4).tag], live=False).files
    assert committed is not None
    assert committed.file.pendings == (), "the day's book is that of the day"
    assert (new.status().book.day, new.status().book.size, new.status().journal.size) == (DAY, 20, 3)
    new.verify_journal()
    new.verify_root()
    (made,) = new.books([], 9).made
    assert made.previous == ended, "its journal follows the one before"
    assert made.start == journal_start(IDENTITY.lender, made.root, ended).head


def test_inspections_find_either_book(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    early = old.read([subject(3).tag], live=True)
    succession = Succession(old, new, SECOND)
    succession.link(links(*range(20)))
    succession.build()
    succession.take_over()
    late = new.read([after(3).tag], live=True)
    for book, view, who in ((old, early, subject(3)), (new, late, after(3))):
        proof = book.prove(BookState(view.root, view.journal_size, view.journal_head), [who.tag])
        assert proof.places[0].file is not None


def test_nothing_is_written_to_a_book_that_was_taken_over(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    succession = Succession(old, new, SECOND)
    succession.link(links(*range(20)))
    succession.build()
    succession.take_over()
    status = old.status()
    attempts: list[Callable[[], object]] = [
        lambda: old.record(subject(1), Inquiry(NOW), NOW),
        lambda: old.load(many(3), day=DAY, as_of=NOW),
        lambda: old.roll_day(DAY + 1),
    ]
    for attempt in attempts:
        with refused(Code.BOOK_BEHIND):
            attempt()
    assert old.status() == status
    new.record(after(1), Inquiry(NOW), NOW)
    succession.take_over()
    assert new.status().journal.size == 1, "again it changes nothing"


def test_people_without_a_link_hold_it_up_until_they_are_left_out(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    old.record(subject(99), Inquiry(NOW), NOW)
    succession = Succession(old, new, SECOND)
    assert succession.link_known(links(*range(18), 40, 41)) == 18, "strangers are not kept"
    assert (succession.linked().subjects, succession.linked().unlinked) == (21, 3)
    with refused(Code.BOOK_BEHIND):
        succession.build()
    assert succession.leave_out() == 3
    succession.build()
    assert succession.is_ready()
    old.record(subject(50), Inquiry(NOW), NOW)  # by somebody who did not know of the change yet
    assert not succession.is_ready()
    with refused(Code.BOOK_BEHIND):
        succession.take_over()
    assert not succession.is_over
    succession.link(links(50))
    succession.take_over()
    assert new.find(after(17).tag) is not None
    assert new.find(after(18).tag) is None
    assert new.status().journal.size == 1


def test_a_load_in_between_makes_it_necessary_again(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    succession = Succession(old, new, SECOND)
    succession.link(links(*range(20)))
    succession.build()
    old.load(many(10), day=DAY, as_of=NOW)
    assert not succession.is_ready()
    with refused(Code.BOOK_BEHIND):
        succession.take_over()
    succession.build()
    succession.take_over()
    assert new.status().book.size == 10
    assert new.find(after(15).tag) is None


def test_what_was_made_for_another_key_is_thrown_away_but_no_book_in_use(books: tuple[SqliteBook, SqliteBook]) -> None:
    old, new = books
    first = Succession(old, new, OTHER)
    first.link(links(*range(20)))
    first.build()
    second = Succession(old, new, SECOND)
    assert second.linked().unlinked == 20
    second.link(links(*range(20)))
    second.build()
    second.take_over()
    with refused(Code.BOOK_BEHIND):
        Succession(old, new, OTHER)
    assert new.find(after(5).tag) is not None
    assert adopt(new, SECOND)
    assert not adopt(new, OTHER)


def test_an_empty_book_is_ready_at_once(tmp_path: Path) -> None:
    old, new = SqliteBook(tmp_path / "book.db", IDENTITY), SqliteBook(tmp_path / "next.db", IDENTITY)
    succession = Succession(old, new, SECOND)
    succession.build()
    succession.take_over()
    new.load(many(3), day=DAY, as_of=NOW)
    assert new.status().book.size == 3
    for book in (old, new):
        book.close()


@pytest.mark.parametrize("point", ["succession.copied", "succession.built", "succession.applied", "succession.over"])
def test_a_crash_at_any_point_is_followed_by_the_same_book(
    books: tuple[SqliteBook, SqliteBook], tmp_path: Path, point: str
) -> None:
    old, new = books
    Succession(old, new, SECOND).link(links(*range(20)))
    old.record(subject(3), grant(1), NOW)
    (tmp_path / "failpoint").write_text(point)
    command = [sys.executable, "-m", "tests.support.book_child", "succeeding", str(tmp_path)]
    environment = {"CREDIT_FAILPOINT": str(tmp_path / "failpoint"), "PATH": ""}
    killed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    new.verify_journal()
    new.verify_root()
    assert (new.status().book.size, new.status().journal.size) == (20, 1)
    assert grants(new, after(3)) == ["grant-1"]
    with refused(Code.BOOK_BEHIND):
        old.record(subject(3), grant(2), NOW)
