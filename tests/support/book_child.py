"""
Children that a book test starts: `python -m tests.support.book_child WHAT FOLDER`.

`killed-reading` and `killed-writing` die by SIGKILL in the middle of a load; `recorded` dies right after an event was
recorded; `full-disk` is started in a folder on a very small file system and fills it. `loading` holds a load open
until its standard input ends; `succeeding` has the next generation's book take over.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consortium.errors import Code
from consortium.model.credit_file import Inquiry
from participants.lender.ports import BookRow
from participants.storage.book import SqliteBook
from participants.storage.succession import Succession
from tests.support.books import DAY, IDENTITY, NOW, attempt, grant, rows, subject, tradeline


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def many(people: int, first: int = 0) -> Iterator[Sequence[BookRow]]:
    for number in range(first, first + people):
        yield rows(subject(number), tradeline("a1", balance=number), Inquiry(NOW))


def killed_reading(book: SqliteBook) -> None:
    def batches() -> Iterator[Sequence[BookRow]]:
        yield from many(1_000, first=500)
        die()

    book.load(batches(), day=DAY + 1, as_of=NOW)


def killed_writing(book: SqliteBook) -> None:
    book.load(many(1_000, 500), day=DAY + 1, as_of=NOW, progress=lambda stage, _: die() if stage == "writing" else None)


def recorded(book: SqliteBook) -> None:
    book.record(subject(1), grant(), NOW)
    die()


def loading(book: SqliteBook) -> None:
    def batches() -> Iterator[Sequence[BookRow]]:
        print("loading", flush=True)  # noqa: T201 -- the parent waits for it
        sys.stdin.read()
        yield from many(10)

    book.load(batches(), day=DAY, as_of=NOW)


def record_inquiry(book: SqliteBook, number: int) -> object:
    return attempt(lambda: book.record(subject(number % 100), Inquiry(NOW), NOW))


def full_disk(book: SqliteBook) -> None:
    book.load(many(100), day=DAY, as_of=NOW - 10)
    before = book.status()
    too_many = attempt(lambda: book.load(many(50_000), day=DAY, as_of=NOW))
    assert too_many is Code.STORAGE_FULL, too_many
    assert book.status() == before
    recorded = 0
    while (outcome := record_inquiry(book, recorded)) is not Code.STORAGE_FULL:
        assert outcome == book.status().journal
        recorded += 1
    assert book.status().journal.size == recorded > 0
    assert attempt(lambda: book.roll_day(DAY + 1)) is Code.STORAGE_FULL
    assert book.status().journal.size == recorded
    book.verify_journal()
    book.verify_root()


def succeeding(book: SqliteBook) -> None:
    """Make the next book, and have it take over."""
    following = SqliteBook(Path(sys.argv[2]) / "next.db", IDENTITY)
    succession = Succession(book, following, b"2" * 32)
    if not succession.is_ready():
        succession.build()
    succession.take_over()
    following.close()


if __name__ == "__main__":
    store = SqliteBook(Path(sys.argv[2]) / "book.db", IDENTITY)
    globals()[sys.argv[1].replace("-", "_")](store)
    store.close()
