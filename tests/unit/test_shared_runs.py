"""Equal requests that overlap share one run; what drains takes no new one."""

import asyncio

import pytest

from consortium.errors import Code
from gateway.usecases.shared_runs import SharedRuns
from tests.support.codes import refused

KEY = "lender-a", b"r" * 16, b"d" * 32


def test_equal_requests_share_a_run_and_one_that_goes_away_ends_it_for_nobody() -> None:
    async def scene() -> None:
        runs, begun, go = SharedRuns(), [], asyncio.Event()

        async def answer() -> bytes:
            begun.append(1)
            await go.wait()
            return b"answer"

        asking = [asyncio.create_task(runs.share(KEY, answer)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        await asyncio.sleep(0)
        assert (runs.in_flight, runs.quiet_for()) == (1, 0.0)
        go.set()
        assert await asyncio.gather(*asking[1:]) == [b"answer"] * 2
        await asyncio.sleep(0.01)
        assert (len(begun), runs.in_flight) == (1, 0)
        assert 0 < runs.quiet_for() < 5

    asyncio.run(scene())


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_who_drains_waits_for_what_is_open_and_takes_nothing_new(seconds: float) -> None:
    async def scene() -> None:
        runs = SharedRuns()

        async def answer() -> bytes:
            await asyncio.sleep(0.05)
            return b"answer"

        asking = asyncio.create_task(runs.share(KEY, answer))
        await asyncio.sleep(0)
        await runs.drain(seconds)
        assert asking.done() is bool(seconds)
        with refused(Code.DRAINING):
            await runs.share(KEY, answer)
        assert await asking == b"answer"

    asyncio.run(scene())
