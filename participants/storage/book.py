"""A lender's book in SQLite: durable live events, consistent reads, daily commitments; processes may share it."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.credit_file import AccountStatus, CreditFile, Inquiry, PortfolioType, Tradeline
from consortium.model.credit_file_bytes import credit_file_to_bytes, stored_credit_file
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
from consortium.model.journal_entry import Event, JournalEntry, apply_event, check_event
from consortium.sums.exchange import BookState
from consortium.transparency.books import BookRoot, book_root
from consortium.transparency.journal import JournalHead, journal_link
from participants.lender.ports import (
    BookProof,
    BookRow,
    BookStatus,
    BookView,
    HeldFile,
    JournalRow,
    Link,
    LoadReport,
    MadeBooks,
    Progress,
    Subject,
)
from participants.storage.book_history import BookHistory
from participants.storage.book_load import PROGRESS_ROWS, BookLoader, maintenance, silent
from participants.storage.book_rows import (
    SCHEMA,
    SCHEMA_VERSION,
    UPGRADES,
    BookIdentity,
    CurrentBook,
    append_entry,
    begin_book,
    check_takes,
    current_book,
    file_before,
    files,
    live_file,
    prepare_books,
    promote_live,
)
from participants.storage.database import Connections, read_transaction, storage_errors, write_transaction
from participants.storage.leaves import LeafSorter
from participants.storage.staging import staging

_FIND = "SELECT key, coalesce(live, file) FROM subjects WHERE tag = ?"
_READ = """
SELECT subjects.key, coalesce(live, file), earlier FROM subjects LEFT JOIN links USING (tag) WHERE subjects.tag = ?
"""
_READ_COMMITTED = "SELECT subjects.key, file, earlier FROM subjects LEFT JOIN links USING (tag) WHERE subjects.tag = ?"
_CHANGED = """
SELECT tag, live FROM subjects WHERE live IS NOT NULL
UNION SELECT journal.tag, live FROM journal LEFT JOIN subjects ON subjects.tag = journal.tag WHERE book = ?
"""


class SqliteBook:
    """A `BookStore` in one file (mode 0600); see there for what every method guarantees and raises."""

    def __init__(self, path: Path, identity: BookIdentity) -> None:
        self._path = path
        self._identity = identity
        self._connections = Connections(path, SCHEMA, SCHEMA_VERSION, UPGRADES)
        try:
            with write_transaction(self._connections.own()) as connection:
                prepare_books(connection, identity)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connections.close()

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    def identity(self) -> BookIdentity:
        """Whose book it is."""
        return self._identity

    def connection(self) -> sqlite3.Connection:
        """Give the calling thread's connection, for the rest of this package."""
        return self._connections.own()

    def link(self, links: Iterable[Link]) -> None:
        """Keep what tags were in the generation before, durably; a known one is left as it is."""
        rows = [(one.tag.value, one.key.value, one.earlier.value) for one in links]
        with write_transaction(self._connections.own()) as connection:
            connection.executemany("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", rows)

    def forget_links(self) -> int:
        """Forget what tags were in the generation before; gives how many."""
        with write_transaction(self._connections.own()) as connection:
            return connection.execute("DELETE FROM links").rowcount

    def find(self, tag: SubjectTag) -> HeldFile | None:
        """Look a subject's live file up: one point look-up, and the parsing of the file."""
        row = self.find_row(tag)
        return _held(*row) if row else None

    def find_row(self, tag: SubjectTag) -> tuple[bytes, bytes] | None:
        """Look up the subject's key and the bytes of its live file."""
        with storage_errors():
            row: tuple[bytes, bytes] | None = self._connections.own().execute(_FIND, (tag.value,)).fetchone()
        return row

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:
        """Read several files and the book's state in one consistent snapshot."""
        sql = _READ if live else _READ_COMMITTED
        with read_transaction(self._connections.own()) as connection:
            book = current_book(connection)
            rows = [connection.execute(sql, (tag.value,)).fetchone() for tag in tags]
        held = tuple(_held_or_none(row) for row in rows)
        return BookView(held, book.root.root, book.journal.size, book.journal.head)

    def committed_files(self) -> Iterator[tuple[SubjectTag, CreditFile]]:
        """Give every file of the day's book, whatever the journal says since; one consistent snapshot."""
        with read_transaction(self._connections.own()) as connection:
            for tag, data in files(connection, live=False):
                yield tag, stored_credit_file(data)

    @property
    def size(self) -> int:
        """How many people the day's book has."""
        return self.status().book.size

    def state(self) -> bytes:
        """Give what changes when the day's book does."""
        with read_transaction(self._connections.own()) as connection:
            book = current_book(connection)
        return book.number.to_bytes(8, "big") + book.root.root

    def status(self) -> BookStatus:
        """Give the book in force and where its journal stands."""
        with read_transaction(self._connections.own()) as connection:
            return current_book(connection).status

    def record(self, subject: Subject, event: Event, now: int) -> JournalHead:
        """Append an event to the journal and change the live file with it."""
        with write_transaction(self._connections.own()) as connection:
            check_takes(connection)
            book, file = current_book(connection), live_file(connection, subject.tag)
            check_event(file, event)
            before = file or CreditFile(subject.kind)
            after = apply_event(before, event)
            if after == file:
                return book.journal
            entry = JournalEntry(book.journal.size, now, subject.tag, before.identifier, event)
            keys = self._identity.keys(book.root.day)
            return append_entry(connection, book, keys, entry, subject.key, after).journal

    def load(
        self, batches: Iterable[Sequence[BookRow]], *, day: int, as_of: int, progress: Progress | None = None
    ) -> LoadReport:
        """Replace the book by what the sources hold and commit to it."""
        with maintenance(self._path), staging(self._path.with_name(f"{self._path.name}.loading")) as staged:
            self._check_day(day)
            with read_transaction(self._connections.own()) as connection:
                check_takes(connection)
            loader = BookLoader(self._connections.own(), self._identity, progress or silent)
            return loader.load(staged, batches, day, as_of)

    def roll_day(self, day: int, progress: Progress | None = None) -> BookStatus:
        """Commit to the live files for a new day and start a new journal."""
        with maintenance(self._path):
            self._check_day(day)
            with read_transaction(self._connections.own()) as connection:
                check_takes(connection)
                book = current_book(connection)
                leaves = self._leaves(connection, day, progress or silent, live=True)
            root = book_root(self._identity.keys(day), leaves)
            with write_transaction(self._connections.own()) as connection:
                tail = promote_live(connection, book.number, book.journal.size)
                return begin_book(connection, self._identity, root, tail, folded=book.journal.size).status

    def journal(self) -> Iterator[JournalRow]:
        """Give the journal of the book in force."""
        with read_transaction(self._connections.own()) as connection:
            sql = "SELECT entry, link FROM journal WHERE book = ? ORDER BY seq"
            rows = connection.execute(sql, (current_book(connection).number,)).fetchall()
        return (JournalRow(*row) for row in rows)

    def verify_journal(self) -> None:
        """Raise CreditError(JOURNAL_BROKEN) unless the chain holds and replaying it gives every live file."""
        with read_transaction(self._connections.own()) as connection:
            book = current_book(connection)
            self._verify_chain(connection, book)
            for tag, live in connection.execute(_CHANGED, (book.number,)).fetchall():
                file = file_before(connection, book.number, SubjectTag(tag), book.journal.size)
                if file is None or credit_file_to_bytes(file) != live:
                    raise CreditError(Code.JOURNAL_BROKEN, "a live file is not what the journal gives")

    def verify_root(self) -> None:
        """Raise CreditError(JOURNAL_BROKEN) unless the committed files give the book's root; reads every file."""
        with read_transaction(self._connections.own()) as connection:
            published = current_book(connection).root
            leaves = self._leaves(connection, published.day, silent, live=False)
        if book_root(self._identity.keys(published.day), leaves) != published:
            raise CreditError(Code.JOURNAL_BROKEN, "the committed files do not give the book's root")

    @contextmanager
    def committed(self) -> Iterator[tuple[BookRoot, Iterator[CreditFile]]]:
        """Read the book in force and every committed file in one consistent state."""
        with read_transaction(self._connections.own()) as connection:
            rows = files(connection, live=False)
            yield current_book(connection).root, (stored_credit_file(data) for _, data in rows)

    def books(self, known: Sequence[bytes], most: int) -> MadeBooks:
        """Give the books after the newest one whose journal's start is known, oldest first."""
        with read_transaction(self._connections.own()) as connection:
            return BookHistory(connection, self._identity).books(known, most)

    def prove(self, state: BookState, tags: Sequence[SubjectTag]) -> BookProof:
        """Prove what a book had when its journal stood there; takes seconds for a million subjects."""
        with read_transaction(self._connections.own()) as connection:
            return BookHistory(connection, self._identity).prove(state, tags)

    def forget_before(self, before_day: int) -> int:
        """Forget journals and files of earlier books that nobody may inspect any more; gives how many entries."""
        with write_transaction(self._connections.own()) as connection:
            past = "(SELECT number FROM books WHERE day < ? AND number < ?)"
            bound = before_day, current_book(connection).number
            connection.execute(f"DELETE FROM past_files WHERE until IN {past}", bound)  # noqa: S608  no input
            return connection.execute(f"DELETE FROM journal WHERE book IN {past}", bound).rowcount  # noqa: S608

    def _verify_chain(self, connection: sqlite3.Connection, book: CurrentBook) -> None:
        keys, head = self._identity.keys(book.root.day), book.start
        sql = "SELECT tag, entry, link, head FROM journal WHERE book = ? ORDER BY seq"
        for tag, entry, link, stored in connection.execute(sql, (book.number,)):
            head = head.then(journal_link(keys, SubjectTag(tag), entry))
            if head.head != stored or journal_link(keys, SubjectTag(tag), entry) != link:
                raise CreditError(Code.JOURNAL_BROKEN, f"the chain breaks at entry {head.size - 1}")

    def _leaves(self, connection: sqlite3.Connection, day: int, progress: Progress, *, live: bool) -> LeafSorter:
        keys, leaves = self._identity.keys(day), LeafSorter()
        for done, (tag, data) in enumerate(files(connection, live=live), start=1):
            leaves.add(keys.leaf(tag, data))
            if done % PROGRESS_ROWS == 0:
                progress("reading", done)
        return leaves

    def _check_day(self, day: int) -> None:
        if day < self.status().book.day:
            raise CreditError(Code.RECORD_INVALID, "the day lies before the day of the book in force")


def _held(key: bytes, data: bytes, earlier: bytes | None = None) -> HeldFile:
    file = stored_credit_file(data)
    return HeldFile(file.identifier, SubjectKey(key), file, SubjectTag(earlier) if earlier else None)


def _held_or_none(row: tuple[bytes, bytes | None, bytes | None] | None) -> HeldFile | None:
    """Parse a row; where there is none a decoy is parsed, so that holding a subject does not show in the time."""
    key, data, earlier = row or (b"", None, None)
    held = _held(key, data or _DECOY, earlier)
    return held if data else None


_DECOY = credit_file_to_bytes(
    CreditFile(
        IdentifierKind.PHONE,
        tradelines=tuple(
            Tradeline(f"decoy-{i}", PortfolioType.REVOLVING, AccountStatus.CURRENT, 18_000, 19_000, history=(0,) * 12)
            for i in range(3)
        ),
        inquiries=(Inquiry(1_600_000_000),),
    )
)
