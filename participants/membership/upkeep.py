"""
Membership of a serving process: it follows the board, opens new secrets, and renews its certificate at half life.

All of it runs in one thread of its own, again and again; a gateway that is away is tried again, and nothing that is
served waits for it. A folder without `member.toml` has none of this.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from consortium.errors import Code, CreditError
from participants.gateway_client.channel import Tls
from participants.membership.folder import FILE_NAME, MemberFolder
from participants.membership.lookout import Lookout
from participants.membership.member import Membership
from participants.rulebooks import TrustedRulebooks

LOG = logging.getLogger("participants.membership")
PERIOD_SECONDS = 1.0
JITTER = 0.1
_LATER = frozenset({Code.UNREACHABLE, Code.DEADLINE, Code.OVERLOADED, Code.DRAINING, Code.MEMBER_NOT_ACTIVE})


@dataclass
class Upkeep:
    """The membership of one process; `tls` gives the newest certificate at any time, from any thread."""

    party: Membership
    worker: Executor
    on_renewed: list[Callable[[], None]] = field(default_factory=list)
    works: list[Callable[[Membership], None]] = field(default_factory=list)
    """What else is done in each round, in the same thread, whether or not the gateway could be reached."""
    _tls: Tls | None = None
    _renew_at: float = 0.0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def begin(cls, folder: Path, stack: ExitStack) -> "Upkeep | None":
        """
        Open the membership of a folder and bring it up to date; None for a folder without one.

        A gateway that cannot be reached stops nobody who has what it needs to start.
        """
        if not (folder / FILE_NAME).exists():
            return None
        party = stack.enter_context(closing(Membership(MemberFolder(folder))))
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="membership"))
        upkeep = cls(party, worker)
        await upkeep._in_thread(upkeep.once)
        return upkeep

    def tls(self) -> Tls:
        """Give certificate, key and CA; raises CreditError(SETTINGS_INVALID) where there is no certificate yet."""
        if self._tls is None:
            self._tls = self.party.tls()
        return self._tls

    async def run(self, on_rulebook: Callable[[], None]) -> None:
        """Work for ever; `on_rulebook` is called in the loop after each round, to take what is new."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), PERIOD_SECONDS * (1 + secrets.randbelow(200) / 1000))
            self._wake.clear()
            if await self._in_thread(self.once):
                for renewed in self.on_renewed:
                    renewed()
            try:
                on_rulebook()
            except CreditError as error:  # a full disk, say: the next round tries again
                LOG.error("membership", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400

    def lookout(self, rulebooks: TrustedRulebooks) -> Lookout:
        """Begin to hold the rulebooks that a process serves by to what the board says of them."""
        folder, clock = self.party.folder, lambda: self.party.now
        found = Lookout(rulebooks, self.party.board, folder.member, folder.folder, clock)
        found.begin()
        return found

    def hurry(self) -> None:
        """Do the next round at once: something on the board is needed now."""
        self._wake.set()

    def once(self) -> bool:
        """Do one round; gives whether the certificate was renewed."""
        renewed = False
        try:
            self.party.follow()
            renewed = self._renew()
            self.party.sync()
            self.party.tell_sighting()
        except CreditError as error:
            level = logging.INFO if error.code in _LATER else logging.ERROR
            LOG.log(level, "membership", extra={"code": error.code, "cause": error.cause})
        except OSError as error:  # nothing of the disk's may end what keeps us a member
            LOG.error("membership", extra={"code": Code.STORAGE_BROKEN, "cause": type(error).__name__})  # noqa: TRY400
        for work in self.works:
            work(self.party)
        return renewed

    def _renew(self) -> bool:
        """Get a new certificate once half the life of the one in use is over, a little earlier or later."""
        starts, ends = self.party.certificate_ends()
        if not self._renew_at:
            spread = (secrets.randbelow(2001) - 1000) / 1000 * JITTER
            self._renew_at = starts + (ends - starts) * (0.5 + spread)
        if self.party.now < self._renew_at and not self.party.complete_rotations():
            return False
        self.party.certify()
        self._tls, self._renew_at = self.party.tls(), 0.0
        LOG.info("certificate", extra={"until": self.party.certificate_ends()[1]})
        return True

    async def _in_thread(self, work: Callable[[], bool]) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self.worker, work)
