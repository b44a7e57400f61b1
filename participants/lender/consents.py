"""
Consent as it was captured: one signed record for one subject and one set of terms, however often it is asked under.

An application gives the terms with each question. The record that is signed for the first one is kept and used for
the next ones, with the same fillers and opening, so that the gateway counts their uses together.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from consortium.hashing import keyed_hash
from consortium.labels import Label
from consortium.model.consent import ConsentRecord, SignedConsent
from consortium.model.identifiers import SubjectTag
from consortium.model.query import QUERY_ID_BYTES
from consortium.sealing.payload import TAG_BYTES, SubjectTags
from consortium.silent import Silent
from consortium.wire.queries import consent_from_bytes, consent_to_bytes
from participants.lender.ask import ConsentTerms
from participants.lender.node import LenderNode

_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Captured(Silent):
    """A signed record with what a payload needs to open its commitment: the three tags (96 bytes) and the opening."""

    record: bytes
    signature: bytes
    tags: bytes
    opening: bytes
    expires_at: int


class Consents(Protocol):
    """The lender's durable memory of the records it captured."""

    def capture(self, name: bytes, make: Callable[[], Captured], now: int) -> Captured:
        """Give what is kept under a name (32 bytes); where there is nothing, keep durably what `make` gives."""
        ...


def captured_consent(
    consents: Consents, node: LenderNode, subject: SubjectTags, terms: ConsentTerms, now: int
) -> tuple[SubjectTags, SignedConsent]:
    """
    Give the record for these identifiers and terms, and the subject with the fillers that it commits to.

    The same identifiers under the same terms give the same record, also after a restart. Raises as the storage.
    """
    secret = node.requester.identity.audit_secret.value

    def make() -> Captured:
        signed = node.consent(subject, terms)
        tags = b"".join(tag.value for tag in subject.tags)
        return Captured(signed.raw, signed.signature, tags, subject.opening, terms.expires_at)

    captured = consents.capture(_name(secret, subject, terms), make, now)
    starts = range(0, len(captured.tags), TAG_BYTES)
    tags = tuple(SubjectTag(captured.tags[start : start + TAG_BYTES]) for start in starts)
    signature = node.requester.identity.signer.sign(Label.CONSENT, captured.record)  # by the identity key of now
    consent = SignedConsent(consent_from_bytes(captured.record), captured.record, signature)
    return replace(subject, tags=tags, opening=captured.opening), consent


def _name(secret: bytes, subject: SubjectTags, terms: ConsentTerms) -> bytes:
    """Name a record by the tags that are known, each at its place, and by every term."""
    blank = ConsentRecord(
        record_id=bytes(QUERY_ID_BYTES),
        controller="",
        purpose=terms.purpose,
        families=terms.families,
        recipients=terms.recipients,
        notice_digest=terms.notice_digest,
        notice_language=terms.notice_language,
        issued_at=terms.issued_at,
        expires_at=terms.expires_at,
        maximum_uses=terms.maximum_uses,
        evidence_digest=terms.evidence_digest,
        subject_commitment=bytes(_DIGEST_BYTES),
    )
    known = (tag.value if key else b"" for key, tag in zip(subject.keys, subject.tags, strict=True))
    return keyed_hash(secret, Label.CONSENT_TERMS, consent_to_bytes(blank), *known)
