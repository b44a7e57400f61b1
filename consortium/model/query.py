"""A query as it travels: the header that the gateway reads, and the signed whole."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.catalogue import Purpose
from consortium.model.consent import SignedConsent
from consortium.model.keys import CertifiedKey
from consortium.model.lists import RowList
from consortium.model.members import MemberId
from consortium.oprf.elements import BlindedElement

NO_CONSENT = bytes(32)
QUERY_ID_BYTES = 16
NONCE_BYTES = 32
MAXIMUM_ATTRIBUTES = 256  # of one query


class Suite(IntEnum):
    """How a sum is protected; the values are those of the wire."""

    PAILLIER_3072_MASKED = 1
    INSECURE_TEST_1024_MASKED = 2
    MASKED_SUM = 3


class Credential(IntEnum):
    """How the requester shows who it is; the values are those of the wire."""

    IDENTIFIED = 1


@dataclass(frozen=True, slots=True)
class TravelElement:
    """A travel check in a header: the blinded cell, and the digest of the payment reference that it is for."""

    element: BlindedElement
    payment: bytes


@dataclass(frozen=True, slots=True)
class PaymentReference:
    """A requester's word that a check is for a payment of its own, named by a salted commitment (32 bytes)."""

    requester: MemberId
    commitment: bytes
    issued_at: int


@dataclass(frozen=True)
class SignedPayment:
    """A payment reference with the exact bytes that its requester signed."""

    reference: PaymentReference
    raw: bytes
    signature: bytes

    @cached_property
    def digest(self) -> bytes:
        """What a header names, 32 bytes."""
        return transcript_hash(Label.PAYMENT_REFERENCE, self.raw, self.signature)


@dataclass(frozen=True, slots=True)
class QueryHeader:
    """What everybody may see of a query; times are Unix seconds, digests 32 bytes."""

    query_id: bytes
    requester: MemberId
    credential: Credential
    query_key_digest: bytes
    purpose: Purpose
    attributes: tuple[str, ...]
    suite: Suite
    consent_digest: bytes
    staff_commitment: bytes
    issued_at: int
    expires_at: int
    nonce: bytes
    rulebook_digest: bytes
    epoch: int
    travel: TravelElement | None = None
    rows: RowList | None = None


def header_digest(raw_header: bytes) -> bytes:
    """Digest the exact bytes of a header: what seals the payload and the envelope."""
    return transcript_hash(Label.HEADER, raw_header)


@dataclass(frozen=True)
class SignedQuery:
    """A parsed header with the exact signed bytes, the sealed parts, the consent record and the query key."""

    header: QueryHeader
    raw_header: bytes
    payload: bytes
    envelope: bytes
    tags_commitment: bytes
    signature: bytes
    consent: SignedConsent | None
    query_key: CertifiedKey
    payment: SignedPayment | None = None

    @cached_property
    def header_digest(self) -> bytes:
        """The digest of the header's exact bytes."""
        return header_digest(self.raw_header)

    @property
    def signed_fields(self) -> tuple[bytes, ...]:
        """What the requester signs together."""
        return self.raw_header, self.payload, self.envelope, self.tags_commitment

    @cached_property
    def digest(self) -> bytes:
        """The digest of the signed query: what an exchange is about."""
        return transcript_hash(Label.SIGNED_QUERY, *self.signed_fields, self.signature)
