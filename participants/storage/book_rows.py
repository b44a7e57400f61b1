"""
The rows of a lender's book in SQLite: statements on one connection, inside the caller's transaction.

`subjects` has, for each tag, the day's committed file (NULL where the day's book has none) and the live one (NULL
where nothing has changed). `journal` has every entry of every book. `books` has what each committed to and, where a
roll made it, how many entries of the journal before are in its files (NULL where a load made it). `past_files` has
what a subject's committed file was before: `until` is the number of the last book with this file (NULL: with none).
Whoever has no row from a book's number on has the same file in it as today; an empty book has no rows at all.

A file is of one generation of the key. `links` has what a person's tag was in the generation before (`earlier`) and the
key of the tag here; `left_out` the earlier tags of those who were knowingly not taken over. `marks` has, by name:
`generation`, the name of the one that the tags are of; `succeeded`, once the next generation's file took over and this
one takes nothing any more; `built`, the number of the book before that `subjects` was made from; `previous`, where the
journal of the file before ended.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from consortium.errors import Code, CreditError
from consortium.hashing import uint
from consortium.model.credit_file import CreditFile, PieceKind
from consortium.model.credit_file_bytes import credit_file_to_bytes, stored_credit_file
from consortium.model.identifiers import Secret, SubjectKey, SubjectTag
from consortium.model.journal_entry import JournalEntry, apply_event, journal_entry_from_bytes, replay
from consortium.transparency.books import BookRoot, DayKeys, book_root, day_keys
from consortium.transparency.journal import NO_JOURNAL, JournalHead, journal_link, journal_start
from participants.lender.ports import BookStatus

SCHEMA_VERSION = 3
PAST_FILES = """
CREATE TABLE past_files (tag BLOB NOT NULL, until INTEGER NOT NULL, file BLOB, PRIMARY KEY (tag, until)) WITHOUT ROWID
"""
GENERATIONS = """
CREATE TABLE links (tag BLOB PRIMARY KEY, key BLOB NOT NULL, earlier BLOB NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE left_out (earlier BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE marks (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID
"""
UPGRADES = (PAST_FILES, GENERATIONS)
"""From schema version 1 on; what books before version 2 had cannot be shown any more."""
SUBJECTS = """
CREATE TABLE {name} (
    tag BLOB PRIMARY KEY, key BLOB NOT NULL, traits INTEGER NOT NULL, file BLOB, live BLOB
) WITHOUT ROWID
"""
SCHEMA = f"""
{SUBJECTS.format(name="subjects")};
CREATE TABLE books (
    number INTEGER PRIMARY KEY, day INTEGER NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    salt_digest BLOB NOT NULL, start BLOB NOT NULL, folded INTEGER
);
CREATE TABLE journal (
    book INTEGER NOT NULL, seq INTEGER NOT NULL, tag BLOB NOT NULL, entry BLOB NOT NULL, link BLOB NOT NULL,
    head BLOB NOT NULL, PRIMARY KEY (book, seq)
) WITHOUT ROWID;
CREATE INDEX journal_by_subject ON journal (tag, book, seq);
{PAST_FILES};
{GENERATIONS}
"""
FIRST_BOOK = 0
GENERATION, SUCCEEDED, BUILT, PREVIOUS = "generation", "succeeded", "built", "previous"
KEEP_ROLLED = """
INSERT OR REPLACE INTO past_files SELECT tag, ?1, file FROM subjects
WHERE live IS NOT NULL AND tag IN (SELECT tag FROM journal WHERE book = ?1)
"""


class BookIdentity:
    """Whose book it is: the lender's member id and its book secret, which no other party ever has."""

    def __init__(self, lender: str, secret: Secret) -> None:
        self.lender = lender
        self.keys = lru_cache(maxsize=8)(partial(day_keys, secret))


@dataclass(frozen=True, slots=True)
class CurrentBook:
    """The book in force, how its journal started, and where the journal stands."""

    number: int
    root: BookRoot
    start: JournalHead
    journal: JournalHead

    @property
    def status(self) -> BookStatus:
        """The part that callers see."""
        return BookStatus(self.root, self.journal)


def current_book(connection: sqlite3.Connection) -> CurrentBook:
    """Read the newest book and its journal's head."""
    sql = "SELECT number, day, size, root, salt_digest, start FROM books ORDER BY number DESC LIMIT 1"
    number, day, size, root, digest, start = connection.execute(sql).fetchone()
    begin = JournalHead(0, start)
    return CurrentBook(number, BookRoot(day, size, root, digest), begin, journal_head(connection, number, begin))


def journal_head(connection: sqlite3.Connection, number: int, start: JournalHead) -> JournalHead:
    """Read where a book's journal stands."""
    sql = "SELECT seq + 1, head FROM journal WHERE book = ? ORDER BY seq DESC LIMIT 1"
    row = connection.execute(sql, (number,)).fetchone()
    return JournalHead(*row) if row else start


def prepare_books(connection: sqlite3.Connection, identity: BookIdentity) -> None:
    """Start with the empty book of day 0; refuse books that were committed to under another secret."""
    if connection.execute("SELECT 1 FROM books LIMIT 1").fetchone() is None:
        empty = book_root(identity.keys(0), ())
        _insert_book(connection, 0, empty, journal_start(identity.lender, empty), None)
    root = current_book(connection).root
    if identity.keys(root.day).salt_digest != root.salt_digest:
        raise CreditError(Code.SETTINGS_INVALID, "the book was written under another book secret")


def _insert_book(
    connection: sqlite3.Connection, number: int, root: BookRoot, start: JournalHead, folded: int | None
) -> None:
    values = (number, root.day, root.size, root.root, root.salt_digest, start.head, folded)
    connection.execute("INSERT INTO books VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def begin_first_book(
    connection: sqlite3.Connection,
    identity: BookIdentity,
    root: BookRoot,
    tail: Sequence[tuple[JournalEntry, SubjectKey]],
    previous: JournalHead,
) -> CurrentBook:
    """Make a book the first one of a file, after a journal in another file that ended at `previous`."""
    for table in ("books", "journal", "past_files"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608  one of three names
    connection.execute("UPDATE subjects SET live = NULL WHERE live IS NOT NULL")
    connection.execute("DELETE FROM subjects WHERE file IS NULL")
    set_mark(connection, PREVIOUS, uint(previous.size) + previous.head)
    start = journal_start(identity.lender, root, previous)
    _insert_book(connection, FIRST_BOOK, root, start, None)
    return _applied(connection, identity, CurrentBook(FIRST_BOOK, root, start, start), tail)


def previous_journal(connection: sqlite3.Connection) -> JournalHead:
    """Read where the journal before the first book of this file ended."""
    value = mark(connection, PREVIOUS)
    return NO_JOURNAL if value is None else JournalHead(int.from_bytes(value[:8], "big"), value[8:])


def begin_book(
    connection: sqlite3.Connection,
    identity: BookIdentity,
    root: BookRoot,
    tail: Sequence[tuple[JournalEntry, SubjectKey]],
    folded: int | None = None,
) -> CurrentBook:
    """Make a book the one in force and apply the entries that came too late for it, as the first of its journal."""
    before = current_book(connection)
    start = journal_start(identity.lender, root, before.journal)
    _insert_book(connection, before.number + 1, root, start, folded)
    return _applied(connection, identity, CurrentBook(before.number + 1, root, start, start), tail)


def _applied(
    connection: sqlite3.Connection,
    identity: BookIdentity,
    book: CurrentBook,
    tail: Sequence[tuple[JournalEntry, SubjectKey]],
) -> CurrentBook:
    root = book.root
    for entry, key in tail:
        file = live_file(connection, entry.subject) or CreditFile(entry.identifier)
        renumbered = replace(entry, seq=book.journal.size)
        book = append_entry(connection, book, identity.keys(root.day), renumbered, key, apply_event(file, entry.event))
    return book


def append_entry(
    connection: sqlite3.Connection,
    book: CurrentBook,
    keys: DayKeys,
    entry: JournalEntry,
    key: SubjectKey,
    after: CreditFile,
) -> CurrentBook:
    """Append an entry to the journal and make `after` the subject's live file; gives the book as it stands then."""
    data, tag = entry.to_bytes(), entry.subject
    link = journal_link(keys, tag, data)
    journal = book.journal.then(link)
    values = (book.number, entry.seq, tag.value, data, link, journal.head)
    connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.execute(
        "INSERT INTO subjects (tag, key, traits, live) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tag) DO UPDATE SET traits = excluded.traits, live = excluded.live",
        (tag.value, key.value, traits_of(after), credit_file_to_bytes(after)),
    )
    return replace(book, journal=journal)


def mark(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Read a mark."""
    row = connection.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def set_mark(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    """Set a mark."""
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))


def check_takes(connection: sqlite3.Connection) -> None:
    """Raise CreditError(BOOK_BEHIND) where the next generation's file took over: whoever writes has an old rulebook."""
    if mark(connection, SUCCEEDED) is not None:
        raise CreditError(Code.BOOK_BEHIND, "the key's generation has changed: repeat")


def live_file(connection: sqlite3.Connection, tag: SubjectTag) -> CreditFile | None:
    """Read a subject's live file."""
    row = connection.execute("SELECT coalesce(live, file) FROM subjects WHERE tag = ?", (tag.value,)).fetchone()
    return stored_credit_file(row[0]) if row and row[0] is not None else None


def subject_key(connection: sqlite3.Connection, tag: SubjectTag) -> SubjectKey:
    """Read the key of a subject that is known to be there."""
    (key,) = connection.execute("SELECT key FROM subjects WHERE tag = ?", (tag.value,)).fetchone()
    return SubjectKey(key)


def entries_from(connection: sqlite3.Connection, number: int, first: int) -> list[tuple[JournalEntry, SubjectKey]]:
    """Read a book's journal from an entry on, each entry with its subject's key."""
    sql = "SELECT entry FROM journal WHERE book = ? AND seq >= ? ORDER BY seq"
    found = [journal_entry_from_bytes(data) for (data,) in connection.execute(sql, (number, first))]
    return [(entry, subject_key(connection, entry.subject)) for entry in found]


def entries_since_load(connection: sqlite3.Connection) -> Iterator[tuple[int, JournalEntry]]:
    """
    Read every entry since the last load, each once, with the number of its book.

    An entry that came too late for a roll stands in two journals; the later one counts, for only that book's live
    files have it.
    """
    sql = """
    SELECT journal.book, entry FROM journal LEFT JOIN books AS next ON next.number = journal.book + 1
    WHERE journal.book >= (SELECT max(number) FROM books WHERE folded IS NULL)
    AND (next.folded IS NULL OR seq < next.folded)
    ORDER BY journal.book, seq
    """
    for number, data in connection.execute(sql):
        yield number, journal_entry_from_bytes(data)


def file_before(connection: sqlite3.Connection, number: int, tag: SubjectTag, first: int) -> CreditFile | None:
    """Replay a subject's committed file up to, but without, journal entry `first`."""
    row = connection.execute("SELECT file FROM subjects WHERE tag = ?", (tag.value,)).fetchone()
    file = stored_credit_file(row[0]) if row and row[0] is not None else None
    sql = "SELECT entry FROM journal WHERE tag = ? AND book = ? AND seq < ? ORDER BY seq"
    rows = connection.execute(sql, (tag.value, number, first))
    return replay(file, (journal_entry_from_bytes(entry) for (entry,) in rows), tag)


def promote_live(connection: sqlite3.Connection, number: int, first: int) -> list[tuple[JournalEntry, SubjectKey]]:
    """Make the live files, as they were before journal entry `first`, the committed ones; gives the entries since."""
    tail = entries_from(connection, number, first)
    earlier = {entry.subject: file_before(connection, number, entry.subject, first) for entry, _ in tail}
    connection.execute(KEEP_ROLLED, (number,))
    connection.execute(
        "UPDATE subjects SET file = live, live = NULL"
        " WHERE live IS NOT NULL AND tag IN (SELECT tag FROM journal WHERE book = ?)",
        (number,),
    )
    for tag, file in earlier.items():
        data = credit_file_to_bytes(file) if file else None
        connection.execute("UPDATE subjects SET file = ? WHERE tag = ?", (data, tag.value))
    return tail


def files(connection: sqlite3.Connection, *, live: bool) -> Iterator[tuple[SubjectTag, bytes]]:
    """Read the bytes of every live file, or of every committed one."""
    sql = "SELECT tag, coalesce(live, file) FROM subjects" if live else "SELECT tag, file FROM subjects"
    for tag, data in connection.execute(sql):
        if data is not None:
            yield SubjectTag(tag), data


def traits_of(file: CreditFile) -> int:
    """Tell which kinds of pieces a file has, one bit each; so a load finds what it must carry over."""
    held = {
        PieceKind.TRADELINE: file.tradelines,
        PieceKind.INQUIRY: file.inquiries,
        PieceKind.PENDING: file.pendings,
        PieceKind.CHARACTERISTICS: file.characteristics.values,
        PieceKind.FREEZE: file.frozen,
        PieceKind.LOCATION: file.locations,
    }
    return trait_bits(kind for kind, pieces in held.items() if pieces)


def trait_bits(kinds: Iterable[int]) -> int:
    """Give the bits of some kinds of pieces."""
    bits = 0
    for kind in kinds:
        bits |= 1 << kind
    return bits
