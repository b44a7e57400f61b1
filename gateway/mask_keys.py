"""
The mask keys of the days: published ahead by every node, kept durably, so that who is offline is still in the roster.

The certificates are verified when they arrive; contributors verify them again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from consortium.errors import CreditError
from consortium.model.keys import CertifiedKey, KeyType, check_certified_key, check_mask_key, utc_day
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import mask_key_from_bytes, mask_key_to_bytes
from gateway.committer import GroupCommitter
from gateway.ports import GatewayTransaction

Settled = Callable[[MemberSet], Awaitable[None]]
LOOK_AGAIN_SECONDS = 1.0
EXCHANGE_SECONDS = 4.0
"""How long a query waits for a node whose identity key was exchanged and which has to certify its mask keys anew."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A mask key, and the identity key that it was verified by."""

    key: CertifiedKey
    identity_key: bytes


async def _at_once(_: MemberSet) -> None:
    """Wait for nobody."""


class MaskKeys:
    """
    Certified mask keys by UTC day; a replica that misses one asks the store, because another may have got it.

    It asks at most once in LOOK_AGAIN_SECONDS; `settled` waits for members that may come with a key after a start.
    """

    def __init__(self, committer: GroupCommitter, settled: Settled = _at_once) -> None:
        self._committer = committer
        self._settled = settled
        self._days: dict[int, dict[MemberId, _Kept]] = {}
        self._looked: dict[int, float] = {}
        self._published = asyncio.Event()

    async def publish(self, member: MemberId, keys: Iterable[CertifiedKey], rulebook: Rulebook) -> None:
        """Verify and keep a member's keys; raises CERTIFICATE_INVALID or SIGNATURE_INVALID."""
        identity_key = rulebook.active_member(member).identity_key
        for key in keys:
            start = key.certificate.valid_from
            check_certified_key(key, member, KeyType.MASK, identity_key, start)
            check_mask_key(key.key)
            day = utc_day(start)
            await self._committer.commit(partial(_keep, member, day, mask_key_to_bytes(key)))
            self._days.setdefault(day, {})[member] = _Kept(key, identity_key)
        self._published.set()

    async def roster(self, rulebook: Rulebook, issued_at: int) -> tuple[RosterEntry, ...]:
        """
        Give every active lender with its key of the day of issue, or without one where it has published none.

        A key counts under the identity key in force only: everybody would refuse the others.
        """
        day = utc_day(issued_at)
        if not rulebook.roster_set <= self._valid(day, rulebook).keys():
            await self._settled(rulebook.roster_set)
            await self._look(day, rulebook)
            await self._exchanged(day, rulebook)
        known = self._valid(day, rulebook)
        return tuple(RosterEntry(member, known.get(member)) for member in rulebook.roster)

    def _valid(self, day: int, rulebook: Rulebook) -> dict[MemberId, CertifiedKey]:
        keys = {member: rulebook.members[member].identity_key for member in rulebook.roster}
        known = self._days.get(day, {})
        return {member: kept.key for member, kept in known.items() if kept.identity_key == keys.get(member)}

    async def _exchanged(self, day: int, rulebook: Rulebook) -> None:
        """Wait for nodes whose identity key has changed since they published: they are about to do it again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(EXCHANGE_SECONDS):
                while (self._days.get(day, {}).keys() & rulebook.roster_set) - self._valid(day, rulebook).keys():
                    self._published.clear()
                    await self._published.wait()

    async def _look(self, day: int, rulebook: Rulebook) -> None:
        """Read the store's keys of a day, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._looked.get(day, -LOOK_AGAIN_SECONDS) < LOOK_AGAIN_SECONDS:
            return
        self._looked[day] = now
        stored = await self._committer.commit(partial(_stored, day))
        known = self._days.setdefault(day, {})
        for member, raw in stored.items():
            found = rulebook.members.get(member)
            if found is not None and (member not in known or known[member].identity_key != found.identity_key):
                with suppress(CreditError):  # one that another replica took under an identity key before this
                    key = mask_key_from_bytes(raw)
                    check_certified_key(key, member, KeyType.MASK, found.identity_key, key.certificate.valid_from)
                    known[member] = _Kept(key, found.identity_key)

    def forget_before(self, day: int) -> None:
        """Drop the keys of days gone by from memory."""
        for days in (self._days, self._looked):
            for old in [known for known in days if known < day]:
                del days[old]


def _keep(member: MemberId, day: int, certified: bytes, transaction: GatewayTransaction) -> None:
    transaction.keep_mask_key(member, day, certified)


def _stored(day: int, transaction: GatewayTransaction) -> dict[MemberId, bytes]:
    return transaction.mask_keys(day)
