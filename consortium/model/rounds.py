"""The messages of the two rounds, as every party holds them once they are parsed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Generic, TypeVar

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash, uint
from consortium.labels import Label
from consortium.model.keys import CertifiedKey
from consortium.model.members import MemberId, MemberSet, encode_members
from consortium.model.query import SignedQuery
from consortium.oprf.elements import EvaluatedElement

MAXIMUM_ATTEMPTS = 3

BodyT = TypeVar("BodyT")


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """
    A member of the roster, with its mask key of the day of issue; None where it has published none.

    Without a key nobody shares a mask with it, so it is outside L, like a member that is not attached.
    """

    member: MemberId
    mask_key: CertifiedKey | None


@dataclass(frozen=True)
class Round1Request:
    """What the gateway sends to every contributor alike."""

    query: SignedQuery
    roster: tuple[RosterEntry, ...]
    attempt: int
    intended: MemberSet
    block: int = 0

    @cached_property
    def ctx(self) -> bytes:
        """The exchange that this request opens, 32 bytes."""
        return exchange_ctx(self.query, self.roster, self.attempt, self.intended, self.block)


@dataclass(frozen=True)
class BlockRequest:
    """What the gateway asks of every contributor alike for a block of a list; `rows` is the sealed rows' digest."""

    query: SignedQuery
    roster: tuple[RosterEntry, ...]
    attempt: int
    intended: MemberSet
    block: int
    rows: bytes

    @cached_property
    def ctx(self) -> bytes:
        """The exchange that this request opens, 32 bytes."""
        return exchange_ctx(self.query, self.roster, self.attempt, self.intended, self.block, self.rows)


def exchange_ctx(
    query: SignedQuery,
    roster: Sequence[RosterEntry],
    attempt: int,
    intended: MemberSet,
    block: int,
    rows: bytes = b"",
) -> bytes:
    """
    Hash all that an exchange depends on; two exchanges that differ in anything share no mask.

    `rows` is the digest of a block's sealed rows, under a label of its own; empty for one person.
    """
    members = [field for entry in roster for field in (entry.member.encode(), _key_digest(entry))]
    return transcript_hash(
        Label.BLOCK_CTX if rows else Label.CTX,
        query.digest,
        transcript_hash(Label.ROSTER, *members),
        uint(attempt),
        encode_members(intended),
        query.header.rulebook_digest,
        uint(block),
        *([rows] if rows else []),
    )


def _key_digest(entry: RosterEntry) -> bytes:
    return entry.mask_key.digest if entry.mask_key else b""


def members_with_keys(roster: Sequence[RosterEntry]) -> tuple[MemberId, ...]:
    """Give the members that have a mask key of the day, in the roster's order: only they share masks and digests."""
    return tuple(entry.member for entry in roster if entry.mask_key)


class BoundState(IntEnum):
    """What a ledger says about a subject; the values are those of the wire."""

    NONE = 1
    SET = 2
    CONFLICT = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """The answering set that a ledger has bound for a query's tags, if any."""

    state: BoundState
    members: MemberSet = frozenset()


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """
    What a signed body says to the gateway alone: the message's counter, and in round 1 what the ledger has bound.

    The body carries the salted digest only, because the body goes on to the requester, and there a binding would show
    that somebody asked about the person before, and counters how much others ask. Of a block `rows` is the digest of
    what is bound of its rows (`bound_digest`), and `bound` says nothing.
    """

    salt: bytes
    bound: Bound
    counter: int
    rows: bytes = b""

    @property
    def digest(self) -> bytes:
        """What the signed body carries, 32 bytes."""
        state, members = uint(self.bound.state, 1), encode_members(self.bound.members)
        of_rows = [self.rows] if self.rows else []
        return transcript_hash(Label.LEDGER_OPENING, self.salt, state, members, uint(self.counter), *of_rows)


@dataclass(frozen=True, slots=True, repr=False)
class BoundRows:
    """Rows of a block that a ledger has bound to one answering set: a bit each, the first row in the lowest bit."""

    members: MemberSet
    rows: bytes


def bound_digest(bound: Sequence[BoundRows]) -> bytes:
    """Digest what a ledger says of a block's rows, 32 bytes."""
    fields = [field for one in bound for field in (encode_members(one.members), one.rows)]
    return transcript_hash(Label.BLOCK_BOUND, *fields)


def left_out_digest(rows: bytes) -> bytes:
    """Digest the bitmap of the rows that a block leaves out, 32 bytes; nothing where none is."""
    return transcript_hash(Label.BLOCK_LEFT_OUT, rows) if rows else b""


@dataclass(frozen=True, slots=True, repr=False)
class TravelAnswer:
    """A contributor's part of a travel check: E_i, and the digest of the table that travels beside."""

    element: EvaluatedElement
    table_digest: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Round1Body:
    """
    c_i, d_ij for every member with a mask key in the roster's order, commit_i, and the digest of the opening.

    In MASKED_SUM `ciphertext` is y_i itself and `requester_digest` that of the key shared with the requester; of a
    block it is the digest of y_i, which travels beside. `travel` is there where the query has a travel check.
    """

    contributor: MemberId
    ctx: bytes
    ciphertext: bytes
    pair_digests: tuple[bytes, ...]
    commitment: bytes
    opening_digest: bytes
    travel: TravelAnswer | None = None
    requester_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Round2Request:
    """The answering set U of an exchange."""

    ctx: bytes
    members: MemberSet


@dataclass(frozen=True, slots=True, repr=False)
class Round2Body:
    """
    corr_i for U, the roster that U was tested against, and the digest of the opening.

    `travel_correction` is that of the travel check, 8 bytes; empty where the query has none. Of a block `correction` is
    the digest of what travels beside, and `left_out` that of the rows left out.
    """

    contributor: MemberId
    ctx: bytes
    members: MemberSet
    correction: bytes
    tested_roster: MemberSet
    opening_digest: bytes
    travel_correction: bytes = b""
    left_out: bytes = b""


@dataclass(frozen=True, slots=True)
class Signed(Generic[BodyT]):
    """
    A parsed body with the exact bytes that were signed; `opening` is there on the way to the gateway only.

    `table` is what a travel check's digest in the body stands for; it travels beside, and is stored nowhere.
    """

    body: BodyT
    raw: bytes
    signature: bytes
    opening: Opening | None = None
    table: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Transcript:
    """All that the requester needs to check an answer itself; rounds in the order of the sorted set U."""

    roster: tuple[RosterEntry, ...]
    attempt: int
    intended: MemberSet
    members: MemberSet
    block: int
    round1: tuple[Signed[Round1Body], ...]
    round2: tuple[Signed[Round2Body], ...]
    product: bytes


def tables_of(transcript: Transcript) -> tuple[bytes, ...]:
    """Give the tables of a travel check, in the order of U; none where the query has none."""
    tables = tuple(signed.table for signed in transcript.round1)
    return tables if any(tables) else ()


def with_tables(transcript: Transcript, tables: Sequence[bytes]) -> Transcript:
    """Put the tables beside the messages whose digests bind them; raises CreditError(MALFORMED) for another number."""
    if not tables:
        return transcript
    if len(tables) != len(transcript.round1):
        raise CreditError(Code.MALFORMED, "one travel table for each answering member is needed")
    pairs = zip(transcript.round1, tables, strict=True)
    return replace(transcript, round1=tuple(replace(signed, table=table) for signed, table in pairs))


def digests_by_peer(body: Round1Body, roster: Sequence[MemberId]) -> dict[MemberId, bytes]:
    """Name each pair digest by the other member with a key; the caller has checked that there is one for each."""
    others = [member for member in roster if member != body.contributor]
    return dict(zip(others, body.pair_digests, strict=True))
