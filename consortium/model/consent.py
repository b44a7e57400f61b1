"""Consent records: what a subject agreed to (fields after ISO/IEC TS 27560), and what a query may take from them."""

from dataclasses import dataclass
from functools import lru_cache

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.catalogue import Family, Purpose
from consortium.model.members import MemberId
from consortium.model.signing import verify_signature


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One person's consent; times are Unix seconds, digests 32 bytes, `notice_language` is BCP 47."""

    record_id: bytes
    controller: MemberId
    purpose: Purpose
    families: frozenset[Family]
    recipients: frozenset[MemberId]
    notice_digest: bytes
    notice_language: str
    issued_at: int
    expires_at: int
    maximum_uses: int
    evidence_digest: bytes
    subject_commitment: bytes


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """A consent record with the exact bytes that its controller signed."""

    record: ConsentRecord
    raw: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """What a header names: 32 bytes."""
        return transcript_hash(Label.CONSENT, self.raw)


def check_consent(
    consent: SignedConsent,
    identity_key: bytes,
    requester: MemberId,
    purpose: Purpose,
    families: frozenset[Family],
    at: int,
) -> None:
    """
    Raise unless the record lets this requester ask for these families for this purpose at this time.

    The requester must be the controller or a named recipient; `identity_key` is the controller's. Raises
    CONSENT_MISMATCH, CONSENT_EXPIRED or SIGNATURE_INVALID. Uses and the subject are checked elsewhere, because
    only a ledger knows the first and only a contributor the second.
    """
    record = consent.record
    _verify_once(identity_key, consent.signature, consent.raw)
    if requester != record.controller and requester not in record.recipients:
        raise CreditError(Code.CONSENT_MISMATCH, "the requester is not a recipient")
    if purpose is not record.purpose:
        raise CreditError(Code.CONSENT_MISMATCH, f"given for {record.purpose}")
    if not families <= record.families:
        raise CreditError(Code.CONSENT_MISMATCH, f"does not cover {', '.join(sorted(families - record.families))}")
    if not record.issued_at <= at < record.expires_at:
        raise CreditError(Code.CONSENT_EXPIRED)


@lru_cache(maxsize=4096)
def _verify_once(identity_key: bytes, signature: bytes, raw: bytes) -> None:
    """Verify a record's signature; a record serves many queries, and failures are not kept."""
    verify_signature(identity_key, signature, Label.CONSENT, raw)
