"""
Loading a book: pieces in any order on disk first, then one credit file a subject, then the swap.

The new rows go to a table beside the old one in short transactions, so that live events never wait long. The last
transaction swaps the tables, writes the new root and applies what the journal took in meanwhile; whatever happens
before it leaves the old book.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import islice
from pathlib import Path

from consortium.errors import CreditError
from consortium.model.credit_file import PieceKind
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.transparency.books import BookRoot, DayKeys, book_root
from participants.lender.book import applied_again, carried_pieces, first_kept
from participants.lender.ports import BookRow, LoadReport, Progress
from participants.storage.book_rows import (
    SUBJECTS,
    BookIdentity,
    CurrentBook,
    begin_book,
    current_book,
    entries_since_load,
    file_before,
    subject_key,
    trait_bits,
)
from participants.storage.database import read_transaction, write_transaction
from participants.storage.leaves import LeafSorter
from participants.storage.locks import exclusive
from participants.storage.staging import StagedSubject, Staging

ROWS_AT_ONCE = 5_000
PROGRESS_ROWS = 50_000
_NEXT_TAG = "SELECT max(tag) FROM (SELECT tag FROM {table} WHERE tag > ? ORDER BY tag LIMIT ?)"
_KEEP_CHANGED = """
INSERT OR REPLACE INTO past_files SELECT old.tag, ?1, old.file
FROM subjects AS old LEFT JOIN incoming ON incoming.tag = old.tag
WHERE old.tag > ?2 AND old.tag <= ?3 AND old.file IS NOT incoming.file
"""
_KEEP_NEW = """
INSERT OR REPLACE INTO past_files SELECT incoming.tag, ?1, NULL
FROM incoming LEFT JOIN subjects AS old ON old.tag = incoming.tag
WHERE incoming.tag > ?2 AND incoming.tag <= ?3 AND old.tag IS NULL
"""


def silent(_stage: str, _done: int) -> None:
    """Tell nobody."""


def maintenance(path: Path) -> AbstractContextManager[None]:
    """Let one load or roll at a time change the book, over all processes; raises CreditError(STORAGE_BUSY) at once."""
    return exclusive(path.with_name(f"{path.name}.lock"), patience=0)


class BookLoader:
    """One load into the database of `connection`; the caller holds `maintenance`."""

    def __init__(self, connection: sqlite3.Connection, identity: BookIdentity, progress: Progress) -> None:
        self._connection = connection
        self._identity = identity
        self._progress = progress

    def load(self, staged: Staging, batches: Iterable[Sequence[BookRow]], day: int, as_of: int) -> LoadReport:
        """Stage, build and swap; see `BookStore.load`."""
        self._read(staged, batches)
        rows, brought = staged.pieces, frozenset(staged.kinds)
        first = self._carry_over(staged, brought, as_of)
        try:
            leaves = self._build(staged, self._identity.keys(day))
            self._keep_past()
            book = self._swap(book_root(self._identity.keys(day), leaves), first, brought)
        except BaseException:
            with suppress(CreditError):  # the first error counts; the next load removes the table
                self._drop_incoming()
            raise
        return LoadReport(book.status, rows, staged.pieces - rows)

    def _read(self, staged: Staging, batches: Iterable[Sequence[BookRow]]) -> None:
        for batch in batches:
            staged.add(batch)
            self._progress("reading", staged.pieces)

    def _carry_over(self, staged: Staging, brought: frozenset[PieceKind], as_of: int) -> int:
        """Stage what the sources cannot know; gives the first entry since the last load that is kept."""
        with read_transaction(self._connection) as connection:
            book = current_book(connection)
            first = first_kept((entry for _, entry in entries_since_load(connection)), as_of)
            earlier = sum(1 for number, _ in entries_since_load(connection) if number < book.number)
            staged.add(self._carried(connection, book, max(0, first - earlier), brought, as_of))
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

    def _swap(self, root: BookRoot, first: int, brought: frozenset[PieceKind]) -> CurrentBook:
        with write_transaction(self._connection) as connection:
            current = current_book(connection).number
            kept = islice(entries_since_load(connection), first, None)
            tail = [
                (entry, subject_key(connection, entry.subject))
                for number, entry in kept
                if applied_again(entry, brought, rolled=number < current)
            ]
            connection.execute("DROP TABLE subjects")
            connection.execute("ALTER TABLE incoming RENAME TO subjects")
            return begin_book(connection, self._identity, root, tail)

    def _keep_past(self) -> None:
        """
        Keep what the committed files were, where the new book has others; the book in force does not change meanwhile.

        If the load ends here, the rows say nothing wrong: in the book in force the files are these.
        """
        with read_transaction(self._connection) as connection:
            book = current_book(connection)
        if book.root.size:
            self._keep_ranges(_KEEP_CHANGED, "subjects", book.number)
            self._keep_ranges(_KEEP_NEW, "incoming", book.number)

    def _keep_ranges(self, keep: str, table: str, number: int) -> None:
        """Work through a table by its key, in short transactions."""
        after = b""
        while True:
            sql = _NEXT_TAG.format(table=table)
            with write_transaction(self._connection) as connection:
                (last,) = connection.execute(sql, (after, ROWS_AT_ONCE)).fetchone()
                if last is None:
                    return
                connection.execute(keep, (number, after, last))
            after = last

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
