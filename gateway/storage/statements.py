"""What every part of a gateway's transaction works with: the statements of one batch."""

from collections.abc import Callable
from typing import Any


class Statements:
    """Runs statements in the batch's own transaction: for one row or none, for no rows, for all of them."""

    def __init__(
        self,
        one: Callable[..., tuple[Any, ...] | None],
        run: Callable[..., None],
        every: Callable[..., list[tuple[Any, ...]]],
    ) -> None:
        self._one = one
        self._run = run
        self._every = every
