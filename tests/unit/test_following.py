"""What a serving party does where a part of it fails, and where a worker is in a call while it stops."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from consortium.errors import Code, CreditError
from participants import following
from participants.following import resources, run_until

PHONE = "13912345678"


@pytest.mark.parametrize("problem", [ValueError(PHONE), OSError(PHONE), CreditError(Code.STORAGE_FULL), None])
def test_a_part_that_fails_or_ends_is_begun_again_beside_the_others(
    problem: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "AGAIN_SECONDS", 0.001)
    begun: list[str] = []

    async def failing() -> None:
        begun.append("failing")
        if problem is not None:
            raise problem

    async def steady() -> None:
        begun.append("steady")
        await asyncio.Event().wait()

    async def scene() -> None:
        stopping = asyncio.Event()
        running = asyncio.create_task(run_until(stopping, [failing, steady]))
        async with asyncio.timeout(30):
            while begun.count("failing") < 3:
                await asyncio.sleep(0.001)
        stopping.set()
        await running

    asyncio.run(scene())
    assert begun.count("steady") == 1
    told = [record for record in caplog.records if record.message == "part-failed"]
    assert len(told) >= 2
    assert PHONE not in "".join(str(vars(record)) for record in told)


def test_a_worker_that_waits_for_the_loop_while_it_is_closed_gets_what_it_waits_for() -> None:
    async def main() -> bool:
        answered = threading.Event()
        async with resources() as stack:
            worker = stack.enter_context(ThreadPoolExecutor(1))
            waiting = worker.submit(answered.wait, 10)
            asyncio.get_running_loop().call_later(0.05, answered.set)
        return waiting.result()

    assert asyncio.run(main())
