"""A question is given up soon after the last gateway is lost, and goes on where one comes back in time."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from participants.gateway_client.asking import while_attached

STEP = "participants.gateway_client.asking.STEP_SECONDS"


async def answer(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "answer"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STEP, 0.01)


def test_nothing_is_asked_before_the_node_is_attached() -> None:
    attached, asked = iter([False] * 5 + [True] * 100), []

    async def ask() -> str:
        asked.append(next(attached))
        return await answer(0.02)

    assert asyncio.run(while_attached(ask, lambda: next(attached), patience=0.5)) == "answer"
    assert asked == [True]
    with pytest.raises(CreditError) as caught:
        asyncio.run(while_attached(ask, lambda: False, patience=0.05))
    assert caught.value.code is Code.NOT_ATTACHED
    assert len(asked) == 1


def test_without_a_gateway_it_is_given_up_and_the_call_is_cancelled() -> None:
    cancelled = []

    async def hangs() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def ask() -> None:
        attached = iter([True])
        await while_attached(hangs, lambda: next(attached, False), patience=0.05)

    with pytest.raises(CreditError) as caught:
        asyncio.run(ask())
    assert caught.value.code is Code.NOT_ATTACHED
    assert cancelled == [True]


def test_a_gateway_that_comes_back_in_time_is_waited_for() -> None:
    looks = iter([False, False, True] * 100)
    assert asyncio.run(while_attached(lambda: answer(0.3), lambda: next(looks), patience=0.05)) == "answer"


def test_what_the_question_raises_is_raised() -> None:
    async def refused() -> None:
        raise CreditError(Code.DIFFERENCING)

    with pytest.raises(CreditError) as caught:
        asyncio.run(while_attached(refused, lambda: True))
    assert caught.value.code is Code.DIFFERENCING


def test_a_question_that_is_given_up_before_it_was_asked_leaves_nothing() -> None:
    asked: list[int] = []

    def ask() -> Coroutine[Any, Any, str]:
        asked.append(1)
        return answer(0.0)

    async def scene() -> None:
        task = asyncio.create_task(while_attached(ask, lambda: False, patience=5))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert asked == [], "a coroutine made for it would never be awaited, and warn"
