"""
The group committer: many units of work, one durable commit.

While one batch is being written the next one gathers, so that an idle gateway commits at once and a busy one commits
many units together. There is no fixed wait.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from consortium.errors import Code, CreditError
from gateway.ports import GatewayStore, ResultT, Unit

MAXIMUM_BATCH = 256


@dataclass(frozen=True, slots=True)
class _Waiting:
    unit: Unit[Any]
    done: asyncio.Future[Any]


class GroupCommitter:
    """Writes units in the order in which they were submitted; one for each process and store."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="committer")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start writing; needs a running event loop."""
        self._task = asyncio.create_task(self._write_all(), name="committer")

    async def commit(self, unit: Unit[ResultT]) -> ResultT:
        """Wait until a unit is durable and give its result; raises what the unit raised, or a storage error."""
        if self._task is None or self._task.done():
            raise CreditError(Code.INTERNAL, "the committer is not running")
        waiting: _Waiting = _Waiting(unit, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        result: ResultT = await asyncio.shield(waiting.done)
        return result

    async def stop(self) -> None:
        """Write what was submitted, then stop."""
        if self._task is not None:
            await self._queue.join()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._writer.shutdown()

    async def _write_all(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < MAXIMUM_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write(batch)
            for _ in batch:
                self._queue.task_done()

    async def _write(self, batch: list[_Waiting]) -> None:
        units = [waiting.unit for waiting in batch]
        try:
            loop = asyncio.get_running_loop()
            results: list[Any] = await loop.run_in_executor(self._writer, self._store.transact, units)
        except Exception as error:  # noqa: BLE001  every waiter is told, whatever it was
            results = [error] * len(batch)
        for waiting, result in zip(batch, results, strict=True):
            _settle(waiting.done, result)


def _settle(done: asyncio.Future[Any], result: object) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
