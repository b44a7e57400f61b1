"""
What a member's statements come to: one chain, the books in it, and the days on which it signed how many messages.

Pure: statements in the order of the log go in. A chain with a gap, a second statement of one number, a book that does
not follow the one before, or numbers that decrease are the member's own signed contradictions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.supervision.documents import NO_STATEMENT, MemberStatement, StatedBook
from consortium.supervision.examine import StatedJournal
from consortium.transparency.journal import NO_JOURNAL


@dataclass
class StatementChain:
    """The statements of one member; `take` raises CreditError(COUNTER_GAP) for one that does not follow."""

    number: int = 0
    digest: bytes = NO_STATEMENT
    messages: int = 0
    through: int | None = None
    """The last day that was stated."""
    last: int = 0
    """The number of the last message of that day."""

    def take(self, statement: MemberStatement, digest: bytes) -> None:
        """Take the next statement, whose signature was verified; `digest` is its own."""
        if (statement.number, statement.previous) != (self.number + 1, self.digest):
            raise _broken(f"statement {statement.number} after {self.number}")
        if statement.messages < self.messages:
            raise _broken(f"statement {statement.number}: fewer messages than in the one before")
        for day in statement.days:
            if (self.through is not None and day.day != self.through + 1) or day.last < self.last:
                raise _broken(f"statement {statement.number}: days do not follow")
            self.through, self.last = day.day, day.last
        if statement.number == 1 and (not statement.books or statement.books[0].previous != NO_JOURNAL.head):
            raise _broken("the first statement has no first book")
        self.number, self.digest = statement.number, digest
        self.messages = statement.messages


def begin_chain(statement: MemberStatement, digest: bytes) -> StatementChain:
    """Begin in the middle, where the statements before lie outside of what is looked at."""
    chain = StatementChain(statement.number - 1, statement.previous)
    if statement.days:
        chain.through, chain.last = statement.days[0].day - 1, 0
    chain.take(statement, digest)
    return chain


@dataclass
class _Journal:
    book: StatedBook
    heads: set[bytes] = field(default_factory=set)
    ended: bytes | None = None


def stated_journals(statements: Iterable[MemberStatement]) -> dict[bytes, StatedJournal]:
    """
    Give every stated book by its journal's start, with the heads that were stated while it was in force.

    The statements are one verified chain, from the first on or from any later one. Where a book begins anew, as with
    another generation's tags, nothing says where the journal before it ended.
    """
    found: dict[bytes, _Journal] = {}
    current: _Journal | None = None
    for statement in statements:
        for book in statement.books:
            if current is not None and book.previous != NO_JOURNAL.head:
                current.ended = book.previous
            current = found[book.start] = _Journal(book)
        if current is not None:
            current.heads.add(statement.journal)
    return {start: StatedJournal(one.book, frozenset(one.heads), one.ended) for start, one in found.items()}


def begins_anew(statement: MemberStatement) -> bool:
    """Say whether a book follows no other, though there were some: with another generation, or where one was lost."""
    return statement.number > 1 and any(book.previous == NO_JOURNAL.head for book in statement.books)


def _broken(cause: str) -> CreditError:
    return CreditError(Code.COUNTER_GAP, cause)
