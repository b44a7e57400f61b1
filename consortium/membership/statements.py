"""
What members say on the board besides changes: that a document reached them, how their conformance run went.

An acknowledgement is what makes a delivery state visible to both sides: the sender of secrets sees that they were
opened, and the applicant sees who has its application. `digest_of` names any signed document by its exact bytes.
"""

from typing import Self

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.signed import document_digest, open_document, parse_document, sign_document
from consortium.model.document import Bytes, Document, Id, Key32, Line
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Rulebook
from consortium.model.signing import Signer


class Acknowledgement(Document):
    """`member` has the document of this digest; `problem` says why it could not be used, empty where it was."""

    consortium: Id
    member: Id
    document: Key32
    problem: str = Field(default="", max_length=200, pattern=r"^[ -~]*$")
    seen_at: int = Field(ge=0)


class Finding(Document):
    """One check of a conformance run."""

    name: Line
    passed: bool
    note: str = Field(default="", max_length=200, pattern=r"^[ -~]*$")


class ConformanceReport(Document):
    """What a newcomer's own run found, under the rulebook of this digest."""

    consortium: Id
    rulebook: Key32
    member: Id
    findings: tuple[Finding, ...] = Field(min_length=1, max_length=64)
    made_at: int = Field(ge=0)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)


class Founding(Document):
    """A founder's signature over the first rulebook, with the rulebook's exact bytes."""

    consortium: Id
    member: Id
    rulebook: Bytes
    signature: Bytes

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Parse; raises CreditError(MALFORMED)."""
        return parse_document(cls, body, Code.MALFORMED)


def digest_of(signed: bytes) -> bytes:
    """Name a signed document by its exact bytes, whatever its label."""
    return transcript_hash(Label.SIGNED_DOCUMENT, signed)


def report_digest(signed: bytes) -> bytes:
    """Give the digest that the rulebook pins for a conformance report."""
    return document_digest(Label.CONFORMANCE_REPORT, signed)


def read_acknowledgement(signed: bytes, identity_key: bytes, consortium: str) -> Acknowledgement:
    """Verify an acknowledgement by its author's key; raises CreditError(MALFORMED) or (SIGNATURE_INVALID)."""
    found = open_document(Acknowledgement, signed, Label.ACKNOWLEDGEMENT, lambda _: identity_key, Code.MALFORMED)
    if found.consortium != consortium:
        raise CreditError(Code.MALFORMED, "an acknowledgement of another consortium")
    return found


def sign_acknowledgement(signer: Signer, acknowledgement: Acknowledgement) -> bytes:
    """Sign an acknowledgement."""
    return sign_document(signer, Label.ACKNOWLEDGEMENT, acknowledgement)


def read_report(signed: bytes, rulebook: Rulebook) -> ConformanceReport:
    """
    Verify a conformance report by the key that the rulebook pins for its author, admitted or active.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE).
    """
    found = open_document(
        ConformanceReport, signed, Label.CONFORMANCE_REPORT, lambda one: _key(rulebook, one.member), Code.MALFORMED
    )
    if found.consortium != rulebook.document.consortium:
        raise CreditError(Code.MALFORMED, "a report of another consortium")
    return found


def sign_report(signer: Signer, report: ConformanceReport) -> bytes:
    """Sign a conformance report."""
    return sign_document(signer, Label.CONFORMANCE_REPORT, report)


def read_founding(signed: bytes, identity_key: bytes) -> Founding:
    """Verify who sends a founder's signature; what it signs is checked with the rulebook. Raises as above."""
    return open_document(Founding, signed, Label.FOUNDING, lambda _: identity_key, Code.MALFORMED)


def sign_founding(signer: Signer, consortium: str, member: MemberId, rulebook: bytes) -> bytes:
    """Sign the first rulebook as a founder."""
    signature = signer.sign(Label.RULEBOOK, rulebook)
    founding = Founding(consortium=consortium, member=member, rulebook=rulebook, signature=signature)
    return sign_document(signer, Label.FOUNDING, founding)


def _key(rulebook: Rulebook, member: MemberId) -> bytes:
    found = rulebook.members.get(member)
    if found is None or found.status not in (MemberStatus.ADMITTED, MemberStatus.ACTIVE):
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "neither admitted nor active")
    return found.identity_key
