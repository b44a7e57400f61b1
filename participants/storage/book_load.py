"""
Loading a book: pieces in any order on disk first, then one credit file a subject, then the swap.

Staged pieces lie in a scratch file, in 256 buckets by the tag that each fit in memory. The new rows go to a table
beside the old one in short transactions, so that live events never wait long; the last transaction swaps the tables,
writes the new root and applies what the journal took in meanwhile. Whatever happens before it leaves the old book.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from consortium.errors import Code, CreditError
from consortium.model.credit_file import PieceKind
from consortium.model.credit_file_bytes import Part, join_parts, parts_of
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
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

BUCKETS = 256
ROWS_AT_ONCE = 5_000
PROGRESS_ROWS = 50_000
_STAGED = """
CREATE TABLE staged (
    bucket INTEGER NOT NULL, number INTEGER NOT NULL, tag BLOB NOT NULL, key BLOB NOT NULL, identifier INTEGER NOT NULL,
    kind INTEGER NOT NULL, name TEXT NOT NULL, rank INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (bucket, number)
) WITHOUT ROWID
"""
_INSERT_STAGED = "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_READ_BUCKET = "SELECT tag, key, identifier, kind, name, rank, data FROM staged WHERE bucket = ?"

StagedRow: TypeAlias = tuple[bytes, bytes, int, int, str, int, bytes]


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


class Staging:
    """The scratch file: pieces in buckets by the tag's first byte."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._number = 0
        self.pieces = 0
        self.kinds: set[PieceKind] = set()

    def add(self, rows: Iterable[BookRow]) -> None:
        """Stage rows as their parts."""
        with storage_errors():
            self._connection.executemany(_INSERT_STAGED, self._parts(rows))

    def subjects(self, bucket: int) -> Iterator[tuple[SubjectTag, SubjectKey, bytes, int]]:
        """Give every subject of a bucket, by tag: its key, its file's bytes and its traits."""
        with storage_errors():
            rows: list[StagedRow] = self._connection.execute(_READ_BUCKET, (bucket,)).fetchall()
        rows.sort(key=itemgetter(0))
        for tag, group in groupby(rows, itemgetter(0)):
            pieces = list(group)
            kind = IdentifierKind(min(piece[2] for piece in pieces))
            parts = [Part(PieceKind(piece[3]), *piece[4:]) for piece in pieces]
            yield SubjectTag(tag), SubjectKey(pieces[0][1]), join_parts(kind, parts), trait_bits(p.kind for p in parts)

    def _parts(self, rows: Iterable[BookRow]) -> Iterator[tuple[int, int, bytes, bytes, int, int, str, int, bytes]]:
        for key, tag, identifier, piece in rows:
            self.pieces += 1
            self.kinds.add(piece.kind)
            for kind, name, rank, data in parts_of(piece):
                self._number += 1
                yield tag.value[0], self._number, tag.value, key.value, identifier, kind, name, rank, data


@contextmanager
def staging(path: Path) -> Iterator[Staging]:
    """Open the scratch file beside the book (mode 0600) and remove it at the end; one that a crash left goes first."""
    scratch = path.with_name(path.name + ".loading")
    with storage_errors():
        scratch.unlink(missing_ok=True)
        scratch.touch(mode=0o600)
        connection = sqlite3.connect(scratch, isolation_level=None)
    try:
        with storage_errors():
            for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -65536"):
                connection.execute(statement)
            connection.execute(_STAGED)
            connection.execute("BEGIN")
        yield Staging(connection)
    finally:
        connection.close()
        scratch.unlink(missing_ok=True)


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
        waiting: list[tuple[bytes, bytes, int, bytes]] = []
        done = 0
        for bucket in range(BUCKETS):
            for tag, key, file, traits in staged.subjects(bucket):
                leaves.add(keys.leaf(tag, file))
                waiting.append((tag.value, key.value, traits, file))
            if len(waiting) >= ROWS_AT_ONCE or bucket == BUCKETS - 1:
                self._write(waiting)
                done += len(waiting)
                self._progress("writing", done)
                waiting.clear()
        return leaves

    def _write(self, rows: Sequence[tuple[bytes, bytes, int, bytes]]) -> None:
        with write_transaction(self._connection) as connection:
            connection.executemany("INSERT INTO incoming (tag, key, traits, file) VALUES (?, ?, ?, ?)", rows)

    def _drop_incoming(self) -> None:
        with write_transaction(self._connection) as connection:
            connection.execute("DROP TABLE IF EXISTS incoming")
