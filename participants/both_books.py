"""Writing to a node's book while the key changes its generation: whoever is written about gets tags of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consortium.errors import CreditError
from consortium.model.identifiers import NormalisedIdentifier
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from participants.bootstrap import open_tokeniser, written
from participants.generations import Books
from participants.lender.assess import Application
from participants.lender.event_input import EventInput, OneInquiry, OnePromise, ReleaseInput, identifiers_of
from participants.lender.recording import Recorded, record_event
from participants.lender.tokenise import Alarm, Token, unalarmed
from participants.lender.tokens import LinkingTokeniser, Tokenises
from participants.settings import NodeSettings
from participants.storage.book import SqliteBook
from participants.storage.succession import Succession


def record_in_books(
    settings: NodeSettings,
    books: Books,
    rulebook: Rulebook,
    tokens: Tokenises,
    told: EventInput,
    alarm: Alarm,
    now: int,
) -> Recorded:
    """
    Record an event in the book in use, as of `now` (Unix seconds); a book that takes over later has it, too.

    `tokens` serve where no generation is announced. Raises as `record_event`, and CreditError(BOOK_BEHIND).
    """
    book, succession = books.in_use(rulebook), books.succession(rulebook)
    writing = tokens if succession is None else BothTokeniser(settings, alarm, tokens, succession)
    return record_event(book, linking(book, writing, rulebook, succession), told, now)


@dataclass(frozen=True, repr=False)
class ApplicationsInBooks(Silent):
    """What applications for credit leave in the node's books."""

    settings: NodeSettings
    books: Books
    rulebook: Callable[[], Rulebook]
    tokens: Callable[[], Tokenises]
    clock: Callable[[], int]
    """Gives Unix seconds."""

    def register(self, application: Application, begun: int) -> str:
        """
        Put in the inquiry made at `begun` and the promised amount, durably; gives the grant's id, "" without one.

        A repeat may come when the amount does not count any more: then it is promised anew.
        """
        about = identifiers_of(application.identifiers)
        self._record(OneInquiry(identifiers=about, at=begun), begun)
        if application.amount is None:
            return ""
        name, hold = application.request_id.hex(), application.hold_seconds
        promise = OnePromise(identifiers=about, amount=application.amount, seconds=hold, id=name)
        return self._record(promise, self.clock()).pending_id or ""

    def withdraw(self, application: Application, pending_id: str) -> None:
        """Release a promised amount that no query went out for."""
        release = ReleaseInput(identifiers=identifiers_of(application.identifiers), id=pending_id)
        self._record(release, self.clock())

    def _record(self, told: EventInput, now: int) -> Recorded:
        return record_in_books(self.settings, self.books, self.rulebook(), self.tokens(), told, unalarmed, now)


def linking(book: SqliteBook, tokens: Tokenises, rulebook: Rulebook, succession: Succession | None) -> LinkingTokeniser:
    """Give tokens that are linked as they are made: with those before in this book, with those to come in the next."""
    following = succession.link if succession is not None else book.link
    return LinkingTokeniser(tokens, rulebook.document.oprf.generation, book.link, following)


class BothTokeniser(Silent):
    """
    Gives tokens of the announced generation as well; asked for anew each time, for as long as it is announced.

    Where they cannot be had, those in force do, unless the next book is ready already and would lack what is written.
    """

    def __init__(self, settings: NodeSettings, alarm: Alarm, tokens: Tokenises, succession: Succession) -> None:
        self._settings, self._alarm = settings, alarm
        self._tokens, self._succession = tokens, succession

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises as `open_tokeniser` and `Tokeniser.tokenise`."""
        try:
            with open_tokeniser(self._settings, self._alarm, beside=written) as both:
                return both.tokenise(identifiers)
        except CreditError:
            if self._succession.is_ready():
                raise
            return self._tokens.tokenise(identifiers)
