"""What every party that serves does: works side by side until it is to stop, and the rulebook followed meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, TypeAlias

from consortium.errors import Code, CreditError
from participants.gateway_client.channel import Tls
from participants.gateway_client.rulebook import watch_rulebooks
from participants.membership.lookout import Lookout
from participants.rulebooks import TrustedRulebooks

LOG = logging.getLogger("participants.rulebook")
AGAIN_SECONDS = 5.0
Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""A part that works for ever."""


@asynccontextmanager
async def resources() -> AsyncIterator[ExitStack]:
    """Keep what a party has open; closed in a thread, so that a worker's last call holds up nothing in the loop."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        await asyncio.to_thread(stack.close)


async def run_until(stopping: asyncio.Event, works: Iterable[Work], started: asyncio.Event | None = None) -> None:
    """
    Run works side by side until `stopping` is set, and then end them; `started` is set once they run.

    A work that fails or ends is logged and begun again after AGAIN_SECONDS: nobody is half there for good, and what one
    disk, file or peer does ends nobody.
    """
    tasks = [asyncio.create_task(_again_and_again(work)) for work in works]
    try:
        if started:
            started.set()
        await stopping.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again_and_again(work: Work) -> None:
    while True:
        cause, code = "it ended", Code.INTERNAL
        try:
            await work()
        except CreditError as error:
            cause, code = error.cause, error.code
        except Exception as error:  # noqa: BLE001  the border: of an unforeseen error the log gets the type alone
            cause = type(error).__name__
        LOG.error("part-failed", extra={"code": code, "cause": cause})
        await asyncio.sleep(AGAIN_SECONDS)


async def follow_rulebooks(
    rulebooks: TrustedRulebooks,
    address: str,
    tls: Callable[[], Tls],
    lookout: Lookout | None,
    changed: Callable[[], Awaitable[None]],
) -> None:
    """
    Take every version that a gateway gives out, until cancelled.

    `changed` is awaited after each; what it raises as a CreditError is the version's refusal, like that of a version
    that does not verify, and the lookout is told.
    """
    async for signed in watch_rulebooks(address, tls, lambda: rulebooks.version):
        try:
            if rulebooks.take(signed):
                await changed()
        except CreditError as error:
            LOG.error("rulebook-refused", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            if lookout is not None:
                lookout.refused(signed, error)
