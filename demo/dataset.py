"""What a demonstration runs on: who lends, where each lender's records lie, who is asked about, what the truth is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.members import MemberId
from consortium.silent import Silent


@dataclass(frozen=True, slots=True)
class BookSource:
    """One source of a lender: its mapping file, which names the rows, and the variable with the database's URL."""

    mapping: Path
    url: tuple[str, str] | None = None

    @property
    def title(self) -> str:
        """The name in reports."""
        return self.mapping.stem


@dataclass(frozen=True, slots=True, repr=False)
class LiveEvent(Silent):
    """
    What happened at a lender after its records were written: a grant promised, or a file frozen (`amount` 0).

    The time is in Unix seconds, the amount in minor units.
    """

    identifier: RawIdentifier
    amount: int = 0
    expires: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Asked(Silent):
    """One person asked about: number, the identifiers given (by kind), and why this one was chosen."""

    person: int
    identifiers: tuple[RawIdentifier, ...]
    reason: str

    @property
    def kinds(self) -> frozenset[IdentifierKind]:
        """The kinds of identifiers given."""
        return frozenset(identifier.kind for identifier in self.identifiers)


@dataclass(frozen=True, slots=True, repr=False)
class Expected(Silent):
    """What a question about one person must give: totals and own parts by attribute, lenders matched by kind."""

    totals: Mapping[str, int]
    own: Mapping[str, int]
    matched: Mapping[IdentifierKind, int]
    frozen: int


class Truth(Protocol):
    """Knows every number without the lenders' nodes."""

    def expected(
        self, asked: Sequence[Asked], moments: Sequence[int], requester: MemberId, attributes: Sequence[str]
    ) -> tuple[Expected, ...]:
        """Give what each question must give, in order; `moments` are their as-of times in Unix seconds."""
        ...


@dataclass(frozen=True, repr=False)
class Dataset(Silent):
    """Everything that a run needs to know about its data; `extracted_at` is in Unix seconds."""

    title: str
    requester: MemberId
    sources: Mapping[MemberId, tuple[BookSource, ...]]
    extracted_at: int
    currency: str
    attributes: tuple[str, ...]
    asked: tuple[Asked, ...]
    truth: Truth
    live: Mapping[MemberId, tuple[LiveEvent, ...]] = field(default_factory=dict)

    @property
    def lenders(self) -> tuple[MemberId, ...]:
        """All lenders, in the order of their books."""
        return tuple(self.sources)


def place_mapping(mapping: Path, written_for: str, folder: Path) -> Path:
    """
    Copy an example mapping into a lender's folder of sources; gives the copy.

    The example looks for its rows in `written_for`, relative to itself; the copy looks beside itself.
    """
    text = mapping.read_text("utf-8").replace(f'path = "{written_for}/', 'path = "')
    copy = folder / mapping.name
    copy.write_text(text, "utf-8")
    return copy
