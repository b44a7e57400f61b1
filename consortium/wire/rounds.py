"""The messages of the two rounds to and from protobuf."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from consortium.errors import Code, CreditError
from consortium.model.members import MemberSet
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    Bound,
    BoundState,
    Opening,
    RosterEntry,
    Round1Body,
    Round1Request,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
    TravelAnswer,
)
from consortium.oprf.elements import EvaluatedElement
from consortium.wire.queries import (
    certified_key_from_proto,
    certified_key_to_proto,
    signed_query_from_proto,
    signed_query_to_proto,
)
from consortium.wire.reading import (
    MAXIMUM_MEMBERS,
    MAXIMUM_MESSAGE_BYTES,
    SIGNATURE_BYTES,
    digest,
    exact,
    int_enum,
    malformed,
    member,
    members,
    parse,
    serialise,
    some,
    unsigned,
)
from protos.credit.v1 import rounds_pb2

BodyT = TypeVar("BodyT", Round1Body, Round2Body)

MAXIMUM_TABLE_BYTES = 1 << 16
TRAVEL_CORRECTION_BYTES = 8


def round1_request_to_bytes(request: Round1Request) -> bytes:
    """Serialise the gateway's call for contributions."""
    return serialise(
        rounds_pb2.Round1Request(
            query=signed_query_to_proto(request.query),
            roster=roster_to_proto(request.roster),
            attempt=request.attempt,
            intended=sorted(request.intended),
            block=request.block,
        )
    )


def round1_request_from_bytes(raw: bytes) -> Round1Request:
    """Parse a call for contributions; raises CreditError(MALFORMED)."""
    message = parse(rounds_pb2.Round1Request, raw)
    return Round1Request(
        query=signed_query_from_proto(message.query),
        roster=roster_from_proto(message.roster),
        attempt=_attempt(message.attempt),
        intended=members(message.intended),
        block=unsigned(message.block, "block"),
    )


def round1_body_to_bytes(body: Round1Body) -> bytes:
    """Serialise what a contributor signs in round 1."""
    return serialise(
        rounds_pb2.Round1Body(
            contributor=body.contributor,
            ctx=body.ctx,
            ciphertext=body.ciphertext,
            pair_digests=body.pair_digests,
            commitment=body.commitment,
            opening_digest=body.opening_digest,
            travel=_travel_to_proto(body.travel) if body.travel else None,
            requester_digest=body.requester_digest,
        )
    )


def round1_body_from_bytes(raw: bytes) -> Round1Body:
    """Parse a round-1 body; raises CreditError(MALFORMED)."""
    message = parse(rounds_pb2.Round1Body, raw)
    return Round1Body(
        contributor=member(message.contributor),
        ctx=digest(message.ctx, "ctx"),
        ciphertext=some(message.ciphertext, "ciphertext"),
        pair_digests=tuple(digest(value, "pair_digests") for value in message.pair_digests[:MAXIMUM_MEMBERS]),
        commitment=digest(message.commitment, "commitment"),
        opening_digest=digest(message.opening_digest, "opening_digest"),
        travel=_travel_from_proto(message.travel) if message.HasField("travel") else None,
        requester_digest=digest(message.requester_digest, "requester_digest") if message.requester_digest else b"",
    )


def round2_request_to_bytes(request: Round2Request) -> bytes:
    """Serialise the answering set."""
    return serialise(rounds_pb2.Round2Request(ctx=request.ctx, members=sorted(request.members)))


def round2_request_from_bytes(raw: bytes) -> Round2Request:
    """Parse an answering set; raises CreditError(MALFORMED)."""
    message = parse(rounds_pb2.Round2Request, raw)
    return Round2Request(ctx=digest(message.ctx, "ctx"), members=_some_members(message.members))


def round2_body_to_bytes(body: Round2Body) -> bytes:
    """Serialise what a contributor signs in round 2."""
    return serialise(
        rounds_pb2.Round2Body(
            contributor=body.contributor,
            ctx=body.ctx,
            members=sorted(body.members),
            correction=body.correction,
            tested_roster=sorted(body.tested_roster),
            opening_digest=body.opening_digest,
            travel_correction=body.travel_correction,
            left_out=body.left_out,
        )
    )


def round2_body_from_bytes(raw: bytes) -> Round2Body:
    """Parse a round-2 body; raises CreditError(MALFORMED)."""
    message = parse(rounds_pb2.Round2Body, raw)
    return Round2Body(
        contributor=member(message.contributor),
        ctx=digest(message.ctx, "ctx"),
        members=_some_members(message.members),
        correction=some(message.correction, "correction"),
        tested_roster=_some_members(message.tested_roster),
        opening_digest=digest(message.opening_digest, "opening_digest"),
        travel_correction=_travel_correction(message.travel_correction),
        left_out=digest(message.left_out, "left_out") if message.left_out else b"",
    )


def signed_body_to_proto(signed: Signed[Round1Body] | Signed[Round2Body]) -> rounds_pb2.SignedBody:
    """Write a signed body with its opening and without its table; its inner bytes are untouched."""
    opening = opening_to_proto(signed.opening) if signed.opening else None
    return rounds_pb2.SignedBody(body=signed.raw, signature=signed.signature, opening=opening)


def signed_body_to_bytes(signed: Signed[Round1Body] | Signed[Round2Body]) -> bytes:
    """Serialise a signed body for the gateway, with the table of a travel check."""
    message = signed_body_to_proto(signed)
    message.travel_table = signed.table
    return serialise(message)


def signed_round1_from_proto(message: rounds_pb2.SignedBody) -> Signed[Round1Body]:
    """Read a signed round-1 body; raises CreditError(MALFORMED)."""
    return _signed(message, round1_body_from_bytes)


def signed_round2_from_proto(message: rounds_pb2.SignedBody) -> Signed[Round2Body]:
    """Read a signed round-2 body; raises CreditError(MALFORMED)."""
    return _signed(message, round2_body_from_bytes)


def signed_round1_from_bytes(raw: bytes) -> Signed[Round1Body]:
    """Parse a signed round-1 body; raises CreditError(MALFORMED)."""
    return signed_round1_from_proto(parse(rounds_pb2.SignedBody, raw))


def signed_round2_from_bytes(raw: bytes) -> Signed[Round2Body]:
    """Parse a signed round-2 body; raises CreditError(MALFORMED)."""
    return signed_round2_from_proto(parse(rounds_pb2.SignedBody, raw))


def transcript_to_bytes(transcript: Transcript) -> bytes:
    """Serialise a transcript for the requester."""
    return serialise(
        rounds_pb2.Transcript(
            roster=roster_to_proto(transcript.roster),
            attempt=transcript.attempt,
            intended=sorted(transcript.intended),
            members=sorted(transcript.members),
            block=transcript.block,
            round1=[_signed_to_proto(signed) for signed in transcript.round1],
            round2=[_signed_to_proto(signed) for signed in transcript.round2],
            product=transcript.product,
        )
    )


def transcript_from_bytes(raw: bytes, most: int = MAXIMUM_MESSAGE_BYTES) -> Transcript:
    """Parse a transcript of at most so many bytes; raises CreditError(MALFORMED). Nothing is verified yet."""
    message = parse(rounds_pb2.Transcript, raw, most)
    return Transcript(
        roster=roster_from_proto(message.roster),
        attempt=_attempt(message.attempt),
        intended=members(message.intended),
        members=_some_members(message.members),
        block=unsigned(message.block, "block"),
        round1=tuple(_signed(item, round1_body_from_bytes) for item in message.round1),
        round2=tuple(_signed(item, round2_body_from_bytes) for item in message.round2),
        product=some(message.product, "product"),
    )


def opening_to_proto(opening: Opening) -> rounds_pb2.Opening:
    """Write an opening."""
    bound = rounds_pb2.Bound(state=f"STATE_{opening.bound.state.name}", members=sorted(opening.bound.members))
    return rounds_pb2.Opening(salt=opening.salt, bound=bound, counter=opening.counter, rows=opening.rows)


def opening_from_proto(message: rounds_pb2.Opening) -> Opening:
    """Read an opening; raises CreditError(MALFORMED)."""
    counter = unsigned(message.counter, "counter")
    rows = digest(message.rows, "rows") if message.rows else b""
    return Opening(digest(message.salt, "salt"), _bound(message.bound), counter, rows)


def _travel_to_proto(travel: TravelAnswer) -> rounds_pb2.TravelAnswer:
    return rounds_pb2.TravelAnswer(element=travel.element.value, table_digest=travel.table_digest)


def _travel_from_proto(message: rounds_pb2.TravelAnswer) -> TravelAnswer:
    return TravelAnswer(EvaluatedElement.decode(message.element), digest(message.table_digest, "table_digest"))


def _travel_correction(value: bytes) -> bytes:
    return exact(value, TRAVEL_CORRECTION_BYTES, "travel_correction") if value else b""


def _attempt(value: int) -> int:
    if not 1 <= value <= MAXIMUM_ATTEMPTS:
        raise CreditError(Code.MALFORMED, "attempt")
    return value


def _some_members(values: Iterable[str]) -> MemberSet:
    found = members(values)
    if not found:
        raise malformed("members")
    return found


def _bound(message: rounds_pb2.Bound) -> Bound:
    bound = Bound(int_enum(BoundState, message.state), members(message.members))
    if bool(bound.members) != (bound.state is BoundState.SET):
        raise malformed("bound")
    return bound


def roster_to_proto(roster: Iterable[RosterEntry]) -> list[rounds_pb2.RosterEntry]:
    """Write a roster."""
    return [
        rounds_pb2.RosterEntry(
            member=entry.member, mask_key=certified_key_to_proto(entry.mask_key) if entry.mask_key else None
        )
        for entry in roster
    ]


def roster_from_proto(messages: Iterable[rounds_pb2.RosterEntry]) -> tuple[RosterEntry, ...]:
    """Read a roster of at least one member; raises CreditError(MALFORMED)."""
    roster = tuple(_roster_entry(item) for item in messages)
    _some_members(entry.member for entry in roster)
    return roster


def _roster_entry(message: rounds_pb2.RosterEntry) -> RosterEntry:
    key = certified_key_from_proto(message.mask_key) if message.HasField("mask_key") else None
    return RosterEntry(message.member, key)


def _signed_to_proto(signed: Signed[Round1Body] | Signed[Round2Body]) -> rounds_pb2.SignedBody:
    """Write a signed body for the requester: without its opening."""
    return rounds_pb2.SignedBody(body=signed.raw, signature=signed.signature)


def _signed(message: rounds_pb2.SignedBody, read: Callable[[bytes], BodyT]) -> Signed[BodyT]:
    return Signed(
        body=read(message.body),
        raw=message.body,
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
        opening=opening_from_proto(message.opening) if message.HasField("opening") else None,
        table=table_from_wire(message.travel_table),
    )


def table_from_wire(value: bytes) -> bytes:
    """Require a table of at most MAXIMUM_TABLE_BYTES, or none."""
    if len(value) > MAXIMUM_TABLE_BYTES:
        raise malformed("travel_table")
    return value
