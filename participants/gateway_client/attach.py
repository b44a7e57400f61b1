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
from dataclasses import dataclass
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.wire.gateway import Hello, hello_to_proto, refusal_to_proto
from consortium.wire.queries import certified_key_to_proto
from consortium.wire.versions import Spoken, agree, spoken_from_proto
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

LOG = logging.getLogger("participants.attach")
GRID_SECONDS = 0.004
BACKOFF_FIRST = 0.2
BACKOFF_MOST = 3.0
HANDOVER_SECONDS = 10.0
"""How long a second stream may take to stand before the first one is given up."""
RETIRE_SECONDS = 8.0
"""A stream that was replaced goes on answering what it was asked: longer than both rounds may take."""


@dataclass(frozen=True, slots=True)
class StatisticHandlers:
    """
    What a node does for a statistic: the two rounds (blocking), and before the first what takes long.

    `prepare` runs in a thread of its own, so that the answers to queries do not wait for it.
    """

    prepare: Callable[[bytes], None]
    round1: Callable[[bytes], bytes]
    round2: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Handlers:
    """What a node does for a call: the two rounds (blocking), and how it introduces itself."""

    round1: Callable[[bytes], bytes]
    round2: Callable[[bytes], bytes]
    hello: Callable[[], Hello]
    statistics: "StatisticHandlers | None" = None
    welcome: Callable[[int], None] = lambda _: None
    """Told the number of the last signed message that the gateway has seen of this member."""
    receipt: Callable[[bytes], None] = lambda _: None
    """Given a serialised MessageReceipt of an earlier message; must not block."""


class AttachClient:
    """
    Keeps one stream to one address for as long as `run` runs; `attached` tells whether it stands.

    Where the node has to introduce itself anew, a second stream is opened first and the other one retired then.
    """

    def __init__(self, address: str, tls: Callable[[], Tls], handlers: Handlers, workers: Executor) -> None:
        self.address = address
        self._tls, self._handlers, self._workers = tls, handlers, workers
        self._again = asyncio.Event()
        self._streams: list[_Stream] = []

    @property
    def attached(self) -> bool:
        """Whether a stream stands."""
        return any(stream.attached.is_set() for stream in self._streams)

    def attach_again(self) -> None:
        """Have the node introduce itself anew: its identity key or its certificate has changed."""
        self._again.set()

    def publish(self) -> None:
        """Send the mask keys of the days again: they have changed."""
        keys = [certified_key_to_proto(key) for key in self._handlers.hello().mask_keys]
        for stream in self._streams:
            stream.send(pb.AttachRequest(mask_keys=pb.MaskKeys(mask_keys=keys)))

    async def run(self) -> None:
        """Attach again and again, with growing pauses and jitter, until cancelled."""
        pause = BACKOFF_FIRST
        try:
            stream = self._begin()
            while True:
                await self._ended_or_again(stream)
                if stream.task.done():
                    pause = BACKOFF_FIRST if stream.was_attached else min(2 * pause, BACKOFF_MOST)
                    self._tell(stream)
                    await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
                    self._again.clear()
                    stream = self._begin()
                else:
                    stream = await self._replaced(stream)
        finally:
            await self._cancel_all()

    async def _ended_or_again(self, stream: "_Stream") -> None:
        again = asyncio.create_task(self._again.wait())
        try:
            await asyncio.wait({stream.task, again}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            again.cancel()

    async def _replaced(self, old: "_Stream") -> "_Stream":
        """Open a second stream and retire the first once it stands; where it does not stand, it is tried again."""
        self._again.clear()
        new = self._begin()
        standing = asyncio.create_task(new.attached.wait())
        await asyncio.wait({new.task, standing}, timeout=HANDOVER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()
        if new.attached.is_set():
            asyncio.get_running_loop().call_later(RETIRE_SECONDS, old.task.cancel)
            return new
        new.task.cancel()
        self._tell(new)
        await asyncio.sleep(BACKOFF_FIRST)
        self._again.set()
        return old

    def _begin(self) -> "_Stream":
        stream = _Stream(self.address, self._tls, self._handlers, self._workers)
        self._streams.append(stream)
        stream.task.add_done_callback(lambda _: self._forget(stream))
        return stream

    def _forget(self, stream: "_Stream") -> None:
        self._streams.remove(stream)
        if not stream.task.cancelled():
            stream.task.exception()  # told by whoever waits for it; a retired stream's end is nobody's matter

    def _tell(self, stream: "_Stream") -> None:
        if not stream.task.done() or stream.task.cancelled() or (error := stream.task.exception()) is None:
            return
        if not isinstance(error, grpc.RpcError | CreditError):
            raise error
        problem = error if isinstance(error, CreditError) else from_rpc_error(error, self.address)
        LOG.warning("detached", extra={"address": self.address, "code": problem.code, "cause": problem.cause})

    async def _cancel_all(self) -> None:
        tasks = [stream.task for stream in self._streams]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Stream:
    """One stream from its hello to its end; what it has been asked is answered on it and on no other."""

    def __init__(self, address: str, tls: Callable[[], Tls], handlers: Handlers, workers: Executor) -> None:
        self._address, self._tls, self._handlers, self._workers = address, tls, handlers, workers
        self._outgoing: asyncio.Queue[pb.AttachRequest] = asyncio.Queue()
        self.attached = asyncio.Event()
        self.was_attached = False
        self.task = asyncio.create_task(self._run())

    def send(self, message: pb.AttachRequest) -> None:
        """Send a message after those that wait."""
        self._outgoing.put_nowait(message)

    async def _run(self) -> None:
        """Serve until it ends; raises grpc.RpcError, or CreditError: the own store may be busy at the hello."""
        self.send(pb.AttachRequest(hello=hello_to_proto(self._handlers.hello())))
        answering: set[asyncio.Task[None]] = set()
        try:
            async with open_channel(self._address, self._tls()) as channel:
                call = grpc_pb.AttachServiceStub(channel).Attach()
                answering.add(asyncio.create_task(self._write(call)))
                async for response in call:
                    if response.WhichOneof("message") == "drain":
                        return
                    self._take(response, answering)
        finally:
            self.attached.clear()
            for task in answering:
                task.cancel()

    async def _write(self, call: grpc.aio.StreamStreamCall[Any, Any]) -> None:
        try:
            while True:
                await call.write(await self._outgoing.get())
        except (grpc.RpcError, asyncio.InvalidStateError):
            return  # the stream has ended; whoever receives is told why

    def _take(self, response: pb.AttachResponse, answering: set[asyncio.Task[None]]) -> None:
        for receipt in response.receipts:
            self._handlers.receipt(receipt)
        match response.WhichOneof("message"):
            case "welcome":
                agreed = response.welcome.protocol
                agree(Spoken(), spoken_from_proto(agreed, agreed))
                self._handlers.welcome(response.welcome.last_counter)
                self.was_attached = True
                self.attached.set()
                LOG.info("attached", extra={"address": self._address})
            case "round1":
                self._start(response.round1.call, self._handlers.round1, response.round1.request, answering)
            case "round2":
                self._start(response.round2.call, self._handlers.round2, response.round2.request, answering)
            case "statistic" if known := self._handlers.statistics:
                call, request = response.statistic.call, response.statistic.request
                self._start(call, known.round1, request, answering, known.prepare)
            case "statistic_correction" if known := self._handlers.statistics:
                call, request = response.statistic_correction.call, response.statistic_correction.request
                self._start(call, known.round2, request, answering)

    def _start(
        self,
        call: int,
        work: Callable[[bytes], bytes],
        request: bytes,
        answering: set[asyncio.Task[None]],
        before: Callable[[bytes], None] | None = None,
    ) -> None:
        task = asyncio.create_task(self._answer(call, work, request, before))
        answering.add(task)
        task.add_done_callback(answering.discard)

    async def _answer(
        self, call: int, work: Callable[[bytes], bytes], request: bytes, before: Callable[[bytes], None] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            if before is not None:
                await asyncio.to_thread(before, request)
            answer = await loop.run_in_executor(self._workers, work, request)
            message = pb.AttachRequest(answer=pb.CallAnswer(call=call, answer=answer))
        except CreditError as error:
            message = _refusal(call, error)
        except Exception as error:  # noqa: BLE001  the border: the gateway gets a code, the log the type
            LOG.error("unmapped", extra={"type": type(error).__name__})  # noqa: TRY400  a traceback may hold numbers
            message = _refusal(call, CreditError(Code.INTERNAL))
        await asyncio.sleep(start + on_grid(loop.time() - start) - loop.time())
        self.send(message)


def on_grid(elapsed: float) -> float:
    """
    Give when an answer leaves, in seconds after its call came: the next multiple of GRID_SECONDS.

    What a book holds of a person changes the time of an answer by a fraction of that, and so does not show.
    """
    return math.ceil(elapsed / GRID_SECONDS) * GRID_SECONDS


def _refusal(call: int, error: CreditError) -> pb.AttachRequest:
    return pb.AttachRequest(answer=pb.CallAnswer(call=call, refusal=refusal_to_proto(error)))
