"""Places for work that steps back: fewer while others are there, a rest after each, and no place given back twice."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gateway.usecases.job_run import BLOCKS_AT_ONCE, BLOCKS_BESIDE, Pace
from gateway.usecases.shared_runs import SharedRuns
from gateway.usecases.slots import Place, Slots


async def takes(slots: Slots) -> Place | None:
    """Take a place if there is one now."""
    try:
        return await asyncio.wait_for(slots.take(), 0.02)
    except TimeoutError:
        return None


def test_there_are_as_many_places_as_there_are_now() -> None:
    async def scene() -> None:
        limit = [1]
        slots = Slots(lambda: limit[0])
        first = await slots.take()
        assert await takes(slots) is None
        waiting = asyncio.create_task(slots.take())
        limit[0] = 2
        assert await waiting is not None, "it is seen without a place having been given back"
        limit[0] = 1
        first.free()
        first.free()
        await asyncio.sleep(0)
        assert await takes(slots) is None, "one of two is left to end, and one given back twice is one"

    asyncio.run(scene())


def test_a_place_rests_before_it_is_taken_again() -> None:
    async def scene() -> None:
        rests: list[float] = []

        def rest(held: float) -> float:
            rests.append(held)
            return 0.1

        slots = Slots(lambda: 1, rest)
        place = await slots.take()
        await asyncio.sleep(0.02)
        place.free()
        assert rests[0] >= 0.02
        assert await takes(slots) is None
        await asyncio.sleep(0.12)
        assert await takes(slots) is not None

    asyncio.run(scene())


def test_a_job_has_one_place_while_somebody_asks_and_a_second_after() -> None:
    async def scene() -> None:
        runs, answer = SharedRuns(), asyncio.Event()

        async def answered() -> bytes:
            await answer.wait()
            return b"answer"

        with ThreadPoolExecutor(1) as worker:
            slots = Pace(worker, quiet=runs.quiet_for).slots()
            asking = asyncio.create_task(runs.share(("lender-a", b"", b""), answered))
            await asyncio.sleep(0)
            assert runs.in_flight == 1
            taken = [await takes(slots) for _ in range(BLOCKS_AT_ONCE)]
            assert sum(one is not None for one in taken) == BLOCKS_BESIDE
            answer.set()
            assert await asking == b"answer"
            assert await takes(slots) is None, "the next question comes soon"
            async with asyncio.timeout(5):
                more = [await slots.take() for _ in range(BLOCKS_AT_ONCE - BLOCKS_BESIDE)]
            assert len(more) == BLOCKS_AT_ONCE - 1

    asyncio.run(scene())
