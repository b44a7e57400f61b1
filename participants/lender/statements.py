"""
A lender's statements: what came into force of its book, where its journal stands, how many messages it has signed.

One is due when a day is over, when a book came into force, and before an inspection of something not yet stated. They
are kept before they are sent, so that a crash never makes two of one number.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from consortium.errors import Code
from consortium.hashing import Randomness
from consortium.membership.signed import body_of, parse_document, sign_document
from consortium.model.keys import utc_day
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from consortium.supervision.documents import (
    FORMS,
    MAXIMUM_BOOKS,
    MAXIMUM_DAYS,
    NO_STATEMENT,
    FilingKind,
    MemberStatement,
    StatedBook,
    StatedDay,
    filing_digest,
)
from consortium.supervision.sums import PLACES, Sealing, seal_report
from participants.lender.answer_ports import AnswerStore
from participants.lender.identity import LenderIdentity
from participants.lender.ports import BookHistory, MadeBook, MadeBooks
from participants.lender.supervision_ports import StatementStore

RECENT, KNOWN = 16, 1024
"""How many statements are looked through for the last book and day; only a book that was put back needs more."""


@dataclass(frozen=True, repr=False)
class Stating(Silent):
    """Makes the statements of one lender."""

    identity: LenderIdentity
    history: BookHistory
    answers: AnswerStore
    store: StatementStore
    rng: Randomness

    def due(self, now: int) -> bool:
        """Say whether a book came into force or a day is over since the last statement; `now` is Unix seconds."""
        earlier = self._earlier()
        if not earlier or utc_day(now) - 1 > _through(earlier):
            return True
        return bool(self._books(earlier, 1).made)

    def make(self, rulebook: Rulebook, now: int) -> bytes:
        """Make, sign and keep the next statement."""
        earlier, newest = self._earlier(), self.store.statements(1)
        number = earlier[0].number + 1 if earlier else 1
        books = self._books(earlier, MAXIMUM_BOOKS)
        reported = self.store.unreadable(PLACES)
        consortium, member = rulebook.document.consortium, self.identity.member
        sealing = Sealing(consortium, member, number)
        with self.answers.transaction() as answers:
            messages, days = answers.counter(), answers.last_of_days(-1)
        statement = MemberStatement(
            consortium=consortium,
            member=member,
            number=number,
            previous=filing_digest(FilingKind.STATEMENT, newest[0]) if newest else NO_STATEMENT,
            stated_at=now,
            books=tuple(map(_stated_book, books.made)),
            journal=books.journal.head,
            days=_stated_days(days, _through(earlier), utc_day(now)),
            messages=messages,
            report=seal_report(reported, sealing, rulebook.regulator.hpke_key, self.rng),
        )
        signed = sign_document(self.identity.signer, FORMS[FilingKind.STATEMENT][1], statement)
        self.store.keep_statement(number, signed, reported)
        return signed

    def _earlier(self) -> list[MemberStatement]:
        """Give earlier statements, the newest first, as far back as one with a day that was over."""
        recent = [parse_statement(signed) for signed in self.store.statements(RECENT)]
        return recent if len(recent) < RECENT or any(one.days for one in recent) else self._all_known()

    def _books(self, earlier: Sequence[MemberStatement], most: int) -> MadeBooks:
        """Give the books since the last stated one that this book still knows."""
        books = self.history.books(_starts(earlier), most)
        if earlier and books.made and books.made[0].number == 0:
            books = self.history.books(_starts(self._all_known()), most)
        return books

    def _all_known(self) -> list[MemberStatement]:
        return [parse_statement(signed) for signed in self.store.statements(KNOWN)]


def parse_statement(signed: bytes) -> MemberStatement:
    """Parse a statement of our own; raises CreditError(MALFORMED)."""
    return parse_document(MemberStatement, body_of(signed), Code.MALFORMED)


def _starts(earlier: Sequence[MemberStatement]) -> list[bytes]:
    return [book.start for statement in earlier for book in statement.books]


def _through(earlier: Sequence[MemberStatement]) -> int:
    """Give the last day that was stated, or the one before the first statement; -1 before any."""
    days = (statement.days[-1].day for statement in earlier if statement.days)
    return next(days, utc_day(earlier[-1].stated_at) - 1 if earlier else -1)


def _stated_days(known: Sequence[tuple[int, int]], through: int, today: int) -> tuple[StatedDay, ...]:
    """State every day that is over, those without any message included; before the first message there is nothing."""
    first = max(through + 1, known[0][0] if known else today)
    days = [day for day, _ in known]
    found = []
    for day in range(first, today)[-MAXIMUM_DAYS:]:
        place = bisect_right(days, day)
        found.append(StatedDay(day=day, last=known[place - 1][1] if place else 0))
    return tuple(found)


def _stated_book(made: MadeBook) -> StatedBook:
    root = made.root
    return StatedBook(
        day=root.day, root=root.root, salt_digest=root.salt_digest, start=made.start, previous=made.previous.head
    )
