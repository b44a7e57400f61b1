"""The pool of pads: each given out once, across threads and forks, and every one used for one table only."""

import copy
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from consortium.errors import Code, CreditError
from consortium.travel.oblivious import Pad, pads_of
from participants.keys.pads import PadPool
from tests.support.codes import refused

CELLS = 4


@pytest.fixture
def pool() -> Iterator[PadPool]:
    with PadPool(ready=6) as running:
        yield running


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_pad_gives_its_key_and_its_cells_pads_once(pool: PadPool) -> None:
    pad = pool.take(CELLS)
    key, pads = pad.take()
    assert pads == pads_of(key, CELLS)
    with refused(Code.PAD_REUSED):
        pad.take()


def test_threads_racing_for_one_pad_leave_one_winner() -> None:
    def won(pad: Pad) -> bool:
        try:
            pad.take()
        except CreditError:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        for pad in [Pad(1, bytes(8)) for _ in range(200)]:
            assert sum(threads.map(won, [pad] * 4)) == 1


@pytest.mark.parametrize("doubled", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_pad_cannot_be_doubled(doubled: Callable[[Pad], object]) -> None:
    with pytest.raises(TypeError):
        doubled(Pad(1, bytes(8)))


def test_the_stock_is_filled_bounded_and_never_gives_one_twice(pool: PadPool) -> None:
    pool.prepare(CELLS)
    wait_until(lambda: pool.ready() == 6)
    time.sleep(0.02)
    assert pool.ready() == 6
    with ThreadPoolExecutor(4) as threads:
        keys = [*threads.map(lambda _: pool.take(CELLS).take()[0], range(40))]
    assert len(set(keys)) == 40
    wait_until(lambda: pool.ready() == 6)


def test_another_rulebooks_cells_begin_a_new_stock(pool: PadPool) -> None:
    pool.prepare(CELLS)
    wait_until(lambda: pool.ready() == 6)
    assert pool.take(9).cells == 9
    wait_until(lambda: pool.ready() == 6)
    assert pool.take(9).cells == 9


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_none_of_its_parents_pads(pool: PadPool) -> None:
    pool.prepare(CELLS)
    wait_until(lambda: pool.ready() == 6)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            left = pool.ready().to_bytes(1, "big")
            os.write(writing, left + b"".join(pool.take(CELLS).take()[0].to_bytes(32, "big") for _ in range(8)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert len(answer) == 1 + 8 * 32
    assert answer[0] == 0
    theirs = {answer[place : place + 32] for place in range(1, len(answer), 32)}
    assert len(theirs | {pool.take(CELLS).take()[0].to_bytes(32, "big") for _ in range(8)}) == 16


def test_closing_stops_the_thread_and_ends_taking() -> None:
    pool = PadPool(ready=2)
    pool.take(CELLS)
    thread = pool._thread
    assert isinstance(thread, threading.Thread)
    pool.close()
    pool.close()
    assert not thread.is_alive()
    with refused(Code.INTERNAL):
        pool.take(CELLS)
    PadPool().close()


def test_nothing_prints(pool: PadPool) -> None:
    pad = pool.take(CELLS)
    assert (repr(pool), repr(pad)) == ("<PadPool>", "<Pad>")
