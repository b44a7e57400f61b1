"""What a serving party does where a part of it fails, and where a worker is in a call while it stops."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from consortium.errors import Code, CreditError
from participants.following import resources, run_until
from tests.support.codes import refused


async def for_ever() -> None:
    await asyncio.Event().wait()


async def failing(error: Exception) -> None:
    raise error


async def until_stopped(*errors: Exception) -> None:
    stopping = asyncio.Event()
    if not errors:
        asyncio.get_running_loop().call_soon(stopping.set)
    await run_until(stopping, [for_ever(), *map(failing, errors)])


def test_a_part_that_fails_ends_the_party_and_says_nothing_but_its_type() -> None:
    with pytest.raises(CreditError) as caught:
        asyncio.run(until_stopped(ValueError("13912345678")))
    assert (caught.value.code, caught.value.cause) == (Code.INTERNAL, "ValueError")


def test_a_part_that_fails_with_a_code_ends_the_party_with_it() -> None:
    with refused(Code.STORAGE_FULL):
        asyncio.run(until_stopped(CreditError(Code.STORAGE_FULL)))


def test_parts_that_are_ended_are_no_failure() -> None:
    asyncio.run(until_stopped())


def test_a_worker_that_waits_for_the_loop_while_it_is_closed_gets_what_it_waits_for() -> None:
    async def main() -> bool:
        answered = threading.Event()
        async with resources() as stack:
            worker = stack.enter_context(ThreadPoolExecutor(1))
            waiting = worker.submit(answered.wait, 10)
            asyncio.get_running_loop().call_later(0.05, answered.set)
        return waiting.result()

    assert asyncio.run(main())
