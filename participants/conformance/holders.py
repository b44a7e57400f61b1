"""
Key holders of the made-up consortium: a published OPRF key, shared 2 of 3, in this process.

Everybody knows this key. It is for known answers only and has nothing to do with any consortium's key.
"""

from dataclasses import dataclass, field

from consortium.custody import Answered, KeyHolder
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.oprf.sharing import KeyShare, ThresholdKey
from participants.lender.protect import LendersSecrets
from participants.lender.tokenise import HolderLink, HolderSession, SentRequest, Tokeniser, unalarmed

KEY, SLOPE = 0x636F6E666F726D616E6365, 0x7075626C6973686564
SECRETS = LendersSecrets(
    1, b"published-pre-hash-secret-32byte", b"published-tag-key-32-bytes-long.", 1, b"published-sealing-key-of-32-byte"
)
QUOTA = 10_000


@dataclass(frozen=True, slots=True)
class _OneMember:
    member: MemberId
    key: bytes

    def identity_key(self, member: MemberId) -> bytes:
        """Give the one member's key; CreditError(MEMBER_NOT_ACTIVE) for anybody else."""
        if member != self.member:
            raise CreditError(Code.MEMBER_NOT_ACTIVE)
        return self.key

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  the port asks for each member
        """Give the quota of all."""
        return QUOTA


@dataclass(slots=True)
class _Ledger:
    answered: Answered | None = None

    def last(self, member: MemberId, generation: int) -> Answered | None:  # noqa: ARG002  there is one of each
        """Give the last answer."""
        return self.answered

    def spent(self, member: MemberId) -> int:  # noqa: ARG002
        """Give nothing: a run is far below the quota."""
        return 0

    def commit(self, member: MemberId, generation: int, answered: Answered, elements: int) -> None:  # noqa: ARG002
        """Keep the answer."""
        self.answered = answered


@dataclass(slots=True)
class _Journal:
    sent: dict[int, SentRequest] = field(default_factory=dict)

    def last(self, holder: int, generation: int) -> SentRequest | None:  # noqa: ARG002  there is one generation
        """Give the last request."""
        return self.sent.get(holder)

    def record(self, holder: int, generation: int, sent: SentRequest) -> None:  # noqa: ARG002
        """Keep a request."""
        self.sent[holder] = sent


@dataclass(frozen=True, slots=True)
class _Channel:
    holder: KeyHolder
    rng: Randomness

    def evaluate(self, request: bytes) -> bytes:
        """Have a request answered."""
        return self.holder.answer(request, self.rng)


def shares() -> tuple[KeyShare, ...]:
    """Give the three shares of the published key: the values of KEY + SLOPE x at 1, 2 and 3."""
    return tuple(KeyShare(index, KEY + SLOPE * index) for index in (1, 2, 3))


def threshold_key() -> ThresholdKey:
    """Give its share keys."""
    return ThresholdKey(2, tuple(share.key for share in shares()))


def published_tokeniser(member: MemberId, signer: Signer, rng: Randomness) -> Tokeniser:
    """Give a member its way to the holders of the published key."""
    members, journal = _OneMember(member, signer.public), _Journal()
    links = {
        share.holder: HolderLink(
            HolderSession(member, signer, journal, share.holder, SECRETS.generation),
            _Channel(KeyHolder(share, SECRETS.generation, members, _Ledger()), rng),
        )
        for share in shares()
    }
    return Tokeniser(SECRETS, threshold_key(), links, rng, alarm=unalarmed)
