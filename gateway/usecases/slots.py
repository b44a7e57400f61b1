"""Places for work that steps back: how many there are is asked anew, and a place may rest before it is taken again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

LOOK_SECONDS = 0.2


@dataclass(eq=False)
class Place:
    """One place that was taken; `waited` is for whoever has it to count in."""

    give_back: Callable[[float], None]
    taken_at: float
    waited: float = 0.0
    _held: bool = field(default=True, init=False)

    def free(self) -> None:
        """Give it back; once more does nothing."""
        if self._held:
            self._held = False
            self.give_back(asyncio.get_running_loop().time() - self.taken_at)


class Slots:
    """Places of one loop: `limit` of them now, at least one; `rest` gives how long one that was held so long rests."""

    def __init__(self, limit: Callable[[], int], rest: Callable[[float], float] = lambda _: 0.0) -> None:
        """Begin with all of them free."""
        self._limit, self._rest = limit, rest
        self._taken = 0
        self._freed = asyncio.Event()

    async def take(self) -> Place:
        """Wait for a place and take it."""
        while self._taken >= self._limit():
            self._freed.clear()
            with suppress(TimeoutError):  # there may be more places without one having been given back
                await asyncio.wait_for(self._freed.wait(), LOOK_SECONDS)
        self._taken += 1
        return Place(self._give_back, asyncio.get_running_loop().time())

    def _give_back(self, held: float) -> None:
        asyncio.get_running_loop().call_later(self._rest(held), self._free)

    def _free(self) -> None:
        self._taken -= 1
        self._freed.set()
