"""A memory for tokens, so that a person asked about again needs no key holder."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.model.identifiers import NormalisedIdentifier
from consortium.silent import Silent
from participants.lender.ports import Link
from participants.lender.protect import LendersSecrets, pre_hash
from participants.lender.tokenise import Token

DEFAULT_CAPACITY = 100_000

KeepLinks = Callable[[Sequence[Link]], object]
"""Keeps, durably, what tags were in the generation before."""


class Tokenises(Protocol):
    """Whatever turns identifiers into tokens."""

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order."""
        ...


class GenerationsTokeniser(Silent):
    """Gives the tokens of one generation, each with those of the same identifier in others beside it."""

    def __init__(self, inner: Tokenises, others: Sequence[Tokenises]) -> None:
        self._inner = inner
        self._others = others

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises what any of the generations raises."""
        found = self._inner.tokenise(identifiers)
        beside = [other.tokenise(identifiers) for other in self._others]
        return [replace(token, others=tuple(others)) for token, *others in zip(found, *beside, strict=True)]


class LinkingTokeniser(Silent):
    """
    Keeps what each identifier is in the generations beside before it gives a token: nothing is written without.

    `generation` is that of the book; `before` keeps links to the generation before it, `after` those from the next one.
    """

    def __init__(self, inner: Tokenises, generation: int, before: KeepLinks, after: KeepLinks) -> None:
        self._inner, self._generation = inner, generation
        self._before, self._after = before, after

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises RULEBOOK_MISMATCH for those of another generation."""
        tokens = self._inner.tokenise(identifiers)
        check_generation(tokens, self._generation)
        if earlier := [Link(one.tag, one.key, one.earlier.tag) for one in tokens if one.earlier]:
            self._before(earlier)
        if upcoming := [Link(one.upcoming.tag, one.upcoming.key, one.tag) for one in tokens if one.upcoming]:
            self._after(upcoming)
        return tokens


def check_generation(tokens: Sequence[Token], generation: int) -> None:
    """Raise CreditError(RULEBOOK_MISMATCH) for tokens of another generation: the key is just being exchanged."""
    if any(token.generation != generation for token in tokens):
        raise CreditError(Code.RULEBOOK_MISMATCH, "the generation of the key is just being exchanged")


class CountingTokeniser(Silent):
    """Counts the identifiers that it has tokenised, and the processor seconds that this process took for it."""

    def __init__(self, inner: Tokenises) -> None:
        self._inner = inner
        self.identifiers = 0
        self.cpu_seconds = 0.0

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order."""
        start = time.process_time()
        tokens = self._inner.tokenise(identifiers)
        self.cpu_seconds += time.process_time() - start
        self.identifiers += len(tokens)
        return tokens


class GatheringTokeniser(Silent):
    """Serves several threads: while one asks the key holders, what the others want gathers into the next request."""

    def __init__(self, inner: Tokenises) -> None:
        self._inner = inner
        self._turn = threading.Lock()
        self._waiting: deque[tuple[Sequence[NormalisedIdentifier], Future[list[Token]]]] = deque()

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; raises what the common request raises."""
        own = Future[list[Token]]()
        self._waiting.append((identifiers, own))
        with self._turn:
            if not own.done():
                self._serve([self._waiting.popleft() for _ in range(len(self._waiting))])
        return own.result()

    def _serve(self, batch: list[tuple[Sequence[NormalisedIdentifier], Future[list[Token]]]]) -> None:
        try:
            tokens = iter(self._inner.tokenise([identifier for wanted, _ in batch for identifier in wanted]))
            for wanted, future in batch:
                future.set_result(list(islice(tokens, len(wanted))))
        except Exception as error:  # noqa: BLE001  every waiter is told, whatever it was
            for _, future in batch:
                future.set_exception(error)


class RememberingTokeniser(Silent):
    """Remembers at most `capacity` tokens by pre-hash, in memory only; the longest unused go first."""

    def __init__(self, inner: Tokenises, secrets: LendersSecrets, capacity: int = DEFAULT_CAPACITY) -> None:
        self._inner = inner
        self._secrets = secrets
        self._capacity = capacity
        self._known: OrderedDict[bytes, Token] = OrderedDict()

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; asks for those it does not know. Raises RULEBOOK_MISMATCH."""
        names = [pre_hash(self._secrets, identifier) for identifier in identifiers]
        unknown = {name: item for name, item in zip(names, identifiers, strict=True) if name not in self._known}
        fresh = dict(zip(unknown, self._inner.tokenise(list(unknown.values())), strict=True)) if unknown else {}
        check_generation([*fresh.values()], self._secrets.generation)
        tokens = [fresh.get(name) or self._known[name] for name in names]
        self._remember(dict(zip(names, tokens, strict=True)))
        return tokens

    def _remember(self, tokens: dict[bytes, Token]) -> None:
        for name, token in tokens.items():
            self._known[name] = token
            self._known.move_to_end(name)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
