"""
A node's books by generation: tags change with the OPRF key, so that each generation has a book of its own.

The next one is made beside the one in use while it is announced, and takes over with the version that puts the
generation into force. A book of a retired generation stays, for inspections and as long as there is something to show.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import derive, uint
from consortium.labels import Label
from consortium.membership.generations import generation_name
from consortium.membership.genesis import FIRST_GENERATION
from consortium.model.identifiers import Secret, SubjectTag
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from participants.lender.ports import BookView
from participants.settings import NodeSettings
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity
from participants.storage.succession import Succession, adopt


def book_path(settings: NodeSettings, generation: int) -> Path:
    """Give the file of a generation's book; that of the first one has the name in the settings."""
    name = settings.file.book
    if generation == FIRST_GENERATION:
        return settings.path(name)
    return settings.path(name.with_name(f"{name.stem}-generation-{generation:04d}{name.suffix}"))


def book_identity(settings: NodeSettings, generation: int) -> BookIdentity:
    """Give whose book a generation's is; raises CreditError(SETTINGS_INVALID) where the own keys are not here."""
    secret = settings.own_keys().book_secret
    if generation != FIRST_GENERATION:  # so that not even the empty books of two generations look alike
        secret = derive(secret, Label.BOOK_GENERATION, uint(generation))
    return BookIdentity(settings.file.member, Secret(secret))


class Books(Silent):
    """The books of one node; for several threads, and other processes may change over as well."""

    def __init__(self, settings: NodeSettings) -> None:
        """Open none yet."""
        self._settings = settings
        self._opened: dict[int, SqliteBook] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            for book in self._opened.values():
                book.close()
            self._opened.clear()

    def in_use(self, rulebook: Rulebook) -> SqliteBook:
        """
        Give the book of the generation in force.

        Raises CreditError(BOOK_BEHIND) where the one before has not been taken over, and as `SqliteBook`.
        """
        oprf = rulebook.document.oprf
        with self._lock:
            if self._unfinished(rulebook) is not None:
                raise CreditError(Code.BOOK_BEHIND)
            book = self._book(oprf.generation)
        if not adopt(book, generation_name(oprf)):
            raise CreditError(Code.BOOK_BEHIND, "the book is of another generation")
        return book

    def is_behind(self, rulebook: Rulebook) -> bool:
        """Say whether the book of the generation in force has yet to take over."""
        with self._lock:
            return self._unfinished(rulebook) is not None

    def newest(self, rulebook: Rulebook) -> tuple[int, SqliteBook]:
        """Give the generation of the book in use, or of the last one that was, and the book."""
        generation = rulebook.document.oprf.generation
        with self._lock:
            if self._unfinished(rulebook) is not None:
                generation = self._existing(generation)[-1]
            return generation, self._book(generation)

    def succession(self, rulebook: Rulebook) -> Succession | None:
        """Give the way to the generation in force where that is not over, or to the one announced; or None."""
        with self._lock:
            found = self._unfinished(rulebook)
            upcoming = rulebook.document.upcoming
            if found is None and upcoming is not None:
                before, after = self._book(upcoming.generation - 1), self._book(upcoming.generation)
                found = Succession(before, after, generation_name(upcoming))
            return found

    def change_over(self, rulebook: Rulebook) -> bool:
        """
        Have the book of the generation in force take over, if nobody is missing in it; gives whether it is in use.

        May take a while. Raises CreditError(STORAGE_BUSY) during a load, and storage errors.
        """
        with self._lock:
            found = self._unfinished(rulebook)
        if found is None:
            return True
        if not found.is_ready() and not _build(found):
            return False
        found.take_over()
        return True

    def prepare(self, rulebook: Rulebook) -> bool:
        """Make the book of the announced generation, if nobody is missing in it; gives whether it is ready."""
        if rulebook.document.upcoming is None:
            return False
        with self._lock:
            found = self.succession(rulebook)
        return found is not None and (found.is_ready() or _build(found))

    def _unfinished(self, rulebook: Rulebook) -> Succession | None:
        """Give the way to the generation in force, unless it is over or there was no book before."""
        oprf = rulebook.document.oprf
        before = self._existing(oprf.generation)
        if not before:
            return None
        found = Succession(self._book(before[-1]), self._book(oprf.generation), generation_name(oprf))
        return None if found.is_over else found

    def _existing(self, below: int) -> list[int]:
        """Give the generations before one of which there is a book, oldest first."""
        return [one for one in range(FIRST_GENERATION, below) if book_path(self._settings, one).exists()]

    def _book(self, generation: int) -> SqliteBook:
        if generation not in self._opened:
            path, identity = book_path(self._settings, generation), book_identity(self._settings, generation)
            self._opened[generation] = SqliteBook(path, identity)
        return self._opened[generation]


class BookBehind(Silent):
    """The book of a node that has none of the generation in force: it refuses, whoever is asked about."""

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:  # noqa: ARG002  whoever is asked about
        """Raise CreditError(BOOK_BEHIND)."""
        raise CreditError(Code.BOOK_BEHIND)


def _build(found: Succession) -> bool:
    """Build, if nobody is missing."""
    if found.linked().unlinked:
        return False
    found.build()
    return found.is_ready()
