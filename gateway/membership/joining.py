"""The door for those without a certificate: who signed a request, when, and that it is served once."""

import time
from collections import OrderedDict
from collections.abc import Callable

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.wire.membership import JoinMethod, JoinRequest, verify_join
from gateway.membership.standing import Standing

REMEMBERED = 100_000
CALLS_A_SECOND = 100.0
BURST = 1000.0
ADDRESSES = 4096


class Joining:
    """Authenticates requests by the identity key of an application or of the rulebook."""

    def __init__(self, standing: Standing, clock: Callable[[], int], skew: Callable[[], int]) -> None:
        self._standing = standing
        self._clock = clock
        self._skew = skew
        self._seen: OrderedDict[tuple[MemberId, bytes], int] = OrderedDict()

    def caller(self, method: JoinMethod, request: JoinRequest) -> MemberId:
        """
        Give who signed a request, which is served once within the clock skew.

        Raises CreditError(MEMBER_NOT_ACTIVE) for a stranger, (SIGNATURE_INVALID), (CLOCK_OFF), (CTX_REPLAYED) for a
        nonce that was used, (OVERLOADED) where too many requests came within the skew.
        """
        key = self._standing.identity_key(request.member)
        verify_join(method, request, key)
        now, skew = self._clock(), self._skew()
        if abs(request.time - now) > skew:
            raise CreditError(Code.CLOCK_OFF, "the request's time")
        self._forget(now - 2 * skew)
        if (request.member, request.nonce) in self._seen:
            raise CreditError(Code.CTX_REPLAYED, "a request is served once")
        if len(self._seen) >= REMEMBERED:
            raise CreditError(Code.OVERLOADED, "too many requests")
        self._seen[request.member, request.nonce] = now
        return request.member

    def _forget(self, before: int) -> None:
        while self._seen and next(iter(self._seen.values())) < before:
            self._seen.popitem(last=False)


class Pace:
    """How fast one address may call; a token bucket each, the ones idle longest are forgotten."""

    def __init__(self, rate: float = CALLS_A_SECOND, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count a call; raises CreditError(OVERLOADED) for one too many."""
        now = time.monotonic()
        tokens, since = self._buckets.pop(address, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        self._buckets[address] = (max(tokens - 1.0, 0.0), now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        if tokens < 1.0:
            raise CreditError(Code.OVERLOADED, "calls from this address")
