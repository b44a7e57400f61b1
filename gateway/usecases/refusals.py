"""
The price of being refused: each member has a bucket of refused requests that are logged one by one.

A request that is refused before it is admitted uses no quota, but work and an entry of the log. Beyond the bucket a
member's requests are refused at once, and one entry a minute says how many they were.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from gateway.committer import GroupCommitter
from gateway.ports import GatewayTransaction
from gateway.usecases import entries

SECONDS = 60


@dataclass
class _Bucket:
    """A member's tokens, at most as many as it may use a minute, and when they were counted."""

    tokens: float
    counted_at: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many requests were refused without an entry of their own since a time (Unix seconds)."""

    since: int
    count: int


@dataclass
class Refusals:
    """Token buckets in memory, of this replica alone; `wall` gives Unix seconds, `clock` seconds that only grow."""

    per_minute: int
    committer: GroupCommitter
    wall: Callable[[], int]
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[MemberId, _Bucket] = field(default_factory=dict)
    _dropped: dict[MemberId, Dropped] = field(default_factory=dict)

    def check(self, member: MemberId) -> None:
        """Raise CreditError(QUOTA_EXCEEDED), counting the request as dropped, where the member's bucket is empty."""
        if self._bucket(member).tokens < 1:
            self.drop(member)
            raise CreditError(Code.QUOTA_EXCEEDED, f"{self.per_minute} refused requests a minute")

    def check_own(self, member: MemberId, requester: MemberId) -> None:
        """Raise as `check`, and CreditError(MEMBER_NOT_ACTIVE) where what is asked is in another member's name."""
        self.check(member)
        if requester != member:
            self.drop(member)
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "a request in another member's name")

    def take(self, member: MemberId) -> None:
        """Take a token for a refusal with an entry; requests that overlap may leave a debt."""
        self._bucket(member).tokens -= 1

    def drop(self, member: MemberId) -> None:
        """Count a request that is refused without an entry of its own."""
        known = self._dropped.get(member)
        self._dropped[member] = Dropped(known.since, known.count + 1) if known else Dropped(self.wall(), 1)

    async def write(self, *, everything: bool = False) -> None:
        """Write one entry for each member whose first uncounted drop is a minute old, or for all of them."""
        for member, dropped in list(self._dropped.items()):
            if everything or self.wall() - dropped.since >= SECONDS:
                await self._write(member)

    async def _write(self, member: MemberId) -> None:
        dropped = self._dropped.pop(member)
        entry = entries.dropped(member, dropped.count, dropped.since)

        def append(transaction: GatewayTransaction) -> None:
            transaction.append(entry)

        try:
            await self.committer.commit(append)
        except CreditError:
            later = self._dropped.get(member, Dropped(0, 0))
            self._dropped[member] = Dropped(dropped.since, dropped.count + later.count)
            raise

    def _bucket(self, member: MemberId) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.setdefault(member, _Bucket(self.per_minute, now))
        refilled = bucket.tokens + (now - bucket.counted_at) * self.per_minute / SECONDS
        bucket.tokens, bucket.counted_at = min(self.per_minute, refilled), now
        return bucket
