"""
The pool of ready pads: what makes a travel table take a millisecond at the time of a query instead of forty.

A background thread keeps a bounded number of them ready, each from fresh randomness of its own. It works in quiet
moments, and at once only where few are left: a pad takes a core for forty milliseconds that the query at hand may need.
"""

import secrets
import time
from collections import deque

from consortium.hashing import Randomness
from consortium.travel.oblivious import Pad, cell_elements
from participants.keys.stock import Stock

DEFAULT_READY = 48
"""About 8 KiB each at 1,024 cells."""
QUIET_SECONDS = 0.3
"""So long after the last one was taken the stock is filled up."""


class PadPool(Stock):
    """
    Gives each pad to one caller only, across threads and forks.

    Pads are kept for one number of cells, that of the last call: another rulebook may have another. `rng` must be fresh
    in every process.
    """

    _kind = "pads"

    def __init__(self, *, ready: int = DEFAULT_READY, rng: Randomness = secrets.token_bytes) -> None:
        self._ready_maximum = ready
        self._rng = rng
        super().__init__()

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

    def _empty(self) -> None:
        self._ready: deque[Pad] = deque()
        self._cells = 0
        self._taken_at = float("-inf")

    def _turn_to(self, cells: int) -> None:
        self._check_open()
        if cells != self._cells:
            self._ready.clear()
            self._cells = cells
        self._wake()

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
