"""
From one generation's book to the next: the same files and the same journal under the tags of another key.

The next book is made in a file of its own while this one is in use. Its committed files are those of the book in force,
under the tags that `links` knows; taking over applies the whole journal since then, in one transaction, and closes this
file for good. Until then nothing but links and unread files has changed, and whatever is killed is done again.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from consortium.errors import Code, CreditError
from consortium.hashing import uint
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.model.journal_entry import JournalEntry, journal_entry_from_bytes
from consortium.transparency.books import BookRoot, DayKeys, book_root
from participants.failpoints import failpoint
from participants.lender.ports import Link, Progress
from participants.storage.book import SqliteBook
from participants.storage.book_load import PROGRESS_ROWS, ROWS_AT_ONCE, maintenance, silent
from participants.storage.book_rows import (
    BUILT,
    GENERATION,
    SUBJECTS,
    SUCCEEDED,
    CurrentBook,
    begin_first_book,
    current_book,
    mark,
    prepare_books,
    set_mark,
)
from participants.storage.database import connect, read_transaction, storage_errors, write_transaction
from participants.storage.leaves import LeafSorter

_TABLES = ("subjects", "books", "journal", "past_files", "links", "left_out", "marks")
_UNLINKED = """
FROM subjects WHERE coalesce(live, file) IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM next.links WHERE earlier = subjects.tag)
AND NOT EXISTS (SELECT 1 FROM next.left_out WHERE earlier = subjects.tag)
"""
_FILES = """
SELECT links.tag, links.key, traits, file FROM subjects JOIN next.links ON links.earlier = subjects.tag
WHERE file IS NOT NULL
"""
_ENTRIES = "SELECT entry FROM journal WHERE book = ? AND seq >= ? ORDER BY seq"
_HELD = "SELECT 1 FROM subjects WHERE tag = ? AND coalesce(live, file) IS NOT NULL"
_CHANGED = "SELECT DISTINCT tag FROM journal WHERE book = ?"


@dataclass(frozen=True, slots=True)
class Linked:
    """How far the next book is: the people of the book in use, and how many of them have no link yet."""

    subjects: int
    unlinked: int
    left_out: int


class Succession:
    """The way from a book to that of the generation with the name `generation`; several processes may share it."""

    def __init__(self, before: SqliteBook, after: SqliteBook, generation: bytes) -> None:
        """Begin, or go on; what was made for another key of this number is thrown away."""
        self._before, self._after = before, after
        with read_transaction(after.connection()) as connection:
            known = mark(connection, GENERATION)
        if known != generation:
            self._begin(generation, afresh=known is not None)

    def _begin(self, generation: bytes, *, afresh: bool) -> None:
        if afresh and self.is_over:
            raise CreditError(Code.BOOK_BEHIND, "the book is of another generation")
        with write_transaction(self._after.connection()) as connection:
            if afresh:
                _clear(connection)
                prepare_books(connection, self._after.identity)
            set_mark(connection, GENERATION, generation)

    @property
    def is_over(self) -> bool:
        """Whether the next book has taken over."""
        with read_transaction(self._before.connection()) as connection:
            return mark(connection, SUCCEEDED) is not None

    def linked(self) -> Linked:
        """Count who is linked; reads every tag."""
        with self._both() as connection:
            (subjects,) = connection.execute(
                "SELECT count(*) FROM subjects WHERE coalesce(live, file) IS NOT NULL"
            ).fetchone()
            (unlinked,) = connection.execute(f"SELECT count(*) {_UNLINKED}").fetchone()
            (left_out,) = connection.execute("SELECT count(*) FROM next.left_out").fetchone()
        return Linked(subjects, unlinked, left_out)

    def link(self, links: Iterable[Link]) -> None:
        """Link people who are in the book in use, or about to be."""
        self._after.link(links)

    def link_known(self, links: Iterable[Link]) -> int:
        """Link those who are in the book in use, and nobody else; gives how many."""
        with read_transaction(self._before.connection()) as connection:
            known = [link for link in links if connection.execute(_HELD, (link.earlier.value,)).fetchone()]
        self._after.link(known)
        return len(known)

    def leave_out(self) -> int:
        """Leave those behind who have no link, knowingly; gives how many."""
        with self._both() as connection:
            rows = connection.execute(f"SELECT tag {_UNLINKED}").fetchall()
        with write_transaction(self._after.connection()) as connection:
            connection.executemany("INSERT OR IGNORE INTO left_out VALUES (?)", rows)
        return len(rows)

    def build(self, progress: Progress = silent) -> None:
        """
        Make the next book's committed files from those of the book in use.

        Raises CreditError(BOOK_BEHIND) while somebody is neither linked nor left out, (STORAGE_BUSY) during a load.
        """
        with maintenance(self._before.path), self._both() as connection:
            if connection.execute(f"SELECT 1 {_UNLINKED} LIMIT 1").fetchone():
                raise CreditError(Code.BOOK_BEHIND, "people of the book have no tag of the next generation yet")
            book = current_book(connection)
            root = self._copied(connection, self._after.identity.keys(book.root.day), progress)
        failpoint("succession.copied")
        with write_transaction(self._after.connection()) as connection:
            connection.execute("DROP TABLE subjects")
            connection.execute("ALTER TABLE incoming RENAME TO subjects")
            set_mark(connection, BUILT, uint(book.number) + uint(root.size) + root.root)
        failpoint("succession.built")

    def is_ready(self) -> bool:
        """Whether taking over needs nothing but the journal: built from the book in use, everybody in it linked."""
        with read_transaction(self._before.connection()) as connection:
            if mark(connection, SUCCEEDED) is not None:
                return True
            number = current_book(connection).number
            changed = [tag for (tag,) in connection.execute(_CHANGED, (number,))]
        with read_transaction(self._after.connection()) as connection:
            built = mark(connection, BUILT)
            known = all(_link(connection, tag) is not None or _is_left_out(connection, tag) for tag in changed)
        return built is not None and built[:8] == uint(number) and known

    def take_over(self) -> None:
        """
        Make the next book the one in use, with every entry of the journal; nothing is recorded meanwhile.

        Raises CreditError(BOOK_BEHIND) unless it is ready, (STORAGE_BUSY) during a load. Again it changes nothing.
        """
        with maintenance(self._before.path), write_transaction(self._before.connection()) as before:
            if mark(before, SUCCEEDED) is not None:
                return
            book = current_book(before)
            with write_transaction(self._after.connection()) as after:
                self._apply(before, after, book)
            failpoint("succession.applied")
            set_mark(before, SUCCEEDED, uint(book.journal.size))
        failpoint("succession.over")

    def _apply(self, before: sqlite3.Connection, after: sqlite3.Connection, book: CurrentBook) -> None:
        built = mark(after, BUILT)
        if built is None or built[:8] != uint(book.number):
            raise CreditError(Code.BOOK_BEHIND, "the book was loaded anew since it was made for the next generation")
        keys = self._after.identity.keys(book.root.day)
        root = BookRoot(book.root.day, int.from_bytes(built[8:16], "big"), built[16:], keys.salt_digest)
        tail = [*_translated(before, after, book.number)]
        begin_first_book(after, self._after.identity, root, tail, book.journal)

    def _copied(self, connection: sqlite3.Connection, keys: DayKeys, progress: Progress) -> BookRoot:
        leaves, done = LeafSorter(), 0
        with write_transaction(self._after.connection()) as after:
            after.execute("DROP TABLE IF EXISTS incoming")
            after.execute(SUBJECTS.format(name="incoming"))
        rows = connection.execute(_FILES)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            for tag, _, _, file in batch:
                leaves.add(keys.leaf(SubjectTag(tag), file))
            with write_transaction(self._after.connection()) as after:
                after.executemany("INSERT INTO incoming (tag, key, traits, file) VALUES (?, ?, ?, ?)", batch)
            done += len(batch)
            if done % PROGRESS_ROWS == 0:
                progress("writing", done)
        return book_root(keys, leaves)

    @contextmanager
    def _both(self) -> Iterator[sqlite3.Connection]:
        """Read the book in use, and the next one's links as `next`, in one consistent snapshot of each."""
        with closing(connect(self._before.path)) as connection, storage_errors():
            connection.execute("ATTACH DATABASE ? AS next", (str(self._after.path),))
            with read_transaction(connection):
                yield connection


def adopt(book: SqliteBook, generation: bytes) -> bool:
    """Take a book that says of no generation that it is its own as one of this generation; gives whether it is one."""
    with write_transaction(book.connection()) as connection:
        known = mark(connection, GENERATION)
        if known is None:
            set_mark(connection, GENERATION, generation)
        return known in (None, generation)


def _translated(
    before: sqlite3.Connection, after: sqlite3.Connection, number: int
) -> Iterator[tuple[JournalEntry, SubjectKey]]:
    """Give the journal of a book under the next generation's tags; those who are left out are left out."""
    for (data,) in before.execute(_ENTRIES, (number, 0)):
        entry = journal_entry_from_bytes(data)
        link = _link(after, entry.subject.value)
        if link is not None:
            yield replace(entry, subject=SubjectTag(link[0])), SubjectKey(link[1])
        elif not _is_left_out(after, entry.subject.value):
            raise CreditError(Code.BOOK_BEHIND, "somebody has no tag of the next generation yet")


def _link(connection: sqlite3.Connection, earlier: bytes) -> tuple[bytes, bytes] | None:
    row: tuple[bytes, bytes] | None = connection.execute(
        "SELECT tag, key FROM links WHERE earlier = ?", (earlier,)
    ).fetchone()
    return row


def _is_left_out(connection: sqlite3.Connection, earlier: bytes) -> bool:
    return connection.execute("SELECT 1 FROM left_out WHERE earlier = ?", (earlier,)).fetchone() is not None


def _clear(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  one of the names above
