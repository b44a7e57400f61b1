"""
What a party says for itself: the application, the notice that it leaves, the request to exchange its keys.

Each is signed by the party's own identity key, which is also the proof that it holds that key; the HPKE key is
proven by opening what is sealed to it (the lenders' secrets). All carry a nonce and a time, and are good once.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.signed import body_of, document_digest, open_document, parse_document, sign_document
from consortium.model.catalogue import Tier
from consortium.model.document import Document, Id, Key32, Line
from consortium.model.keys import check_mask_key
from consortium.model.members import MemberId, id_skeleton
from consortium.model.rulebook import Member, MemberStatus, Role, Rulebook
from consortium.model.rulebook_checks import pinned_keys
from consortium.model.signing import SIGNATURE_BYTES, Signer, check_identity_key, verify_signature

APPLICATION_LIFETIME = 30 * 86_400
"""Seconds after its issue in which an application can be admitted."""
NOTICE_LIFETIME = 7 * 86_400
"""Seconds after its issue in which a request to rotate or a notice to leave can be acted on."""
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")


def check_lei(text: str) -> str:
    """Raise ValueError unless `text` is a legal entity identifier with its check digits (ISO 17442, ISO 7064)."""
    if not _LEI.fullmatch(text) or int("".join(str(int(letter, 36)) for letter in text)) % 97 != 1:
        raise ValueError("not a legal entity identifier, or its check digits do not fit")
    return text


Lei = Annotated[str, AfterValidator(check_lei)]
Contact = Annotated[str, Field(min_length=5, max_length=200, pattern=r"^[ -~]*[@+][ -~]*$")]
"""An e-mail address or a telephone number with its country code."""


class Application(Document):
    """A party that wants to become a member; times are Unix seconds, the book's size is in persons."""

    consortium: Id
    member: Id
    role: Role
    legal_name: Line
    licence: Line
    lei: Lei
    group: Id
    book_size: int = Field(ge=0, le=2**40)
    tiers: tuple[Tier, ...] = ()
    contact: Contact
    identity_key: Key32
    hpke_key: Key32
    tls_key: Key32 | None = None
    log_key: Key32 | None = None
    witness_key: Key32 | None = None
    sponsor: Id
    nonce: Key32
    issued_at: int = Field(ge=0)

    @property
    def keys(self) -> tuple[bytes | None, ...]:
        """Every key that it brings."""
        return self.identity_key, self.hpke_key, self.tls_key, self.log_key, self.witness_key

    def as_member(self, digest: bytes) -> Member:
        """Give the rulebook's entry for it, admitted by the application of this digest."""
        return Member(
            id=self.member,
            legal_name=self.legal_name,
            group=self.group,
            role=self.role,
            status=MemberStatus.ADMITTED,
            identity_key=self.identity_key,
            hpke_key=self.hpke_key,
            tls_key=self.tls_key,
            log_key=self.log_key,
            witness_key=self.witness_key,
            tiers=self.tiers,
            application=digest,
        )


class LeaveNotice(Document):
    """A member that leaves, for ever under this id."""

    consortium: Id
    member: Id
    reason: Line
    nonce: Key32
    issued_at: int = Field(ge=0)


class RotationRequest(Document):
    """New keys for a member; None keeps one. Signed by the identity key in force and by the new one, if any."""

    consortium: Id
    member: Id
    identity_key: Key32 | None = None
    hpke_key: Key32 | None = None
    tls_key: Key32 | None = None
    nonce: Key32
    issued_at: int = Field(ge=0)


def application_digest(signed: bytes) -> bytes:
    """Give the digest that votes and the rulebook name an application by."""
    return document_digest(Label.APPLICATION, signed)


def read_application(signed: bytes) -> Application:
    """
    Verify an application by itself: form, LEI, keys, and its own signature as proof that the identity key is held.

    Raises CreditError(MALFORMED), (APPLICATION_INVALID), (PUBLIC_KEY_WEAK), (SIGNATURE_INVALID).
    """
    application = open_document(
        Application, signed, Label.APPLICATION, lambda one: one.identity_key, Code.APPLICATION_INVALID
    )
    for key in (application.identity_key, application.log_key, application.witness_key):
        if key is not None:
            check_identity_key(key)
    _require(application.log_key is None or application.role is Role.GATEWAY, "a log key is a gateway's")
    _require(application.witness_key is None or application.role is not Role.GATEWAY, "a gateway witnesses no log")
    check_mask_key(application.hpke_key)
    _require(bool(application.tiers) == (application.role is Role.LENDER), "tiers are for lenders, and needed for them")
    return application


def check_application(signed: bytes, rulebook: Rulebook, now: int) -> Application:
    """
    Verify an application against the rulebook in force; what `key_is_used` of the trusted set says is the caller's.

    Raises as `read_application`; CreditError(APPLICATION_INVALID) for another consortium or a sponsor that is no
    active lender, (APPLICATION_REPLAYED) for one that is admitted already or too old, (CLOCK_OFF) for one dated in
    the future, (MEMBER_ID_CONFUSABLE) for an id that is or looks like another's, (KEY_REUSED).
    """
    application = read_application(signed)
    document = rulebook.document
    _require(application.consortium == document.consortium, "it is for another consortium")
    _check_age(application.issued_at, now, rulebook.policy.clock_skew, APPLICATION_LIFETIME, Code.APPLICATION_REPLAYED)
    digest = application_digest(signed)
    if any(member.application == digest for member in document.members):
        raise CreditError(Code.APPLICATION_REPLAYED, "it was admitted before")
    _check_id(application.member, rulebook)
    _check_new_keys(application.keys, rulebook)
    sponsor = rulebook.members.get(application.sponsor)
    able = sponsor is not None and (sponsor.role, sponsor.status) == (Role.LENDER, MemberStatus.ACTIVE)
    _require(able, "the sponsor is no active lender")
    return application


def check_leave(signed: bytes, rulebook: Rulebook, now: int) -> LeaveNotice:
    """
    Verify a notice that a member leaves.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (NOTICE_INVALID) for somebody who is no member, another
    consortium's or an old notice, (CLOCK_OFF).
    """
    notice = open_document(
        LeaveNotice, signed, Label.LEAVE_NOTICE, lambda one: _own_key(rulebook, one.member), Code.NOTICE_INVALID
    )
    _check_notice(notice.consortium, notice.issued_at, rulebook, now)
    return notice


def sign_rotation(request: RotationRequest, old: Signer, new: Signer | None) -> bytes:
    """
    Sign a request by the old key and by the new identity key, if there is one; gives the bytes that travel.

    The outer signature is the old key's; inside it stands the new key's (64 zero bytes without one) and the body.
    """
    body = request.to_bytes()
    proof = new.sign(Label.ROTATION_REQUEST, b"new", body) if new else bytes(SIGNATURE_BYTES)
    return old.sign(Label.ROTATION_REQUEST, b"old", proof, body) + proof + body


def check_rotation(signed: bytes, rulebook: Rulebook, now: int) -> RotationRequest:
    """
    Verify a request to exchange keys: by the old and by the new key, each new key fresh and strong.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (PUBLIC_KEY_WEAK), (KEY_REUSED), (NOTICE_INVALID), (CLOCK_OFF).
    """
    inner = body_of(signed)
    proof, body = inner[:SIGNATURE_BYTES], body_of(inner)
    request = parse_document(RotationRequest, body, Code.NOTICE_INVALID)
    old = _own_key(rulebook, request.member)
    verify_signature(old, signed[:SIGNATURE_BYTES], Label.ROTATION_REQUEST, b"old", proof, body)
    new = (request.identity_key, request.hpke_key, request.tls_key)
    if new == (None, None, None):
        raise CreditError(Code.NOTICE_INVALID, "no key to exchange")
    _check_new_keys(new, rulebook)
    if request.identity_key is not None:
        check_identity_key(request.identity_key)
        verify_signature(request.identity_key, proof, Label.ROTATION_REQUEST, b"new", body)
    if request.hpke_key is not None:
        check_mask_key(request.hpke_key)
    _check_notice(request.consortium, request.issued_at, rulebook, now)
    return request


def sign_application(signer: Signer, application: Application) -> bytes:
    """Sign an application by its own identity key."""
    return sign_document(signer, Label.APPLICATION, application)


def sign_leave(signer: Signer, notice: LeaveNotice) -> bytes:
    """Sign a notice to leave by the member's identity key."""
    return sign_document(signer, Label.LEAVE_NOTICE, notice)


def _check_id(member: MemberId, rulebook: Rulebook) -> None:
    skeleton = id_skeleton(member)
    if any(id_skeleton(known) == skeleton for known in rulebook.members):
        raise CreditError(Code.MEMBER_ID_CONFUSABLE, "an id of the rulebook, ids of those who left included")


def _check_new_keys(keys: tuple[bytes | None, ...], rulebook: Rulebook) -> None:
    given = [key for key in keys if key is not None]
    pinned = {key for one in rulebook.document.members for _, key in pinned_keys(one)}
    if len(set(given)) != len(given) or pinned & set(given):
        raise CreditError(Code.KEY_REUSED, "one of the new keys")


def _own_key(rulebook: Rulebook, member: MemberId) -> bytes:
    """Give the key of any member that has not left: a suspended one may still leave, or exchange stolen keys."""
    found = rulebook.members.get(member)
    if found is None or found.status is MemberStatus.LEFT:
        raise CreditError(Code.NOTICE_INVALID, "from somebody who is no member")
    return found.identity_key


def _check_notice(consortium: str, issued_at: int, rulebook: Rulebook, now: int) -> None:
    if consortium != rulebook.document.consortium:
        raise CreditError(Code.NOTICE_INVALID, "for another consortium")
    _check_age(issued_at, now, rulebook.policy.clock_skew, NOTICE_LIFETIME, Code.NOTICE_INVALID)


def _check_age(issued_at: int, now: int, skew: int, lifetime: int, code: Code) -> None:
    if issued_at > now + skew:
        raise CreditError(Code.CLOCK_OFF, "dated in the future")
    if now > issued_at + lifetime:
        raise CreditError(code, "too old")


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.APPLICATION_INVALID, cause)
