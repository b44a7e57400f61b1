"""Receipts: the gateway's signed word that an entry was durable before the answer left."""

from dataclasses import dataclass

from consortium.hashing import uint
from consortium.labels import Label
from consortium.model.signing import Signer, verify_signature


@dataclass(frozen=True, slots=True)
class Receipt:
    """Position of an entry (from 0), its RFC 6962 leaf hash (32 bytes), when it was written (Unix milliseconds)."""

    index: int
    leaf_hash: bytes
    time_ms: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Subject:
    """What a receipt is for: the digest of the query and the exact bytes of the transcript."""

    query_digest: bytes
    transcript: bytes


def sign_receipt(signer: Signer, index: int, leaf_hash: bytes, time_ms: int, subject: Subject) -> Receipt:
    """Sign a receipt for one query and one answer."""
    fields = _fields(index, leaf_hash, time_ms, subject)
    return Receipt(index, leaf_hash, time_ms, signer.sign(Label.RECEIPT, *fields))


def check_receipt(receipt: Receipt, identity_key: bytes, subject: Subject) -> None:
    """Raise CreditError(SIGNATURE_INVALID) unless the gateway's key signed it for this query and this answer."""
    fields = _fields(receipt.index, receipt.leaf_hash, receipt.time_ms, subject)
    verify_signature(identity_key, receipt.signature, Label.RECEIPT, *fields)


def _fields(index: int, leaf_hash: bytes, time_ms: int, subject: Subject) -> tuple[bytes, ...]:
    return uint(index), leaf_hash, uint(time_ms), subject.query_digest, subject.transcript
