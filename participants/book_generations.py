"""
All books of a node as one history: that of the generation in force, and those of retired ones, which nobody writes to.

What was contributed under a retired generation can be inspected as long as its book is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.membership.genesis import FIRST_GENERATION
from consortium.model.identifiers import SubjectTag
from consortium.silent import Silent
from consortium.sums.exchange import BookState
from participants.bootstrap import open_generation
from participants.generations import book_path
from participants.lender.ports import BookHistory, BookProof, MadeBooks
from participants.settings import NodeSettings
from participants.storage.book import SqliteBook


@dataclass(frozen=True, repr=False)
class BookGenerations(Silent):
    """A `BookHistory` of every generation; `generation` and `book` give those in force."""

    settings: NodeSettings
    generation: Callable[[], int]
    book: Callable[[], SqliteBook]
    _stated: set[int] = field(default_factory=set)
    """Retired generations of which every book is known to be stated."""

    def books(self, known: Sequence[bytes], most: int) -> MadeBooks:
        """Give the books after the newest known one, oldest first: of retired generations first."""
        for generation in self._retired():
            if generation in self._stated:
                continue
            with open_generation(self.settings, generation) as book:
                found = book.books(known, most)
            if found.made:
                return found
            self._stated.add(generation)
        return self.book().books(known, most)

    def prove(self, state: BookState, tags: Sequence[SubjectTag]) -> BookProof:
        """Prove what the book that had this state had under each tag; raises CreditError(HISTORY_GONE)."""
        try:
            return self.book().prove(state, tags)
        except CreditError as error:
            if error.code is not Code.HISTORY_GONE:
                raise
            for generation in reversed([*self._retired()]):
                with open_generation(self.settings, generation) as book, suppress(CreditError):
                    return book.prove(state, tags)
            raise

    def forget_before(self, before_day: int) -> None:
        """Forget what books had before a day, of every generation; raises as `SqliteBook.forget_before`."""
        for generation in self._retired():
            with open_generation(self.settings, generation) as book:
                book.forget_before(before_day)
        self.book().forget_before(before_day)

    def _retired(self) -> Iterator[int]:
        for generation in range(FIRST_GENERATION, self.generation()):
            if book_path(self.settings, generation).exists():
                yield generation


_: type[BookHistory] = BookGenerations
