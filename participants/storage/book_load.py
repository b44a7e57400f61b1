"""
Loading a book: pieces in any order on disk first, then one credit file a subject, then the swap.

The new rows go to a table beside the old one in short transactions, so that live events never wait long. The last
transaction swaps the tables, writes the new root and applies what the journal took in meanwhile; whatever happens
before it leaves the old book.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.credit_file import PieceKind
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.transparency.books import DayKeys, book_root
from participants.lender.book import carried_pieces, first_kept
from participants.lender.ports import BookRow, LoadReport, Progress
from participants.storage.book_rows import (
    SUBJECTS,
    BookIdentity,
    CurrentBook,
    begin_book,
    current_book,
    entries,
    file_before,
    keyed_entries,
    trait_bits,
)
from participants.storage.database import read_transaction, storage_errors, write_transaction
from participants.storage.leaves import LeafSorter
from participants.storage.staging import StagedSubject, Staging

ROWS_AT_ONCE = 5_000
PROGRESS_ROWS = 50_000


def silent(_stage: str, _done: int) -> None:
    """Tell nobody."""


@contextmanager
def maintenance(path: Path) -> Iterator[None]:
    """Let one load or roll at a time change the book, over all processes; raises CreditError(STORAGE_BUSY)."""
    with storage_errors():
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CreditError(Code.STORAGE_BUSY, "another load or roll is running") from None


class BookLoader:
    """One load into the database of `connection`; the caller holds `maintenance`."""

    def __init__(self, connection: sqlite3.Connection, identity: BookIdentity, progress: Progress) -> None:
        self._connection = connection
        self._identity = identity
        self._progress = progress

    def load(self, staged: Staging, batches: Iterable[Sequence[BookRow]], day: int, as_of: int) -> LoadReport:
        """Stage, build and swap; see `BookStore.load`."""
        self._read(staged, batches)
        rows = staged.pieces
        first = self._carry_over(staged, as_of)
        try:
            leaves = self._build(staged, self._identity.keys(day))
            root = book_root(self._identity.keys(day), leaves)
            with write_transaction(self._connection) as connection:
                tail = keyed_entries(connection, current_book(connection).number, first)
                connection.execute("DROP TABLE subjects")
                connection.execute("ALTER TABLE incoming RENAME TO subjects")
                book = begin_book(connection, self._identity, root, tail)
        except BaseException:
            with suppress(CreditError):  # the first error counts; the next load removes the table
                self._drop_incoming()
            raise
        return LoadReport(book.status, rows, staged.pieces - rows)

    def _read(self, staged: Staging, batches: Iterable[Sequence[BookRow]]) -> None:
        for batch in batches:
            staged.add(batch)
            self._progress("reading", staged.pieces)

    def _carry_over(self, staged: Staging, as_of: int) -> int:
        """Stage what the sources cannot know; gives the first journal entry to apply again."""
        brought = frozenset(staged.kinds)
        with read_transaction(self._connection) as connection:
            book = current_book(connection)
            first = first_kept(entries(connection, book.number), as_of)
            staged.add(self._carried(connection, book, first, brought, as_of))
        return first

    def _carried(
        self, connection: sqlite3.Connection, book: CurrentBook, first: int, brought: frozenset[PieceKind], as_of: int
    ) -> Iterator[BookRow]:
        missing = trait_bits(kind for kind in PieceKind if kind not in brought or kind is PieceKind.PENDING)
        sql = "SELECT tag, key FROM subjects WHERE live IS NOT NULL OR traits & ?"
        for tag_bytes, key in connection.execute(sql, (missing,)):
            tag = SubjectTag(tag_bytes)
            file = file_before(connection, book.number, tag, first)
            if file is not None:
                for piece in carried_pieces(file, brought, as_of):
                    yield SubjectKey(key), tag, file.identifier, piece

    def _build(self, staged: Staging, keys: DayKeys) -> LeafSorter:
        leaves = LeafSorter()
        self._drop_incoming()
        with write_transaction(self._connection) as connection:
            connection.execute(SUBJECTS.format(name="incoming"))
        subjects = staged.subjects()
        done = 0
        while batch := list(islice(subjects, ROWS_AT_ONCE)):
            for subject in batch:
                leaves.add(keys.leaf(subject.tag, subject.file))
            self._write(batch)
            done += len(batch)
            self._progress("writing", done)
        return leaves

    def _write(self, subjects: Sequence[StagedSubject]) -> None:
        rows = [(tag.value, key.value, trait_bits(kinds), file) for tag, key, file, kinds in subjects]
        with write_transaction(self._connection) as connection:
            connection.executemany("INSERT INTO incoming (tag, key, traits, file) VALUES (?, ?, ?, ?)", rows)

    def _drop_incoming(self) -> None:
        with write_transaction(self._connection) as connection:
            connection.execute("DROP TABLE IF EXISTS incoming")
