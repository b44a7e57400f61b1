"""What every party that serves does: works side by side until it is to stop, and the rulebook followed meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from consortium.errors import CreditError
from participants.gateway_client.channel import Tls
from participants.gateway_client.rulebook import watch_rulebooks
from participants.membership.lookout import Lookout
from participants.rulebooks import TrustedRulebooks

LOG = logging.getLogger("participants.rulebook")


async def run_until(
    stopping: asyncio.Event, works: Iterable[Coroutine[Any, Any, Any]], started: asyncio.Event | None = None
) -> None:
    """Run works side by side until `stopping` is set, and then end them; `started` is set once they run."""
    tasks = [asyncio.create_task(work) for work in works]
    if started:
        started.set()
    await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
