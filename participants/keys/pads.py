"""
The pool of ready pads: what makes a travel table take a millisecond at the time of a query instead of forty.

A background thread keeps a bounded number of them ready, each from fresh randomness of its own. It works in quiet
moments, and at once only where few are left: a pad takes a core for forty milliseconds that the query at hand may need.
Pads live in this process's memory only: never on disk, never in a forked child.
"""

import os
import secrets
import threading
import time
import weakref
from collections import deque
from types import TracebackType
from typing import Self

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.silent import Silent
from consortium.travel.oblivious import Pad, cell_elements

DEFAULT_READY = 48
"""About 8 KiB each at 1,024 cells."""
QUIET_SECONDS = 0.3
"""So long after the last one was taken the stock is filled up."""


class PadPool(Silent):
    """
    Gives each pad to one caller only, across threads and forks.

    Pads are kept for one number of cells, that of the last call: another rulebook may have another. `rng` must be fresh
    in every process.
    """

    def __init__(self, *, ready: int = DEFAULT_READY, rng: Randomness = secrets.token_bytes) -> None:
        self._ready_maximum = ready
        self._rng = rng
        self._closed = False
        self._reset()
        _POOLS.add(self)

    def take(self, cells: int) -> Pad:
        """Give a pad that nobody else gets: a ready one, or one made on the spot. Raises INTERNAL after `close`."""
        with self._changed:
            self._turn_to(cells)
            self._taken_at = time.monotonic()
            if self._ready:
                return self._ready.popleft()
        return Pad.make(cells, self._rng)

    def prepare(self, cells: int) -> None:
        """Start filling the stock for so many cells."""
        with self._changed:
            self._turn_to(cells)

    def ready(self) -> int:
        """Count the pads in stock."""
        with self._changed:
            return len(self._ready)

    def close(self) -> None:
        """Stop the thread and forget everything; may be called twice."""
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reset(self) -> None:
        """Start empty, with a lock that nobody holds and no thread."""
        self._changed = threading.Condition()
        self._ready: deque[Pad] = deque()
        self._cells = 0
        self._taken_at = float("-inf")
        self._thread: threading.Thread | None = None

    def _turn_to(self, cells: int) -> None:
        if self._closed:
            raise CreditError(Code.INTERNAL, "the pool of pads is closed")
        if cells != self._cells:
            self._ready.clear()
            self._cells = cells
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._refill, name="pads", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _refill(self) -> None:
        while cells := self._next_needed():
            cell_elements(cells)  # shared by all of them; the first call takes as long as a pad
            pad = Pad.make(cells, self._rng)
            with self._changed:
                if not self._closed and cells == self._cells:
                    self._ready.append(pad)

    def _next_needed(self) -> int:
        """Wait until a pad is to be made; gives for how many cells, 0 when the pool is closed."""
        with self._changed:
            while not self._closed and (seconds := self._pause()) != 0:
                self._changed.wait(seconds)
            return 0 if self._closed else self._cells

    def _pause(self) -> float | None:
        """Give how long to wait before the next pad is made; None until something changes."""
        if len(self._ready) >= self._ready_maximum:
            return None
        if len(self._ready) < self._ready_maximum / 4:
            return 0
        return max(0.0, self._taken_at + QUIET_SECONDS - time.monotonic())


_POOLS: weakref.WeakSet[PadPool] = weakref.WeakSet()


def _empty_in_child() -> None:
    for pool in list(_POOLS):
        pool._reset()  # noqa: SLF001 - the hook belongs to the class


os.register_at_fork(after_in_child=_empty_in_child)
