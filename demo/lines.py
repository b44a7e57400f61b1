"""
How a lender's loading process reaches the key holders: by a pipe to the main process, or directly in the same one.

Every lender loads its book in a process of its own, as it would at home; the key holders answer in the main process,
so that there is one ledger of counters and quotas for each of them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from consortium.custody import KeyHolder
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from consortium.silent import Silent
from demo.consortium import Foundation
from participants.lender.tokenise import HolderLink, HolderSession, RequestJournal, Tokeniser

Tell = Callable[[MemberId, str, int], None]
"""Told of a lender's progress: which stage, and how many of the stage's units are done."""


@dataclass
class Desk(Silent):
    """The key holders of the main process; counts the CPU seconds they take and the bytes they exchange."""

    holders: Mapping[int, KeyHolder]
    rng: Randomness
    cpu_seconds: float = 0.0
    carried: int = 0

    def evaluate(self, holder: int, request: bytes) -> bytes:
        """Have one holder answer; raises CreditError as `KeyHolder.answer`."""
        start = time.process_time()
        answer = self.holders[holder].answer(request, self.rng)
        self.cpu_seconds += time.process_time() - start
        self.carried += len(request) + len(answer)
        return answer


class Line(Protocol):
    """What a loading lender needs from the outside."""

    def evaluate(self, holder: int, request: bytes) -> bytes:
        """Have a key holder answer a request."""
        ...

    def progress(self, stage: str, done: int) -> None:
        """Say how far the load has come."""
        ...


@dataclass(frozen=True)
class LocalLine(Silent):
    """A line within one process."""

    lender: MemberId
    desk: Desk
    tell: Tell

    def evaluate(self, holder: int, request: bytes) -> bytes:
        """Have a key holder answer a request."""
        return self.desk.evaluate(holder, request)

    def progress(self, stage: str, done: int) -> None:
        """Say how far the load has come."""
        self.tell(self.lender, stage, done)


@dataclass(frozen=True, slots=True, repr=False)
class Evaluate(Silent):
    """A message to the main process: a request to a key holder; answered with `Evaluated` or a CreditError."""

    holder: int
    request: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Evaluated(Silent):
    """A key holder's answer."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """A message to the main process: how far a load has come."""

    stage: str
    done: int


@dataclass(frozen=True)
class PipeLine(Silent):
    """A line to the main process; `serve` is its other end."""

    connection: Connection

    def evaluate(self, holder: int, request: bytes) -> bytes:
        """Have a key holder answer a request."""
        self.connection.send(Evaluate(holder, request))
        match self.connection.recv():
            case Evaluated(answer=answer):
                return bytes(answer)
            case CreditError() as error:
                raise error
            case _:
                raise CreditError(Code.INTERNAL, "an unknown message from the main process")

    def progress(self, stage: str, done: int) -> None:
        """Say how far the load has come."""
        self.connection.send(Told(stage, done))


def serve(connection: Connection, message: object, line: LocalLine) -> None:
    """Answer one message of a `PipeLine`; raises the CreditError that a failed load sends."""
    match message:
        case Evaluate(holder=holder, request=request):
            try:
                connection.send(Evaluated(line.evaluate(holder, request)))
            except CreditError as error:
                connection.send(error)
        case Told(stage=stage, done=done):
            line.progress(stage, done)
        case CreditError() as error:
            raise error
        case _:
            raise CreditError(Code.INTERNAL, "an unknown message from a loading process")


@dataclass(frozen=True, slots=True)
class _LineChannel:
    """The way to one key holder over a line."""

    line: Line
    holder: int

    def evaluate(self, request: bytes) -> bytes:
        return self.line.evaluate(self.holder, request)


def tokeniser(foundation: Foundation, lender: MemberId, journal: RequestJournal, line: Line) -> Tokeniser:
    """Give a lender its tokeniser over a line; the journal carries the counters on from one tokeniser to the next."""
    generation, signer = foundation.secrets.generation, foundation.keys[lender].signer
    links = {
        holder: HolderLink(HolderSession(lender, signer, journal, holder, generation), _LineChannel(line, holder))
        for holder in foundation.holders
    }
    return Tokeniser(foundation.secrets, foundation.key, links, foundation.rng, alarm=_raise_alarm)


def _raise_alarm(_holder: int, error: CreditError) -> None:
    """Stop at once: in one process no key holder fails for a good reason."""
    raise error
