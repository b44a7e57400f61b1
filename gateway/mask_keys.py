"""
The mask keys of the days: published ahead by every node, kept durably, so that who is offline is still in the roster.

The certificates are verified when they arrive; contributors verify them again.
"""

from collections.abc import Iterable
from functools import partial

from consortium.errors import Code, CreditError
from consortium.model.keys import CertifiedKey, KeyType, check_certified_key, check_mask_key, utc_day
from consortium.model.members import MemberId
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import mask_key_from_bytes, mask_key_to_bytes
from gateway.committer import GroupCommitter
from gateway.ports import GatewayTransaction

Kept = dict[MemberId, CertifiedKey]


class MaskKeys:
    """Certified mask keys by UTC day; a replica that misses one asks the store, because another may have got it."""

    def __init__(self, committer: GroupCommitter) -> None:
        self._committer = committer
        self._days: dict[int, Kept] = {}

    async def publish(self, member: MemberId, keys: Iterable[CertifiedKey], rulebook: Rulebook) -> None:
        """Verify and keep a member's keys; raises CERTIFICATE_INVALID or SIGNATURE_INVALID."""
        identity_key = rulebook.active_member(member).identity_key
        for key in keys:
            start = key.certificate.valid_from
            check_certified_key(key, member, KeyType.MASK, identity_key, start)
            check_mask_key(key.key)
            day = utc_day(start)
            await self._committer.commit(partial(_keep, member, day, mask_key_to_bytes(key)))
            self._days.setdefault(day, {})[member] = key

    async def roster(self, rulebook: Rulebook, issued_at: int) -> tuple[RosterEntry, ...]:
        """Give every active lender with its key of the day of issue; raises ROSTER_MISMATCH where one is missing."""
        day = utc_day(issued_at)
        known = self._days.get(day, {})
        if not rulebook.roster_set <= known.keys():
            stored = await self._committer.commit(partial(_stored, day))
            known = self._days[day] = {member: mask_key_from_bytes(raw) for member, raw in stored.items()}
        missing = sorted(rulebook.roster_set - known.keys())
        if missing:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no mask key of the day yet from {', '.join(missing)}")
        return tuple(RosterEntry(member, known[member]) for member in rulebook.roster)

    def forget_before(self, day: int) -> None:
        """Drop the keys of days gone by from memory."""
        for old in [known for known in self._days if known < day]:
            del self._days[old]


def _keep(member: MemberId, day: int, certified: bytes, transaction: GatewayTransaction) -> None:
    transaction.keep_mask_key(member, day, certified)


def _stored(day: int, transaction: GatewayTransaction) -> dict[MemberId, bytes]:
    return transaction.mask_keys(day)
