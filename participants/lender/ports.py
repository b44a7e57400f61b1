"""What a lender's use-cases need of its book; every guarantee is part of the interface."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from consortium.model.credit_file import CreditFile, Piece
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
from consortium.model.journal_entry import Event
from consortium.silent import Silent
from consortium.sums.exchange import BookState
from consortium.transparency.books import BookRoot
from consortium.transparency.journal import JournalHead

BookRow: TypeAlias = tuple[SubjectKey, SubjectTag, IdentifierKind, Piece]
"""What a source brings: one piece of one subject."""

Progress: TypeAlias = Callable[[str, int], None]
"""Told of the stage of a long task ("reading", "writing") and of how many rows or subjects it has done."""


@dataclass(frozen=True, slots=True, repr=False)
class Subject(Silent):
    """Who an event is about: tag and key, and the kind of the strongest identifier on file."""

    tag: SubjectTag
    key: SubjectKey
    kind: IdentifierKind


@dataclass(frozen=True, slots=True, repr=False)
class Link(Silent):
    """A person's tag and key, and the tag that the same identifier had in the generation before."""

    tag: SubjectTag
    key: SubjectKey
    earlier: SubjectTag


@dataclass(frozen=True, slots=True, repr=False)
class HeldFile(Silent):
    """A subject's file with the key that its tag comes from; `earlier` is its tag in the generation before."""

    kind: IdentifierKind
    key: SubjectKey
    file: CreditFile
    earlier: SubjectTag | None = None


@dataclass(frozen=True, slots=True, repr=False)
class BookView(Silent):
    """Files for each tag asked, or None, with the state of the book they belong to."""

    files: tuple[HeldFile | None, ...]
    root: bytes
    journal_size: int
    journal_head: bytes


@dataclass(frozen=True, slots=True)
class BookStatus:
    """The book in force and where its journal stands."""

    book: BookRoot
    journal: JournalHead


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did: the new book, the rows read, and how many pieces were carried over from the book before."""

    status: BookStatus
    rows: int
    carried: int


@dataclass(frozen=True, slots=True, repr=False)
class JournalRow(Silent):
    """An entry of the journal as it is stored: its bytes, and the link that the chain holds of it."""

    entry: bytes
    link: bytes


@dataclass(frozen=True, slots=True)
class MadeBook:
    """A book that came into force: its number, its root, its journal's start, and where the journal before ended."""

    number: int
    root: BookRoot
    start: bytes
    previous: JournalHead


@dataclass(frozen=True, slots=True, repr=False)
class LeafProof(Silent):
    """A leaf of a day's tree, its place, and its inclusion path (RFC 6962)."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class PlaceProof(Silent):
    """What a book had under one tag: its file with the leaf, or its absence's neighbours; and the changes since."""

    opening: bytes
    file: bytes | None
    leaves: tuple[LeafProof, ...]
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class BookProof(Silent):
    """What an inspection is shown of a book: root, salt of the day, every link of the journal, and each tag's place."""

    made: MadeBook
    salt: bytes
    links: tuple[bytes, ...]
    places: tuple[PlaceProof, ...]


@dataclass(frozen=True, slots=True)
class MadeBooks:
    """Some books, oldest first; and where the journal of the last one stands, or of the one in force without any."""

    made: tuple[MadeBook, ...]
    journal: JournalHead


class BookHistory(Protocol):
    """The books of a lender as they were, for statements and inspections."""

    def books(self, known: Sequence[bytes], most: int) -> MadeBooks:
        """Give at most so many books after the newest one whose journal's start is known; all where none is."""
        ...

    def prove(self, state: BookState, tags: Sequence[SubjectTag]) -> BookProof:
        """
        Prove what a book had under some tags when its journal stood at a size and head.

        Raises CreditError(HISTORY_GONE) where no such book or journal is kept any more.
        """
        ...


class BookStore(Protocol):
    """
    A lender's book: the day's committed files, and live files that are the day's after the journal's entries.

    Whatever changes the book is one transaction: durable when the call returns, or, when it raises (STORAGE_FULL,
    STORAGE_BUSY, STORAGE_BROKEN, RECORD_INVALID, or whatever a source raises), as if it had not been called.
    """

    def find(self, tag: SubjectTag) -> HeldFile | None:
        """Look a subject's live file up."""
        ...

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:
        """
        Read the files of several tags and the book's state in one consistent snapshot.

        With `live` unset the files are those of the day's book, whatever the journal says since.
        """
        ...

    def status(self) -> BookStatus:
        """Give the book in force and where its journal stands."""
        ...

    def record(self, subject: Subject, event: Event, now: int) -> JournalHead:
        """
        Append an event to the journal and change the live file with it; `now` is Unix seconds.

        An event that changes nothing is not appended, so a repeat is harmless. Raises RECORD_INVALID where the event
        does not fit the file (see `check_event`).
        """
        ...

    def load(
        self, batches: Iterable[Sequence[BookRow]], *, day: int, as_of: int, progress: Progress | None = None
    ) -> LoadReport:
        """
        Replace the book by what the sources hold as of the time `as_of` (Unix seconds) and commit to it for `day`.

        The order of rows makes no difference. What the sources cannot know stays: see `carried_pieces`, `first_kept`
        and `applied_again`. Memory does not grow with the pieces.
        """
        ...

    def roll_day(self, day: int, progress: Progress | None = None) -> BookStatus:
        """Commit to the live files for `day` (epoch days) and start a new journal."""
        ...

    def journal(self) -> Iterator[JournalRow]:
        """Give the journal of the book in force, from its start."""
        ...

    def verify_journal(self) -> None:
        """Raise CreditError(JOURNAL_BROKEN) unless the chain holds and replaying it gives every live file."""
        ...


def day_text(day: int) -> str | None:
    """Give the day of a book (days since 1970-01-01) as an ISO date; None for 0, where none has been loaded."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat() if day else None
