"""
The nodes' streams for jobs over lists, and their credits: a node has at most so many calls as it has given.

A call's credit comes back with its answer, not when nobody waits for the answer any more: so a slow node is asked
slowly.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, ListState, SealedRows
from consortium.model.members import MemberId
from consortium.model.rounds import Round1Body, Round2Body
from gateway.streams import Streams

Content = JobBegin | SealedRows | BlockCall | BlockRelease
Answer = ListState | BlockMessage[Round1Body] | BlockMessage[Round2Body]
MOST_CREDITS = 64


@dataclass(eq=False)
class BulkNode:
    """One stream of one node; `check` raises once the certificate that it was opened with is no longer good."""

    member: MemberId
    credits: int
    check: Callable[[], None] = lambda: None
    _numbers: int = 0
    _outgoing: asyncio.Queue[tuple[int, Content] | None] = field(default_factory=asyncio.Queue)
    _waiting: dict[int, tuple[Content, asyncio.Future[Answer]]] = field(default_factory=dict)
    _ended: CreditError | None = None

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(min(max(1, self.credits), MOST_CREDITS))

    async def ask(self, content: Content) -> Answer:
        """Call the node and wait for its answer; raises its refusal, or TOO_FEW_CONTRIBUTORS where it goes away."""
        await self._free.acquire()
        if self._ended:
            self._free.release()
            raise self._ended
        self._numbers += 1
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._numbers] = content, answer
        self._outgoing.put_nowait((self._numbers, content))
        return await answer

    def asked(self, number: int) -> Content:
        """Give what a call asked; raises CreditError(MALFORMED) for one that was never made or has its answer."""
        if number not in self._waiting:
            raise CreditError(Code.MALFORMED, "an answer to no call")
        return self._waiting[number][0]

    def settle(self, number: int, outcome: Answer | CreditError) -> None:
        """Take an answer or refusal, and the call's credit back."""
        _, answer = self._waiting.pop(number)
        self._free.release()
        if answer.done():
            return
        if isinstance(outcome, CreditError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    async def next_call(self) -> tuple[int, Content] | None:
        """Wait for the next call to send; None, or the cause as an exception, once the stream is to end."""
        call = await self._outgoing.get()
        if call is None and self._ended and self._ended.code is not Code.TOO_FEW_CONTRIBUTORS:
            raise self._ended
        return call

    def close(self, cause: CreditError | None = None) -> None:
        """End the stream: whoever waits is told that the node went away."""
        if self._ended is None:
            self._ended = cause or CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{self.member} went away")
            self._outgoing.put_nowait(None)
        gone = CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{self.member} went away")
        for number in list(self._waiting):
            self.settle(number, gone)


class BulkNodes(Streams[BulkNode]):
    """Every node with a stream for jobs; the newest of a member is called."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def add(self, stream: BulkNode) -> None:
        """Attach a node; raises CreditError(OVERLOADED) for one stream too many of its member."""
        super().add(stream)
        self._changed.set()

    def node(self, member: MemberId) -> BulkNode:
        """Give a member's newest node; raises CreditError(TOO_FEW_CONTRIBUTORS)."""
        nodes = self.of(member)
        if not nodes:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{member} is not attached for jobs")
        return nodes[-1]

    async def changed(self, seconds: float) -> None:
        """Wait until a node comes, or so long."""
        self._changed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
