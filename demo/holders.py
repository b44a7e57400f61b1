"""Key holders within one process, for the demonstration and the tests: memories that forget, channels without wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consortium.custody import Answered, KeyHolder
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from participants.lender.tokenise import SentRequest


@dataclass(frozen=True, slots=True)
class FixedMembers:
    """Members with their identity keys, all with the same quota."""

    identity_keys: Mapping[MemberId, bytes]
    quota: int

    def identity_key(self, member: MemberId) -> bytes:
        """Give the member's identity key; CreditError(MEMBER_NOT_ACTIVE) for anybody else."""
        try:
            return self.identity_keys[member]
        except KeyError:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "no such member") from None

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  the port asks for each member
        """Give the quota of all."""
        return self.quota


@dataclass(slots=True)
class MemoryLedger:
    """An evaluation ledger that lasts as long as the process, which is one period."""

    answers: dict[tuple[MemberId, int], Answered] = field(default_factory=dict)
    elements: dict[MemberId, int] = field(default_factory=dict)

    def last(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer."""
        return self.answers.get((member, generation))

    def spent(self, member: MemberId) -> int:
        """Give the number of elements evaluated so far."""
        return self.elements.get(member, 0)

    def commit(self, member: MemberId, generation: int, answered: Answered, elements: int) -> None:
        """Record answer and elements; CreditError(COUNTER_GAP) unless the counter follows."""
        last = self.last(member, generation)
        if answered.counter != (last.counter if last else 0) + 1:
            raise CreditError(Code.COUNTER_GAP, "another request came between")
        self.answers[member, generation] = answered
        self.elements[member] = self.spent(member) + elements


@dataclass(slots=True)
class MemoryJournal:
    """A request journal that lasts as long as the process."""

    requests: dict[tuple[int, int], SentRequest] = field(default_factory=dict)

    def last(self, holder: int, generation: int) -> SentRequest | None:
        """Give the last recorded request."""
        return self.requests.get((holder, generation))

    def record(self, holder: int, generation: int, sent: SentRequest) -> None:
        """Record a request."""
        self.requests[holder, generation] = sent


@dataclass(frozen=True, slots=True)
class LocalChannel:
    """The way to a holder in the same process."""

    holder: KeyHolder
    rng: Randomness

    def evaluate(self, request: bytes) -> bytes:
        """Have the request answered."""
        return self.holder.answer(request, self.rng)
