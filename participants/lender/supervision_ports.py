"""What a lender keeps for supervision: its statements, what was filed that concerns it, and sums it could not read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consortium.supervision.documents import FilingKind
from consortium.supervision.sums import Unreadable


@dataclass(frozen=True, slots=True)
class Filed:
    """A document of the log that concerns this lender: the index of its entry, its kind, and its signed bytes."""

    entry: int
    kind: FilingKind
    signed: bytes


class Unreadables(Protocol):
    """The lender's own record of answers that it could not use."""

    def note_unreadable(self, found: Unreadable, now: int) -> None:
        """Note one durably, each query once."""
        ...


class StatementStore(Protocol):
    """The chain of a lender's statements; every change is durable when the call returns."""

    def statements(self, newest: int) -> list[bytes]:
        """Give the newest statements as they were signed, the newest first, at most so many."""
        ...

    def unreadable(self, most: int) -> list[Unreadable]:
        """Give what was noted and not yet stated, oldest first."""
        ...

    def keep_statement(self, number: int, signed: bytes, reported: Sequence[Unreadable]) -> None:
        """Keep the next statement and note what it reports, in one step."""
        ...
