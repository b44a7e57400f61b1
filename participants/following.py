"""What every party that serves does: works side by side until it is to stop, and the rulebook followed meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from consortium.errors import Code, CreditError
from participants.gateway_client.channel import Tls
from participants.gateway_client.rulebook import watch_rulebooks
from participants.membership.lookout import Lookout
from participants.rulebooks import TrustedRulebooks

LOG = logging.getLogger("participants.rulebook")


@asynccontextmanager
async def resources() -> AsyncIterator[ExitStack]:
    """Keep what a party has open; closed in a thread, so that a worker's last call holds up nothing in the loop."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        await asyncio.to_thread(stack.close)


async def run_until(
    stopping: asyncio.Event, works: Iterable[Coroutine[Any, Any, Any]], started: asyncio.Event | None = None
) -> None:
    """
    Run works side by side until `stopping` is set, and then end them; `started` is set once they run.

    A work that fails ends all: a party that is half there is worse than one that whoever supervises it starts anew.
    Raises what that was, as a CreditError.
    """
    failures: list[BaseException] = []

    def ended(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            failures.append(error)
            stopping.set()

    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(ended)
    if started:
        started.set()
    await stopping.wait()
    failed = failures[:1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for error in failed:
        problem = error if isinstance(error, CreditError) else CreditError(Code.INTERNAL, type(error).__name__)
        LOG.critical("failed", extra={"code": problem.code, "cause": problem.cause})
        raise problem


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
