"""The pool of obfuscators: nobody gets one twice, whatever threads and forks do."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from consortium.errors import Code, CreditError
from consortium.hashing import uniform_below
from consortium.sums import blinding
from consortium.sums.paillier import PublicKey, encrypt
from consortium.sums.secret import SecretKey
from participants.keys.obfuscators import ObfuscatorPool
from tests.support.keys import secret_key


@pytest.fixture
def pool() -> Iterator[ObfuscatorPool]:
    with ObfuscatorPool(ready=8, tables=2) as running:
        yield running


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the pool did not get there"
        time.sleep(0.002)


def wait_until_full(pool: ObfuscatorPool, key: PublicKey) -> None:
    wait_until(lambda: pool.ready(key) == 8)


@contextmanager
def held_by_another_thread(lock: threading.Condition) -> Iterator[None]:
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            locked.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    yield
    done.set()


def test_taken_obfuscators_encrypt(test_key: SecretKey, pool: ObfuscatorPool) -> None:
    key = test_key.public_key
    assert [test_key.decrypt(encrypt(key, number, pool.take(key))) for number in range(20)] == list(range(20))


def test_an_empty_pool_makes_one_on_the_spot(test_key: SecretKey) -> None:
    with ObfuscatorPool(ready=0) as pool:
        seeds = {pool.take(test_key.public_key).seed for _ in range(10)}
        assert len(seeds) == 10
        assert pool.ready(test_key.public_key) == 0


def test_the_stock_is_filled_bounded_and_refilled(test_key: SecretKey, pool: ObfuscatorPool) -> None:
    key = test_key.public_key
    pool.prepare(key)
    wait_until_full(pool, key)
    time.sleep(0.05)
    assert pool.ready(key) == 8
    seeds = [pool.take(key).seed for _ in range(5)]
    wait_until_full(pool, key)
    assert len({*seeds, *(pool.take(key).seed for _ in range(8))}) == 13


def test_threads_racing_for_obfuscators_get_different_ones(test_key: SecretKey, pool: ObfuscatorPool) -> None:
    key, start = test_key.public_key, threading.Barrier(6)

    def take_many() -> list[bytes]:
        start.wait()
        return [pool.take(key).seed for _ in range(50)]

    with ThreadPoolExecutor(6) as threads:
        taken = [future.result() for future in [threads.submit(take_many) for _ in range(6)]]
    assert len({seed for seeds in taken for seed in seeds}) == 300


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_holds_nothing_of_its_parent(test_key: SecretKey, pool: ObfuscatorPool) -> None:
    key = test_key.public_key
    pool.prepare(key)
    wait_until_full(pool, key)
    reading, writing = os.pipe()
    with held_by_another_thread(pool._changed):  # must not lock the child out
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            left = pool.ready(key).to_bytes(1, "big")
            os.write(writing, left + b"".join(pool.take(key).seed for _ in range(12)))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert len(answer) == 1 + 12 * 32
    assert answer[0] == 0
    theirs = {answer[place : place + 32] for place in range(1, len(answer), 32)}
    assert len(theirs | {pool.take(key).seed for _ in range(12)}) == 24


def test_the_key_longest_unused_is_forgotten(pool: ObfuscatorPool) -> None:
    first, second, third = (secret_key(name=name).public_key for name in ("first", "second", "third"))
    for key in (first, second):
        pool.prepare(key)
        wait_until_full(pool, key)
    pool.take(first)
    pool.prepare(third)
    wait_until(lambda: pool.ready(third) == 8 and pool.ready(first) == 8)
    assert pool.ready(second) == 0
    assert pool.take(second).public_key == second


def test_closing_stops_the_thread_and_ends_taking(test_key: SecretKey) -> None:
    pool = ObfuscatorPool(ready=4)
    pool.take(test_key.public_key)
    thread = pool._thread
    assert thread is not None
    assert thread.is_alive()
    pool.close()
    pool.close()
    assert not thread.is_alive()
    assert pool.ready(test_key.public_key) == 0
    with pytest.raises(CreditError) as refusal:
        pool.take(test_key.public_key)
    assert refusal.value.code is Code.INTERNAL


def test_a_pool_that_was_never_used_closes() -> None:
    ObfuscatorPool().close()


def test_a_crooked_modulus_does_not_stop_the_others(
    test_key: SecretKey, pool: ObfuscatorPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, crooked = secret_key(name="second").public_key, test_key.public_key
    monkeypatch.setattr(
        blinding, "uniform_below", lambda *a: test_key.phe.p if a[2] == crooked.n else uniform_below(*a)
    )
    with pytest.raises(CreditError) as refusal:
        pool.take(crooked)
    assert refusal.value.code is Code.PUBLIC_KEY_WEAK
    pool.prepare(good)
    wait_until_full(pool, good)


def test_the_pool_does_not_print_what_it_holds(test_key: SecretKey, pool: ObfuscatorPool) -> None:
    pool.take(test_key.public_key)
    assert repr(pool) == str(pool) == f"{pool}" == "<ObfuscatorPool>"
