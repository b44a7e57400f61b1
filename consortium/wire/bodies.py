"""What lies beside entries of the log, to and from protobuf."""

from dataclasses import dataclass

from consortium.model.bodies import EntryBody
from consortium.wire.queries import signed_query_from_proto, signed_query_to_proto
from consortium.wire.reading import MAXIMUM_MEMBERS, SIGNATURE_BYTES, exact, malformed, parse, serialise, unsigned
from consortium.wire.rounds import (
    roster_from_proto,
    roster_to_proto,
    signed_body_to_proto,
    signed_round1_from_proto,
    signed_round2_from_proto,
)
from protos.credit.v1 import transparency_pb2 as pb

MAXIMUM_BODIES = 1024


@dataclass(frozen=True, slots=True, repr=False)
class StoredBody:
    """An entry's body as it is handed out: its bytes, or the index of the entry that says why it was erased."""

    index: int
    content: bytes
    erased_by: int | None = None


def entry_body_to_bytes(body: EntryBody) -> bytes:
    """Serialise a body."""
    return serialise(
        pb.EntryBody(
            query=signed_query_to_proto(body.query) if body.query else None,
            roster=roster_to_proto(body.roster),
            round1=[signed_body_to_proto(signed) for signed in body.round1],
            round2=[signed_body_to_proto(signed) for signed in body.round2],
            product=body.product,
            block=body.block,
            receipt=body.receipt,
        )
    )


def with_receipt(body: bytes, signature: bytes) -> bytes:
    """Add the receipt's signature to a serialised body that has none; it is the last field, so its bytes follow."""
    return body + serialise(pb.EntryBody(receipt=signature))


def entry_body_from_bytes(raw: bytes) -> EntryBody:
    """Parse a body; raises CreditError(MALFORMED). Nothing is verified yet."""
    message = parse(pb.EntryBody, raw)
    if max(len(message.round1), len(message.round2)) > MAXIMUM_MEMBERS:
        raise malformed("messages")
    return EntryBody(
        query=signed_query_from_proto(message.query) if message.HasField("query") else None,
        roster=roster_from_proto(message.roster) if message.roster else (),
        round1=tuple(signed_round1_from_proto(item) for item in message.round1),
        round2=tuple(signed_round2_from_proto(item) for item in message.round2),
        product=message.product,
        block=unsigned(message.block, "block"),
        receipt=exact(message.receipt, SIGNATURE_BYTES, "receipt") if message.receipt else b"",
    )


def stored_body_to_proto(body: StoredBody) -> pb.Body:
    """Write a body as it is handed out."""
    return pb.Body(index=body.index, content=body.content, erased_by=body.erased_by)


def stored_bodies_from_proto(response: pb.GetBodiesResponse) -> list[StoredBody]:
    """Read a page; raises CreditError(MALFORMED)."""
    if len(response.bodies) > MAXIMUM_BODIES:
        raise malformed("bodies")
    return [
        StoredBody(
            unsigned(body.index, "index"),
            body.content,
            unsigned(body.erased_by, "erased_by") if body.HasField("erased_by") else None,
        )
        for body in response.bodies
    ]
