"""The snapshots beside a book's file: the one of the book in force is made when it is first needed, older ones go."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from participants.lender.bulk.column_maker import BookedFile
from participants.lender.bulk.ports import BlockAnswer, TaggedRows
from participants.lender.bulk.workers import open_workers
from participants.storage.book import SqliteBook
from participants.storage.book_rows import CurrentBook, current_book
from participants.storage.database import connect, read_transaction, storage_errors
from participants.storage.day_book import DayBook
from participants.storage.day_snapshot import FORMAT, ParquetSnapshot, write_snapshot
from participants.storage.locks import exclusive

KEPT = 2
"""The snapshot in use, and the one before, which somebody may still be reading."""
PATIENCE_SECONDS = 3_600.0
LARGE = 20_000
"""Subjects, from which on making a snapshot takes a second and more."""
_COMMITTED = """
SELECT subjects.tag, subjects.key, earlier, file FROM subjects LEFT JOIN links USING (tag)
WHERE file IS NOT NULL ORDER BY subjects.tag
"""


class SnapshotBook(Silent):
    """A `BulkBook` of the book in force, by its snapshot; threads may share it."""

    def __init__(self, book: SqliteBook) -> None:
        self._book = book
        self._guard = threading.Lock()
        self._day: tuple[bytes, DayBook] | None = None

    def contributions(self, rows: TaggedRows, header: QueryHeader, rulebook: Rulebook) -> BlockAnswer:
        """Give what this lender adds for every row; the first call for a book makes its snapshot."""
        return self._day_book().contributions(rows, header, rulebook)

    def _day_book(self) -> DayBook:
        with self._guard:
            with read_transaction(self._book.connection()) as connection:
                start = current_book(connection).start.head
            if self._day is None or self._day[0] != start:
                snapshot = snapshot_beside(self._book)
                self._day = snapshot.state.journal_head, DayBook(snapshot)
            return self._day[1]


def snapshot_beside(book: SqliteBook) -> ParquetSnapshot:
    """
    Give the snapshot as `snapshot_of` does; that of a LARGE book is made in a process of its own, of low priority.

    So a node that serves answers queries meanwhile. Raises as `snapshot_of`, and CreditError(WORKERS_LOST).
    """
    with read_transaction(book.connection()) as connection:
        current = current_book(connection)
    if current.root.size > LARGE and not snapshot_place(book.path, current).exists():
        with open_workers(processes=1) as workers:
            workers.result(workers.submit(_make, book.path))
    return snapshot_of(book)


def _make(book: Path) -> None:
    with closing(connect(book)) as connection:
        _made(book, connection)


def snapshot_of(book: SqliteBook) -> ParquetSnapshot:
    """
    Give the snapshot of the book in force, made where there is none yet; minutes for tens of millions of subjects.

    Processes of one node make it once. Raises CreditError: STORAGE_FULL, STORAGE_BROKEN, STORAGE_BUSY.
    """
    return _made(book.path, book.connection())


def _made(book: Path, opened: sqlite3.Connection) -> ParquetSnapshot:
    folder = _folder(book)
    with storage_errors():
        folder.mkdir(mode=0o700, exist_ok=True)
    with exclusive(folder / "lock", PATIENCE_SECONDS), read_transaction(opened) as connection:
        current = current_book(connection)
        place = snapshot_place(book, current)
        if place.exists():
            return ParquetSnapshot(place)
        _forget(folder, KEPT - 1)
        return write_snapshot(place, _committed(connection), current.root.root, current.start.head)


def snapshot_place(book: Path, current: CurrentBook) -> Path:
    """Give where the snapshot of the book in force is, or will be."""
    return _folder(book) / _name(current)


def _folder(book: Path) -> Path:
    return book.with_name(f"{book.name}.snapshots")


def _name(current: CurrentBook) -> str:
    return f"book-{current.number:08}-{FORMAT}-{current.start.head.hex()[:16]}"


def _committed(connection: sqlite3.Connection) -> Iterator[BookedFile]:
    yield from connection.execute(_COMMITTED)


def _forget(folder: Path, kept: int) -> None:
    """Remove all but the newest, and what a process that died has left."""
    found = sorted(path for path in folder.iterdir() if path.is_dir())
    whole = [path for path in found if path.name.startswith("book-") and f"-{FORMAT}-" in path.name]
    for path in {*found} - {*whole[len(whole) - kept :]}:
        shutil.rmtree(path, ignore_errors=True)
