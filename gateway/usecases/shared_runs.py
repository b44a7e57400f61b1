"""Requests that are being answered: equal ones that overlap share one run, and a gateway that drains waits for all."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId

Key = tuple[MemberId, bytes, bytes]
"""Who asks, the request's id, and the digest of what is asked."""


class SharedRuns:
    """The runs of one use-case."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: dict[Key, asyncio.Task[bytes]] = {}
        self._draining = False
        self._ended_at = -math.inf

    def quiet_for(self) -> float:
        """Give for how many seconds nothing has been answered or waited for."""
        return 0.0 if self._running else asyncio.get_running_loop().time() - self._ended_at

    @property
    def in_flight(self) -> int:
        """Give how many requests are being answered."""
        return len(self._running)

    async def share(self, key: Key, answer: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """
        Give the answer of the run with this key, begun now where there is none; it goes on if its caller goes away.

        Raises CreditError(DRAINING), and whatever the run raises.
        """
        if self._draining:
            raise CreditError(Code.DRAINING)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(answer())
            task.add_done_callback(partial(self._forget, key))
        return await asyncio.shield(task)

    async def drain(self, seconds: float) -> None:
        """Take no new request and wait at most so long until every open one is answered."""
        self._draining = True
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)

    def _forget(self, key: Key, task: asyncio.Task[bytes]) -> None:
        """Let go of a run that has ended; where the caller has gone away, its outcome is looked at here only."""
        self._running.pop(key, None)
        self._ended_at = asyncio.get_running_loop().time()
        if not task.cancelled():
            task.exception()
