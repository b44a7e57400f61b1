"""What round 2 needs of round 1, kept in memory between the two, so that it is not read and opened twice."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from consortium.model.identifiers import SubjectTag
from consortium.model.rounds import Round1Request
from consortium.silent import Silent
from participants.lender.reveal import RevealRecord

MAXIMUM = 1024


@dataclass(frozen=True, slots=True, repr=False)
class OpenedExchange(Silent):
    """A call for a contribution, the tags of its payload, and what the contributor can open."""

    request: Round1Request
    tags: Sequence[SubjectTag]
    record: RevealRecord


class OpenedExchanges(Silent):
    """The newest of them; the store has them all, so that losing one costs time only."""

    __slots__ = ("_by_ctx",)

    def __init__(self) -> None:
        self._by_ctx: OrderedDict[bytes, OpenedExchange] = OrderedDict()

    def keep(self, ctx: bytes, opened: OpenedExchange) -> None:
        """Keep one until it is taken, or until it is one too many."""
        self._by_ctx[ctx] = opened
        while len(self._by_ctx) > MAXIMUM:
            self._by_ctx.popitem(last=False)

    def take(self, ctx: bytes) -> OpenedExchange | None:
        """Give one and forget it."""
        return self._by_ctx.pop(ctx, None)
