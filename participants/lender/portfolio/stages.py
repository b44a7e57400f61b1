"""
The two stages of a portfolio around its job: from a lender's own list to tagged people, and from sums to a file.

Both may take minutes, block, and are told apart by the portfolio's id. What the second needs of the first lies in the
portfolio's own folder, so that a node that was restarted goes on.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from consortium.canonical import CanonicalValue
from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from participants.lender.ask import ConsentTerms
from participants.lender.portfolio.ask import ListPeople, ListQuestion
from participants.lender.portfolio.asking import BlockRows

Told: TypeAlias = Callable[[str, int, int], None]
"""Told of a stage ("reading", "tokenising", "writing"), how many rows are done, and of how many; 0: not known."""


@dataclass(frozen=True, slots=True, repr=False)
class PreparedList(Silent):
    """A list ready to be asked about."""

    people: ListPeople
    question: ListQuestion
    consent: ConsentTerms | None


@dataclass(frozen=True, slots=True, repr=False)
class Answers(Silent):
    """What a job brought: the blocks that were answered, the query's header, and the rulebook that it was under."""

    header: QueryHeader
    rulebook: Rulebook
    blocks: Iterable[BlockRows]


Summary: TypeAlias = Mapping[str, CanonicalValue]
"""What a portfolio says of itself when it is done: rows by status, where the output is, and so on."""


class ListStages(Protocol):
    """How a node reads lists and writes results; `request` is the portfolio's own JSON, `folder` its own folder."""

    def check(self, request: bytes) -> None:
        """Raise CreditError(RECORD_INVALID), or what else is wrong with a request, before anything is begun."""
        ...

    def prepare(self, request: bytes, folder: Path, told: Told) -> PreparedList:
        """Read and tokenise the list; rows that are refused are reported, and the others asked about."""
        ...

    def finish(self, request: bytes, folder: Path, answers: Answers, told: Told) -> Summary:
        """Write the output, whole or not at all; rows without an answer are in it as INCOMPLETE."""
        ...
