"""The log at work: checkpoints as often as the settings say, and an end for every query that has none."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from consortium.errors import CreditError
from gateway.committer import GroupCommitter
from gateway.ports import ResultT
from gateway.tlog.abandoned import OpenQueries, append_abandoned
from gateway.tlog.log import Log

LOG = logging.getLogger("gateway.tlog")
TICK_SECONDS = 0.1
ABANDONED_SECONDS = 5.0


@dataclass
class Publisher:
    """Publishes off the event loop, on a thread of its own; `clock` gives Unix seconds."""

    log: Log
    committer: GroupCommitter
    open_queries: OpenQueries
    seconds: float
    entries: int
    clock: Callable[[], int]
    _worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="tlog"))

    def start(self) -> None:
        """Compare data and guard before anything is served; raises CreditError as `Log.start`."""
        self.log.start()
        self.open_queries.look_back(self.log.store, self.log.store.size())

    async def run(self) -> None:
        """Publish for ever."""
        loop = asyncio.get_running_loop()
        published, changed_at, looked_at = await self._publish(), 0.0, loop.time()
        while True:
            await asyncio.sleep(min(TICK_SECONDS, self.seconds))
            size = await loop.run_in_executor(self._worker, self._size, published)
            changed_at = changed_at or (loop.time() if size > published else 0.0)
            if size - published >= self.entries or (changed_at and loop.time() - changed_at >= self.seconds):
                published, changed_at = max(published, await self._publish()), 0.0
            if loop.time() - looked_at >= ABANDONED_SECONDS:
                looked_at = loop.time()
                await self.end_abandoned()

    async def off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        """Run a piece of work on the publisher's thread; it has ended before `stop` returns, even where cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def stop(self) -> None:
        """Publish what is left."""
        await self._publish()
        self._worker.shutdown()

    def _size(self, published: int) -> int:
        with contextlib.suppress(CreditError):
            return self.log.store.size()
        return published

    async def _publish(self) -> int:
        """Publish once and give the size that is under a checkpoint; an error is logged and tried again."""
        loop = asyncio.get_running_loop()
        try:
            signed = await loop.run_in_executor(self._worker, self.log.publish)
        except CreditError as error:
            LOG.error("checkpoint", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            return 0
        return signed.size if signed else 0

    async def end_abandoned(self) -> None:
        """Append an entry for every query that has no end; at a start this comes before anything new."""
        for one in self.open_queries.expired(self.clock()):
            try:
                await self.committer.commit(partial(append_abandoned, one))
            except CreditError as error:
                LOG.error("abandoned", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
                return
            self.open_queries.forget(one)
