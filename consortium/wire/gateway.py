"""The messages of the gateway's services to and from protobuf; queries, rounds and transcripts stay opaque bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.model.keys import CertifiedKey
from consortium.model.members import MemberId
from consortium.model.receipts import MessageReceipt, Receipt, Round
from consortium.wire.queries import certified_key_from_proto, certified_key_to_proto
from consortium.wire.reading import (
    DIGEST_BYTES,
    MAXIMUM_MEMBERS,
    SIGNATURE_BYTES,
    digest,
    exact,
    malformed,
    member,
    parse,
    serialise,
    some,
    unsigned,
)
from consortium.wire.rounds import table_from_wire
from consortium.wire.versions import Spoken, spoken_from_proto
from protos.credit.v1 import gateway_pb2, keys_pb2

REQUEST_ID_BYTES = 16
MAXIMUM_MASK_KEYS = 16


@dataclass(frozen=True, slots=True)
class Hello:
    """How a node introduces itself."""

    mask_keys: tuple[CertifiedKey, ...]
    rulebook_digest: bytes
    last_counter: int
    version: str
    spoken: Spoken = field(default_factory=Spoken)
    statistics: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that left the gateway: a serialised transcript with the receipt of its entry, and travel tables."""

    request_id: bytes
    transcript: bytes
    receipt: Receipt
    tables: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedRulebook:
    """A rulebook's exact bytes with its approvers' signatures."""

    document: bytes
    signatures: dict[MemberId, bytes]


def mask_keys_from_proto(keys: Sequence[keys_pb2.CertifiedKey]) -> tuple[CertifiedKey, ...]:
    """Read at most MAXIMUM_MASK_KEYS certified keys; raises CreditError(MALFORMED)."""
    if len(keys) > MAXIMUM_MASK_KEYS:
        raise malformed("mask_keys")
    return tuple(certified_key_from_proto(key) for key in keys)


def mask_key_to_bytes(key: CertifiedKey) -> bytes:
    """Serialise a certified key for storage."""
    return serialise(certified_key_to_proto(key))


def mask_key_from_bytes(raw: bytes) -> CertifiedKey:
    """Parse a stored certified key."""
    return certified_key_from_proto(parse(keys_pb2.CertifiedKey, raw))


def hello_to_proto(hello: Hello) -> gateway_pb2.Hello:
    """Write a hello."""
    return gateway_pb2.Hello(
        mask_keys=[certified_key_to_proto(key) for key in hello.mask_keys],
        rulebook_digest=hello.rulebook_digest,
        last_counter=hello.last_counter,
        version=hello.version,
        protocol=hello.spoken.newest,
        oldest_protocol=hello.spoken.oldest,
        statistics=hello.statistics,
    )


def hello_from_proto(message: gateway_pb2.Hello) -> Hello:
    """Read a hello; raises CreditError(MALFORMED)."""
    return Hello(
        mask_keys=mask_keys_from_proto(message.mask_keys),
        rulebook_digest=digest(message.rulebook_digest, "rulebook_digest"),
        last_counter=unsigned(message.last_counter, "last_counter"),
        version=message.version[:64],
        spoken=spoken_from_proto(message.oldest_protocol, message.protocol),
        statistics=message.statistics,
    )


def receipt_to_proto(receipt: Receipt) -> gateway_pb2.Receipt:
    """Write a receipt."""
    return gateway_pb2.Receipt(
        index=receipt.index, leaf_hash=receipt.leaf_hash, time_ms=receipt.time_ms, signature=receipt.signature
    )


def receipt_from_proto(message: gateway_pb2.Receipt) -> Receipt:
    """Read a receipt; raises CreditError(MALFORMED)."""
    return Receipt(
        index=unsigned(message.index, "index"),
        leaf_hash=exact(message.leaf_hash, DIGEST_BYTES, "leaf_hash"),
        time_ms=unsigned(message.time_ms, "time_ms"),
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
    )


def answered_to_bytes(answered: Answered) -> bytes:
    """Serialise an AskResponse; these bytes are stored for repeats."""
    return serialise(
        gateway_pb2.AskResponse(
            request_id=answered.request_id,
            transcript=answered.transcript,
            receipt=receipt_to_proto(answered.receipt),
            travel_tables=answered.tables,
        )
    )


def answered_from_bytes(raw: bytes, most: int) -> Answered:
    """Parse a serialised AskResponse of at most so many bytes; raises CreditError(MALFORMED)."""
    return answered_from_proto(parse(gateway_pb2.AskResponse, raw, most))


def answered_from_proto(message: gateway_pb2.AskResponse) -> Answered:
    """Read an AskResponse; raises CreditError(MALFORMED)."""
    return Answered(
        request_id=exact(message.request_id, REQUEST_ID_BYTES, "request_id"),
        transcript=some(message.transcript, "transcript"),
        receipt=receipt_from_proto(message.receipt),
        tables=tuple(table_from_wire(table) for table in message.travel_tables[:MAXIMUM_MEMBERS]),
    )


def signed_rulebook_to_proto(rulebook: SignedRulebook) -> gateway_pb2.SignedRulebook:
    """Write a rulebook with its signatures."""
    return gateway_pb2.SignedRulebook(document=rulebook.document, signatures=rulebook.signatures)


def signed_rulebook_from_proto(message: gateway_pb2.SignedRulebook) -> SignedRulebook:
    """Read a rulebook; raises CreditError(MALFORMED). Nothing is verified yet."""
    signatures = {
        member(name): exact(value, SIGNATURE_BYTES, "signature") for name, value in message.signatures.items()
    }
    return SignedRulebook(some(message.document, "document"), signatures)


def refusal_from_proto(message: gateway_pb2.Refusal) -> CreditError:
    """Read a refusal; an unknown code becomes INTERNAL."""
    code = Code(message.code) if message.code in Code.__members__ else Code.INTERNAL
    return CreditError(code, message.cause[:200])


def refusal_to_proto(error: CreditError) -> gateway_pb2.Refusal:
    """Write a refusal."""
    return gateway_pb2.Refusal(code=error.code, cause=error.cause)


def message_receipt_to_bytes(receipt: MessageReceipt) -> bytes:
    """Serialise a receipt for messages."""
    of = receipt.round
    taken = [gateway_pb2.TakenMessage(member=name, digest=receipt.taken[name]) for name in sorted(receipt.taken)]
    return serialise(
        gateway_pb2.MessageReceipt(
            query=of.query,
            admission=of.admission,
            attempt=of.attempt,
            round=of.number,
            taken=taken,
            signature=receipt.signature,
        )
    )


def message_receipt_from_bytes(raw: bytes) -> MessageReceipt:
    """Parse a receipt for messages; raises CreditError(MALFORMED). Nothing is verified yet."""
    found = parse(gateway_pb2.MessageReceipt, raw)
    taken = {member(one.member): digest(one.digest, "digest") for one in found.taken}
    if len(taken) != len(found.taken) or len(taken) > MAXIMUM_MEMBERS or found.round not in (1, 2):
        raise malformed("taken")
    of = Round(digest(found.query, "query"), unsigned(found.admission, "admission"), found.attempt, found.round)
    return MessageReceipt(of, taken, exact(found.signature, SIGNATURE_BYTES, "signature"))
