"""
Where tasks run: processes of this machine, or a Dask cluster; the same tasks in the same order, and the same results.

A worker that dies costs the tasks that it had: they run again elsewhere, and what was done stays done.
"""

import ipaddress
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from consortium.errors import Code, CreditError
from consortium.silent import Silent

ATTEMPTS = 3
"""How often a task may lose its worker."""
AHEAD = 2
"""Tasks handed out for each worker, so that none waits for the next one."""
NICE = 10
"""Local workers give way to whatever answers queries."""
CONNECT_SECONDS = 10

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class Pending(Silent, Generic[TaskT, ResultT]):
    """A task that was handed out."""

    __slots__ = ("function", "future", "pool", "task")

    def __init__(self, function: Callable[[TaskT], ResultT], task: TaskT) -> None:
        self.function, self.task = function, task
        self.pool: Executor | None = None
        self.future: Future[ResultT] = Future()


class Workers(Silent):
    """Executors, one after another: where one breaks, what it had not done is handed to the next."""

    def __init__(self, make: Callable[[], Executor], count: int) -> None:
        self._make = make
        self._pool: Executor | None = None
        self.ahead = AHEAD * count

    def submit(self, function: Callable[[TaskT], ResultT], task: TaskT) -> Pending[TaskT, ResultT]:
        """Hand a task out; function and task must be picklable."""
        pending = Pending(function, task)
        self._hand_out(pending)
        return pending

    def result(self, pending: Pending[TaskT, ResultT]) -> ResultT:
        """
        Wait for a task's result; raises what its function raised.

        Raises CreditError(WORKERS_LOST) where ATTEMPTS workers died over it, or the cluster is gone.
        """
        for _ in range(ATTEMPTS):
            try:
                return pending.future.result()
            except BrokenExecutor:
                self._renew(pending)
            except CancelledError:
                break
            except Exception as error:
                if type(error).__name__ != "KilledWorker":  # Dask's, which need not be installed
                    raise
                break
        raise CreditError(Code.WORKERS_LOST)

    def in_order(self, function: Callable[[TaskT], ResultT], tasks: Iterable[TaskT]) -> Iterator[ResultT]:
        """Give the result of each task, in order; no more than `ahead` tasks are in memory."""
        waiting: deque[Pending[TaskT, ResultT]] = deque()
        for task in tasks:
            waiting.append(self.submit(function, task))
            if len(waiting) > self.ahead:
                yield self.result(waiting.popleft())
        while waiting:
            yield self.result(waiting.popleft())

    def close(self) -> None:
        """End the executor; what it has not begun is left."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _hand_out(self, pending: Pending[TaskT, ResultT]) -> None:
        for _ in range(ATTEMPTS):
            if self._pool is None:
                self._pool = self._make()
            pending.pool = self._pool
            try:
                pending.future = self._pool.submit(pending.function, pending.task)
            except BrokenExecutor:
                self._drop(self._pool)
            else:
                return
        raise CreditError(Code.WORKERS_LOST)

    def _renew(self, pending: Pending[TaskT, ResultT]) -> None:
        """Hand a task out again, in the executor that has taken the broken one's place."""
        self._drop(pending.pool)
        self._hand_out(pending)

    def _drop(self, broken: Executor | None) -> None:
        if self._pool is broken and broken is not None:
            broken.shutdown(wait=False)
            self._pool = None


@contextmanager
def open_workers(scheduler: str | None = None, processes: int | None = None) -> Iterator[Workers]:
    """
    Open the workers of a Dask scheduler (`tls://HOST:PORT`, or `tcp://` on this machine), or processes of this machine.

    Raises CreditError(SETTINGS_INVALID) for an address of another form, where Dask is not installed or the scheduler
    cannot be reached.
    """
    if scheduler is None:
        count = processes or os.cpu_count() or 1
        workers = Workers(lambda: ProcessPoolExecutor(count, get_context("spawn"), initializer=_begin_worker), count)
        try:
            yield workers
        finally:
            workers.close()
    else:
        with _dask(scheduler) as workers:
            yield workers


def _begin_worker() -> None:
    """Give way to others, and end with whoever started this process: a node that is killed leaves nobody behind."""
    os.nice(NICE)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextmanager
def _dask(scheduler: str) -> Iterator[Workers]:
    _check_address(scheduler)
    try:
        from distributed import Client, Security  # noqa: PLC0415  an extra that only this needs
    except ImportError:
        raise CreditError(Code.SETTINGS_INVALID, "--scheduler needs Dask: install the extra `bulk`") from None
    try:
        security = Security(require_encryption=urlsplit(scheduler).scheme == "tls")  # its files: Dask's configuration
        client = Client(scheduler, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, TypeError, ValueError) as error:  # TypeError: tls:// without a certificate
        cause = f"the scheduler cannot be reached: {type(error).__name__}"
        raise CreditError(Code.SETTINGS_INVALID, cause) from None
    with client:
        count = max(1, sum(client.nthreads().values()))
        # impure: tasks draw randomness, and Dask gives a pure task's result to every task that looks the same
        yield Workers(lambda: client.get_executor(pure=False), count)


def _check_address(scheduler: str) -> None:
    """Refuse what would carry identifiers and the lenders' secrets over a network in clear."""
    found = urlsplit(scheduler)
    if found.scheme not in {"tcp", "tls"} or not found.hostname:
        raise CreditError(Code.SETTINGS_INVALID, "--scheduler: tls://HOST:PORT, or tcp:// on this machine")
    if found.scheme == "tcp" and not _is_here(found.hostname):
        raise CreditError(Code.SETTINGS_INVALID, "--scheduler: tcp:// is for this machine, tls:// for others")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
