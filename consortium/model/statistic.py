"""A statistic as it is asked for: a signed header without any person, and the exchange that it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from consortium.hashing import transcript_hash, uint
from consortium.labels import Label
from consortium.model.keys import CertifiedKey
from consortium.model.members import MemberId, MemberSet, encode_members
from consortium.model.rounds import RosterEntry

STATISTIC_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class StatisticHeader:
    """
    What is asked: the id of a template of the rulebook; times are Unix seconds, digests 32 bytes.

    Data are those of the last second before the UTC day of `issued_at`, so that all contributors look at one moment.
    """

    statistic_id: bytes
    requester: MemberId
    template: str
    query_key_digest: bytes
    issued_at: int
    expires_at: int
    nonce: bytes
    rulebook_digest: bytes
    list_mark: bytes = b""
    """Of a total over a list: what its contributors know the list by, 32 bytes; see `list_mark`."""


def list_mark(nonce: bytes, tags_digest: bytes) -> bytes:
    """Name a list for one statistic: whoever has it finds it, and two statistics over it do not look alike."""
    return transcript_hash(Label.STATISTIC_LIST, nonce, tags_digest)


@dataclass(frozen=True)
class SignedStatistic:
    """A parsed header with the exact bytes that its requester signed, and the ephemeral key that the header names."""

    header: StatisticHeader
    raw_header: bytes
    signature: bytes
    query_key: CertifiedKey

    @cached_property
    def digest(self) -> bytes:
        """The digest of the signed statistic: what an exchange is about."""
        return transcript_hash(Label.STATISTIC, self.raw_header, self.signature)


@dataclass(frozen=True)
class StatisticRequest:
    """What the gateway sends to every contributor alike; attempts count from 1."""

    statistic: SignedStatistic
    roster: tuple[RosterEntry, ...]
    attempt: int
    intended: MemberSet

    @cached_property
    def ctx(self) -> bytes:
        """The exchange that this request opens, 32 bytes."""
        return statistic_ctx(self.statistic, self.roster, self.attempt, self.intended)


def statistic_ctx(
    statistic: SignedStatistic, roster: Sequence[RosterEntry], attempt: int, intended: MemberSet
) -> bytes:
    """Hash all that an exchange depends on; two that differ in anything share no mask and no noise."""
    keys = [entry.mask_key.digest if entry.mask_key else b"" for entry in roster]
    members = [field for entry, key in zip(roster, keys, strict=True) for field in (entry.member.encode(), key)]
    return transcript_hash(
        Label.STATISTIC_CTX,
        statistic.digest,
        transcript_hash(Label.ROSTER, *members),
        uint(attempt),
        encode_members(intended),
        statistic.header.rulebook_digest,
    )
