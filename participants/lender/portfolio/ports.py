"""What answering lists needs of a lender's stores; every guarantee is part of the interface."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from consortium.model.members import MemberId
from consortium.sums.exchange import BookState
from consortium.sums.words import Words
from participants.lender.answer_ports import AnswerTransaction, Binding, Exchange
from participants.lender.portfolio.rows import ListTags


@dataclass(frozen=True, slots=True)
class KnownList:
    """A list that was accepted before: its number here, the digest of its tags, whose it is, and how many rows."""

    number: int
    digest: bytes
    requester: MemberId
    rows: int


@dataclass(frozen=True, slots=True, repr=False)
class BoundRange:
    """Rows `first` and on of a list, a bit each, set where the row is bound."""

    first: int
    bits: bytes
    binding: Binding


class ListTransaction(Protocol):
    """The part of an `AnswerTransaction` that is about lists."""

    def known(self, not_before: int) -> list[KnownList]:
        """Give every list that was used, or of which anything was bound, at or after `not_before`, by number."""
        ...

    def accept(self, job: bytes, digest: bytes, requester: MemberId, rows: int, now: int) -> int:
        """Note the use of a list for a job, a job once; gives the list's number. Equal lists of a member are one."""
        ...

    def forget(self, not_before: int) -> list[bytes]:
        """Forget every list that does not count since `not_before`, with what was bound; gives the others' digests."""
        ...

    def rows_since(self, requester: MemberId, since: int, job: bytes) -> int:
        """Give how many rows the lists of a member's other jobs since then have."""
        ...

    def ranges(self, number: int, rows: range, not_before: int) -> list[BoundRange]:
        """Give what is bound of these rows of a list by releases at or after `not_before`."""
        ...

    def bind(self, number: int, bound: BoundRange) -> None:
        """Bind rows of a list."""
        ...

    def single(self, first: bytes, last: bytes, not_before: int) -> list[tuple[bytes, Binding]]:
        """Give the bindings of single tags from `first` to `last`, both included, by tag."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class KeptBlock:
    """What a contribution to a block was made from: the words of its rows, and the book behind them."""

    values: Words
    book: BookState


class ListFiles(Protocol):
    """A lender's files of lists and jobs; what a call has kept is durable when it returns."""

    def begin(self, job: bytes) -> bytes | None:
        """Give a job's kept beginning."""
        ...

    def keep_begin(self, job: bytes, raw: bytes) -> None:
        """Keep a job's beginning."""
        ...

    def blocks(self, job: bytes) -> Sequence[int]:
        """Give the indices of the sealed blocks that are kept; one may be torn by a crash."""
        ...

    def sealed(self, job: bytes, block: int) -> bytes:
        """Give a sealed block; raises CreditError(STORAGE_BROKEN) where there is none."""
        ...

    def keep_sealed(self, job: bytes, block: int, sealed: bytes) -> None:
        """Keep a sealed block."""
        ...

    def keep_values(self, job: bytes, ctx: bytes, sealed: bytes) -> None:
        """Keep the sealed values of an exchange; where there are some, they stay."""
        ...

    def values(self, job: bytes, ctx: bytes) -> bytes:
        """Give the sealed values of an exchange; raises CreditError(STORAGE_BROKEN) where there are none."""
        ...

    def keep_tags(self, digest: bytes, tags: ListTags) -> None:
        """Keep the tags of an accepted list, by their digest."""
        ...

    def has_tags(self, digest: bytes) -> bool:
        """Say whether the tags of a list are here; those of lists that nobody has accepted may be removed any time."""
        ...

    def tags(self, digest: bytes) -> ListTags:
        """Give the tags of an accepted list; raises CreditError(STORAGE_BROKEN) where there are none."""
        ...


class ListAnswerTransaction(AnswerTransaction, Protocol):
    """An `AnswerTransaction` that knows lists as well."""

    @property
    def lists(self) -> ListTransaction:
        """Give the part about lists."""
        ...


class ListAnswerStore(Protocol):
    """An `AnswerStore` that knows lists; `lists` are its files."""

    @property
    def lists(self) -> ListFiles:
        """Give the files."""
        ...

    def find(self, ctx: bytes) -> Exchange | None:
        """Look an exchange up outside any transaction."""
        ...

    def transaction(self) -> AbstractContextManager[ListAnswerTransaction]:
        """Begin an exclusive transaction; its effects are durable before the context's end returns."""
        ...
