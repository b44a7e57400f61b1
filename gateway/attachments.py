"""
The nodes that are attached to this replica: who can be called now, and the calls that wait for an answer.

A node that lets a call time out is not well until it answers something; it is left out of the next intended sets, so
that one silent member costs one time-out and not one a query.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet
from consortium.wire.versions import PROTOCOL
from gateway.streams import Streams

OUTGOING_CALLS = 512
OUTGOING_BYTES = 16 << 20
"""What may wait for a node that reads slowly; its stream ends before more of the gateway's memory is used."""
OWED_RECEIPTS, MOST_OWED = 64, 1024
"""How many receipts go with one message, and how many may wait for one."""


@dataclass(frozen=True, slots=True)
class Call:
    """
    A message to a node: its number on this gateway, the round, and the request's bytes.

    Rounds are 1 and 2 of a query, 3 and 4 of a statistic; 0 stands for receipts alone.
    """

    number: int
    round: int
    request: bytes


@dataclass(eq=False)
class Attachment:
    """
    One stream of one node; `protocol` is the version that is spoken on it.

    `check` raises CreditError once the certificate that it was opened with is no longer good.
    """

    member: MemberId
    protocol: int = PROTOCOL
    check: Callable[[], None] = lambda: None
    statistics: bool = False
    """Whether the node answers calls for statistics."""
    waiting: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)
    well: bool = True
    _outgoing: deque[Call] = field(default_factory=deque)
    _outgoing_bytes: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False
    _cause: CreditError | None = None
    _writing: asyncio.Timeout | None = None
    _owed: list[bytes] = field(default_factory=list)

    def begin(self, call: Call) -> asyncio.Future[bytes]:
        """Send a call; gives the answer to come, or the node's refusal. Raises TOO_FEW_CONTRIBUTORS at the end."""
        self._enqueue(call)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting[call.number] = answer
        answer.add_done_callback(lambda _: self.waiting.pop(call.number, None))
        return answer

    def silent(self, number: int, *, well: bool = False) -> CreditError:
        """
        Wait no longer for an answer; gives what that means.

        The node is not well until it answers something, unless it is known that the answer takes long (`well`).
        """
        self.well = self.well and well
        answer = self.waiting.get(number)
        if answer:
            answer.cancel()
        return CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{self.member} is silent")

    async def call(self, call: Call, seconds: float) -> bytes:
        """Send a call and wait for the answer; raises the node's refusal, or TOO_FEW_CONTRIBUTORS on silence."""
        answer = self.begin(call)
        await asyncio.wait([answer], timeout=seconds)
        if not answer.done():
            raise self.silent(call.number)
        return answer.result()

    def owe(self, receipt: bytes) -> None:
        """Send a receipt with the next message, or alone when the housekeeping comes by."""
        self._owed = [*self._owed[-MOST_OWED:], receipt]  # whoever reads nothing loses the oldest
        if len(self._owed) >= OWED_RECEIPTS:
            self.pay()

    def pay(self) -> None:
        """Send what is owed alone, where no call is about to take it along."""
        if self._owed and not self._outgoing and not self._ended:
            self._enqueue(Call(0, 0, b""))

    def take_owed(self) -> list[bytes]:
        """Give the receipts that go with the message that is sent now, as many as fit it."""
        taken, self._owed = self._owed[:OWED_RECEIPTS], self._owed[OWED_RECEIPTS:]
        return taken

    def _enqueue(self, call: Call) -> None:
        if len(self._outgoing) >= OUTGOING_CALLS or self._outgoing_bytes + len(call.request) > OUTGOING_BYTES:
            self.close(_not_reading())
        if self._ended:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{self.member} does not read")
        self._outgoing.append(call)
        self._outgoing_bytes += len(call.request)
        self._wake.set()

    async def next_call(self) -> Call | None:
        """Wait for the next call to send; None, or the cause as an exception, once the stream is to end."""
        while not self._outgoing and not self._ended:
            self._wake.clear()
            await self._wake.wait()
        if self._cause:
            raise self._cause
        if self._ended:
            return None
        call = self._outgoing.popleft()
        self._outgoing_bytes -= len(call.request)
        return call

    async def write(self, message: Awaitable[None], seconds: float) -> None:
        """Send a message of the stream within a time; raises the cause where it takes longer, or the stream ends."""
        try:
            async with asyncio.timeout(seconds) as self._writing:
                await message
        except TimeoutError:
            self.close(_not_reading())
            raise self._cause or _not_reading() from None
        finally:
            self._writing = None

    def settle(self, number: int, outcome: bytes | CreditError) -> None:
        """Take a node's answer or refusal; one that nobody waits for any more still shows that the node is well."""
        self.well = True
        answer = self.waiting.get(number)
        if answer is None or answer.done():
            return
        if isinstance(outcome, CreditError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    def close(self, cause: CreditError | None = None) -> None:
        """Fail every waiting call and end the stream, for a cause that the node is told; the first cause stands."""
        self.well = False
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{self.member} went away"))
        if not self._ended:
            self._ended, self._cause = True, cause
            self._outgoing.clear()
            self._wake.set()
        if cause and self._writing and not self._writing.expired():
            self._writing.reschedule(0)  # it waits for a node that does not read


def _not_reading() -> CreditError:
    return CreditError(Code.OVERLOADED, "the calls of this stream are not read")


class Attachments(Streams[Attachment]):
    """Every attached node; the newest of a member that is well is called."""

    def __init__(self, settle: float = 0.0) -> None:
        super().__init__()
        self._numbers = 0
        self._settled_at = time.monotonic() + settle
        self._arrived = asyncio.Event()

    def add(self, stream: Attachment) -> None:
        """Attach a node; raises CreditError(OVERLOADED) for one stream too many of its member."""
        super().add(stream)
        self._arrived.set()

    def well(self, *, statistics: bool = False) -> MemberSet:
        """Give the members that can be called (for a statistic); L is chosen from them."""
        return frozenset(member for member in self.attached() if self._callable(member, statistics=statistics))

    def _callable(self, member: MemberId, *, statistics: bool) -> list[Attachment]:
        return [node for node in self.of(member) if node.well and (node.statistics or not statistics)]

    async def settled(self, members: MemberSet) -> None:
        """
        Wait until these members have come back after a start, but only within the first `settle` seconds.

        An answer that is given too early lacks members, and binds its subject to that for a whole ledger window.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settled_at - time.monotonic()):
                while not members <= self.attached():
                    self._arrived.clear()
                    await self._arrived.wait()

    def next_number(self) -> int:
        """Give a call number that was not used before."""
        self._numbers += 1
        return self._numbers

    def node(self, member: MemberId, *, statistics: bool = False) -> Attachment:
        """Give a member's newest node that is well (and takes statistics); raises CreditError(TOO_FEW_CONTRIBUTORS)."""
        nodes = self._callable(member, statistics=statistics)
        if not nodes:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{member} is not attached")
        return nodes[-1]

    def pay(self) -> None:
        """Send every node the receipts that no call has taken along."""
        for node in self.every():
            node.pay()
