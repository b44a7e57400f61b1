"""
The gateway as a party of key ceremonies: it joins every plan on the board that the rulebook allows.

What it may do with a new share the rulebook decides: it lies beside the present one until a version that approvers
signed pins it. One replica takes part; two would send different messages, which is a proven fault.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

from consortium.ceremony.driver import advance
from consortium.ceremony.transcript import Phase, Transcript
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.wire.membership import DocumentKind, Posted
from gateway.failpoints import failpoint
from gateway.keys import ShareKeeper
from gateway.membership.ceremonies import Ceremonies

LOG = logging.getLogger("gateway.ceremony")
POLL_SECONDS = 0.5
Post = Callable[[Posted, MemberId], Awaitable[int]]


class CeremonyParty:
    """Takes the gateway's part in ceremonies."""

    def __init__(
        self, member: MemberId, signer: Signer, keeper: ShareKeeper, ceremonies: Callable[[], Ceremonies], post: Post
    ) -> None:
        self._member = member
        self._signer = signer
        self._keeper = keeper
        self._ceremonies = ceremonies
        self._post = post
        self._over: set[bytes] = set()

    async def follow(self) -> None:
        """Take part for ever."""
        while True:
            await self.step()
            await asyncio.sleep(POLL_SECONDS)

    async def step(self) -> None:
        """Send what the gateway owes in every ceremony that it is a party of; one that fails is left alone."""
        for transcript in self._ceremonies().transcripts:
            if self._member not in transcript.plan.names or transcript.plan.id in self._over:
                continue
            try:
                await self._step(transcript)
            except CreditError as error:
                if error.code in (Code.CEREMONY_FAULT, Code.CEREMONY_INVALID):
                    self._over.add(transcript.plan.id)
                LOG.error("ceremony-failed", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            except OSError as error:  # no room for a share, say: the next step tries again
                LOG.error("ceremony-failed", extra={"cause": type(error).__name__})  # noqa: TRY400

    async def _step(self, transcript: Transcript) -> None:
        plan, messages = transcript.plan, transcript.messages
        progress = await asyncio.to_thread(
            advance, plan, messages, self._member, self._signer, self._keeper, secrets.token_bytes
        )
        failpoint("ceremony.before-post")
        for message in progress.to_post:
            await self._post(Posted(DocumentKind.CEREMONY_MESSAGE, message), self._member)
        if progress.phase is Phase.DONE and progress.share_kept:
            self._over.add(plan.id)
            LOG.info("ceremony-done", extra={"generation": plan.generation, "revision": plan.revision})
