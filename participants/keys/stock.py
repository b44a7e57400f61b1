"""
What pools of ready secrets have in common: a background thread that makes them, and nothing that outlives its process.

What is in stock lives in this process's memory only: never on disk, never in a forked child.
"""

import os
import threading
import weakref
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from consortium.errors import Code, CreditError
from consortium.silent import Silent


class Stock(Silent, ABC):
    """
    A stock that a thread of its own keeps filled; a subclass says what is in it.

    Its own state is read and written under `_changed`, which wakes the thread when it is notified.
    """

    _kind: ClassVar[str]
    """What is in stock, in the plural."""
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self._closed = False
        self._reset()
        _STOCKS.add(self)

    def close(self) -> None:
        """Stop the thread and forget everything; may be called twice."""
        with self._changed:
            self._closed = True
            self._empty()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _empty(self) -> None:
        """Forget all that is in stock, at the beginning too."""

    @abstractmethod
    def _refill(self) -> None:
        """Fill the stock until it is closed, as the thread."""

    def _check_open(self) -> None:
        if self._closed:
            raise CreditError(Code.INTERNAL, f"the pool of {self._kind} is closed")

    def _wake(self) -> None:
        """Have the thread look again; it is started where there is none."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._refill, name=self._kind, daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _reset(self) -> None:
        """Start empty, with a lock that nobody holds and no thread."""
        self._changed = threading.Condition()
        self._thread = None
        self._empty()


_STOCKS: weakref.WeakSet[Stock] = weakref.WeakSet()


def _empty_in_child() -> None:
    for stock in list(_STOCKS):
        stock._reset()  # noqa: SLF001 - the hook belongs to the class


os.register_at_fork(after_in_child=_empty_in_child)
