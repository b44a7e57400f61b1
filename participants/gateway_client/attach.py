"""
The node's stream to one gateway replica: it connects outwards, says hello, answers calls, and comes back when cut.

Answers are computed off the event loop. A lost gateway loses nothing: whatever was answered is durable at the node,
and a repeated call gets the same bytes.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.wire.gateway import Hello, hello_to_proto, refusal_to_proto
from consortium.wire.versions import Spoken, agree, spoken_from_proto
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

LOG = logging.getLogger("participants.attach")
GRID_SECONDS = 0.004
BACKOFF_FIRST = 0.2
BACKOFF_MOST = 3.0
Stream = grpc.aio.StreamStreamCall[Any, Any]


@dataclass(frozen=True, slots=True)
class Handlers:
    """What a node does for a call: the two rounds (blocking), and how it introduces itself."""

    round1: Callable[[bytes], bytes]
    round2: Callable[[bytes], bytes]
    hello: Callable[[], Hello]
    welcome: Callable[[int], None] = lambda _: None
    """Told the number of the last signed message that the gateway has seen of this member."""


@dataclass
class AttachClient:
    """Keeps one stream to one address for as long as `run` runs; `attached` tells whether it stands."""

    address: str
    tls: Callable[[], Tls]
    handlers: Handlers
    workers: Executor
    attached: bool = False
    _outgoing: asyncio.Queue[pb.AttachRequest] = field(default_factory=asyncio.Queue)
    _stream: Stream | None = None
    _again: bool = False

    async def run(self) -> None:
        """Attach again and again, with growing pauses and jitter, until cancelled."""
        pause = BACKOFF_FIRST
        while True:
            try:
                await self._attach_once()
                pause = BACKOFF_FIRST
            except asyncio.CancelledError:
                if not self._again:  # the task's own end, not only the stream's
                    raise
            except (grpc.RpcError, CreditError) as error:  # the node's own store may be busy when it says hello
                problem = error if isinstance(error, CreditError) else from_rpc_error(error, self.address)
                LOG.warning("detached", extra={"address": self.address, "code": problem.code, "cause": problem.cause})
            if self.attached:
                pause = BACKOFF_FIRST
            self.attached = False
            if self._again:
                self._again = False
                continue
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(2 * pause, BACKOFF_MOST)

    def attach_again(self) -> None:
        """End the stream in use, so that the node introduces itself anew: its identity key has changed."""
        if self._stream is not None:
            self._again = True
            self._stream.cancel()

    async def _attach_once(self) -> None:
        self._outgoing = asyncio.Queue()
        self._outgoing.put_nowait(pb.AttachRequest(hello=hello_to_proto(self.handlers.hello())))
        answering: set[asyncio.Task[None]] = set()
        try:
            async with open_channel(self.address, self.tls()) as channel:
                stream = self._stream = grpc_pb.AttachServiceStub(channel).Attach()
                answering.add(asyncio.create_task(self._send(stream)))
                await self._receive(stream, answering)
        finally:
            for task in answering:
                task.cancel()

    async def _send(self, stream: Stream) -> None:
        outgoing = self._outgoing
        try:
            while True:
                await stream.write(await outgoing.get())
        except (grpc.RpcError, asyncio.InvalidStateError):
            return  # the stream has ended; whoever receives is told why

    async def _receive(self, stream: Stream, answering: set[asyncio.Task[None]]) -> None:
        async for response in stream:
            if response.WhichOneof("message") == "drain":
                return
            self._take(response, answering)

    def _take(self, response: pb.AttachResponse, answering: set[asyncio.Task[None]]) -> None:
        match response.WhichOneof("message"):
            case "welcome":
                agreed = response.welcome.protocol
                agree(Spoken(), spoken_from_proto(agreed, agreed))
                self.handlers.welcome(response.welcome.last_counter)
                self.attached = True
                LOG.info("attached", extra={"address": self.address})
            case "round1":
                self._start(response.round1.call, self.handlers.round1, response.round1.request, answering)
            case "round2":
                self._start(response.round2.call, self.handlers.round2, response.round2.request, answering)

    def _start(
        self, call: int, work: Callable[[bytes], bytes], request: bytes, answering: set[asyncio.Task[None]]
    ) -> None:
        task = asyncio.create_task(self._answer(call, work, request, self._outgoing))
        answering.add(task)
        task.add_done_callback(answering.discard)

    async def _answer(
        self, call: int, work: Callable[[bytes], bytes], request: bytes, outgoing: asyncio.Queue[pb.AttachRequest]
    ) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            answer = await loop.run_in_executor(self.workers, work, request)
            message = pb.AttachRequest(answer=pb.CallAnswer(call=call, answer=answer))
        except CreditError as error:
            message = _refusal(call, error)
        except Exception as error:  # noqa: BLE001  the border: the gateway gets a code, the log the type
            LOG.error("unmapped", extra={"type": type(error).__name__})  # noqa: TRY400  a traceback may hold numbers
            message = _refusal(call, CreditError(Code.INTERNAL))
        await asyncio.sleep(start + on_grid(loop.time() - start) - loop.time())
        outgoing.put_nowait(message)


def on_grid(elapsed: float) -> float:
    """
    Give when an answer leaves, in seconds after its call came: the next multiple of GRID_SECONDS.

    What a book holds of a person changes the time of an answer by a fraction of that, and so does not show.
    """
    return math.ceil(elapsed / GRID_SECONDS) * GRID_SECONDS


def _refusal(call: int, error: CreditError) -> pb.AttachRequest:
    return pb.AttachRequest(answer=pb.CallAnswer(call=call, refusal=refusal_to_proto(error)))
