"""What travels for a list beside signed bodies: its job, its sealed rows, calls for a block, and their answers."""

from dataclasses import dataclass
from typing import Generic

from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import BodyT, BoundRows, RosterEntry, Signed


@dataclass(frozen=True)
class JobBegin:
    """A job as every contributor is shown it: the signed query, whose header has rows, and the roster for all of it."""

    query: SignedQuery
    roster: tuple[RosterEntry, ...]


@dataclass(frozen=True, slots=True, repr=False)
class SealedRows:
    """A block of a list, sealed for contributors; `job` is the digest of the signed query."""

    job: bytes
    block: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class ListState:
    """What a node has of a list: a bitmap of the blocks that it misses, and whether it has accepted the whole."""

    missing: bytes
    accepted: bool


@dataclass(frozen=True, slots=True)
class BlockCall:
    """A call for round 1 of a block."""

    job: bytes
    block: int
    attempt: int
    intended: MemberSet


@dataclass(frozen=True, slots=True)
class BlockRelease:
    """A call for round 2 of a block: U, and a bitmap of the rows left out, empty where none is."""

    job: bytes
    ctx: bytes
    members: MemberSet
    left_out: bytes


@dataclass(frozen=True, slots=True, repr=False)
class BlockMessage(Generic[BodyT]):
    """
    A signed message of a block with what its digests stand for.

    `data` is y_i; in round 2 the correction, or the sub-seed "b". `bound` is what the ledger says of the rows, in
    round 1.
    """

    signed: Signed[BodyT]
    data: bytes
    bound: tuple[BoundRows, ...] = ()


def data_digest(ctx: bytes, member: str, data: bytes) -> bytes:
    """Digest the vector or seed of a block that travels beside a signed body, 32 bytes."""
    return transcript_hash(Label.BLOCK_WORDS, ctx, member.encode(), data)


def sealed_digest(sealed: bytes) -> bytes:
    """Digest a sealed block, 32 bytes: part of the exchange that it is asked about in."""
    return transcript_hash(Label.ROWS_SEALED, sealed)
