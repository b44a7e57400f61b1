"""
Receipts: the gateway's signed word that an entry was durable before the answer left, and that messages came in time.

With the first a requester, with the second a contributor can show that the log does not say what happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.hashing import uint
from consortium.labels import Label
from consortium.model.members import MemberId
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


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one admitted query: the query's digest, the index of its admission, attempt and round (from 1)."""

    query: bytes
    admission: int
    attempt: int
    number: int


@dataclass(frozen=True, slots=True)
class MessageReceipt:
    """Which members' messages the gateway took in a round, each by the digest that its entry will name."""

    round: Round
    taken: Mapping[MemberId, bytes]
    signature: bytes


def sign_message_receipt(signer: Signer, of: Round, taken: Mapping[MemberId, bytes]) -> MessageReceipt:
    """Sign a receipt for the messages of one round; one signature serves all of their members."""
    return MessageReceipt(of, dict(taken), signer.sign(Label.MESSAGE_RECEIPT, *_message_fields(of, taken)))


def check_message_receipt(receipt: MessageReceipt, identity_key: bytes) -> None:
    """Raise CreditError(SIGNATURE_INVALID) unless the gateway's key signed it."""
    fields = _message_fields(receipt.round, receipt.taken)
    verify_signature(identity_key, receipt.signature, Label.MESSAGE_RECEIPT, *fields)


def _message_fields(of: Round, taken: Mapping[MemberId, bytes]) -> tuple[bytes, ...]:
    named = [field for member in sorted(taken) for field in (member.encode(), taken[member])]
    return of.query, uint(of.admission), uint(of.attempt), uint(of.number), *named
