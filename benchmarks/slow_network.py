"""
A TCP proxy that makes loopback as slow as a distance: every byte leaves a while after it came, in its order.

Segments may be lost as well, in a model: one that is lost holds up everything behind it for a retransmission time-out.
"""

import asyncio
import random
import threading
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

SEGMENT_BYTES = 1448
RETRANSMISSION_SECONDS = 0.2
"""The least time-out that Linux waits before it sends a segment again; the round trip comes on top."""
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Distance:
    """Seconds each way, and the share of segments that are lost."""

    one_way: float
    loss: float = 0.0

    def delay(self, length: int, rng: random.Random) -> float:
        """Give how long so many bytes take."""
        lost = rng.random() >= (1 - self.loss) ** -(-length // SEGMENT_BYTES)
        return self.one_way + (RETRANSMISSION_SECONDS + 2 * self.one_way if lost else 0.0)


class SlowNetwork(AbstractContextManager["SlowNetwork"]):
    """Listens on `port` and leads to another loopback port, in an event loop and thread of its own."""

    def __init__(self, target: int, distance: Distance, seed: int = 1) -> None:
        self._target = target
        self._distance = distance
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="slow-network")
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction; what is on its way waits in a queue, so that reading goes on."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(on_the_way, writer))
        arrival = 0.0
        try:
            with suppress(OSError):
                data = b"?"
                while data:
                    data = await reader.read(CHUNK_BYTES)
                    arrival = max(arrival, self._loop.time() + self._distance.delay(len(data), self._rng))
                    on_the_way.put_nowait((arrival, data))
                await delivering
        finally:
            delivering.cancel()
            writer.close()

    async def _deliver(self, on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                arrival, data = await on_the_way.get()
                await asyncio.sleep(arrival - self._loop.time())
                if not data:
                    return
                writer.write(data)
                await writer.drain()
