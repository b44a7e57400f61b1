"""
Where the consortium stands before its first rulebook: founders apply, make the key together and sign version 1.

The board takes what fits the founders' applications. Who is a founder at all, the founders decide by what they sign:
version 1 is in force once approvers of two controlling groups that it names have signed the same bytes, and every
other party compares its fingerprint out of band.
"""

from consortium.ceremony.plan import Kind, Plan
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import (
    APPLICATION_LIFETIME,
    Application,
    application_digest,
    read_application,
)
from consortium.membership.signed import body_of, parse_document
from consortium.membership.statements import Acknowledgement, Founding, read_acknowledgement, read_founding
from consortium.membership.trusted import Signed, TrustedSet, check_genesis
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, RulebookDocument, parse_rulebook, rulebook_digest
from consortium.model.signing import verify_signature
from consortium.wire.membership import BoardDocument, DocumentKind, Posted
from gateway.membership import entries
from gateway.membership.applicants import Applicants
from gateway.membership.ceremonies import Ceremonies
from gateway.membership.standing import Checked, Standing

CLOCK_SKEW = 300
SIGNED_VERSIONS = 16
"""How many different first versions one founder may sign; the later ones are corrections."""


class FoundingState:
    """A `Standing` without a rulebook."""

    def __init__(self, consortium: str) -> None:
        self._consortium = consortium
        self._applicants = Applicants()
        self._signatures: dict[bytes, dict[MemberId, bytes]] = {}
        self.ceremonies = Ceremonies()

    def check(self, posted: Posted, caller: MemberId | None, now: int) -> Checked:
        """Refuse what does not belong to a founding."""
        match posted.kind:
            case DocumentKind.APPLICATION:
                checked = self._application(posted.signed, now)
            case DocumentKind.CEREMONY_PLAN:
                checked = self._plan(posted.signed, caller)
            case DocumentKind.CEREMONY_MESSAGE:
                checked = Checked(self.ceremonies.check_message(posted.signed))
            case DocumentKind.GENESIS:
                checked = self._genesis(posted.signed)
            case DocumentKind.ACKNOWLEDGEMENT:
                checked = self._acknowledgement(posted.signed)
            case _:
                raise CreditError(Code.ROLE_NOT_ALLOWED, f"{posted.kind.name} needs a rulebook, and there is none yet")
        if caller != checked.author and not (caller is None and posted.kind is DocumentKind.APPLICATION):
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a document is posted by its author")
        return checked

    def take(self, document: BoardDocument) -> None:
        """Take a document."""
        try:
            self._take(document)
        except CreditError:
            return

    def decided(self) -> tuple[int, Signed] | None:
        """Give the first version that founders of enough groups have signed."""
        for raw, signatures in self._signatures.items():
            signed = Signed(raw, signatures)
            if _is_signed(signed):
                return 1, signed
        return None

    def identity_key(self, member: MemberId) -> bytes:
        """Give a founder's key."""
        applied = self._applicants.find(member)
        if applied is None:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "no application")
        return applied.application.identity_key

    def sees(self, document: BoardDocument, reader: MemberId) -> bool:  # noqa: ARG002  founders see the founding
        """Show founders everything."""
        return True

    @property
    def applications(self) -> list[Application]:
        """Give the founders' applications."""
        return [one.application for one in self._applicants.all]

    def _take(self, document: BoardDocument) -> None:
        signed = document.signed
        match document.kind:
            case DocumentKind.APPLICATION:
                self._applicants.take(read_application(signed), signed)
            case DocumentKind.CEREMONY_PLAN:
                self.ceremonies.take_plan(Plan.from_bytes(signed))
            case DocumentKind.CEREMONY_MESSAGE:
                self.ceremonies.take_message(signed)
            case DocumentKind.GENESIS:
                founding = Founding.from_bytes(body_of(signed))
                self._signatures.setdefault(founding.rulebook, {})[founding.member] = founding.signature
            case _:
                return

    def _application(self, signed: bytes, now: int) -> Checked:
        application = read_application(signed)
        if application.consortium != self._consortium:
            raise CreditError(Code.APPLICATION_INVALID, "it is for another consortium")
        if application.issued_at > now + CLOCK_SKEW:
            raise CreditError(Code.CLOCK_OFF, "dated in the future")
        if now > application.issued_at + APPLICATION_LIFETIME:
            raise CreditError(Code.APPLICATION_REPLAYED, "too old")
        self._applicants.check(application, signed, now)
        known = self._applicants.find(application.member)
        if known is not None and known.application.identity_key != application.identity_key:
            raise CreditError(Code.MEMBER_ID_CONFUSABLE, "an id that somebody else applied for")
        return Checked(application.member, (entries.applied(application, application_digest(signed)),))

    def _plan(self, raw: bytes, caller: MemberId | None) -> Checked:
        plan = Plan.from_bytes(raw)
        wanted = (self._consortium, None, Kind.NEW, 1)
        if (plan.consortium, plan.rulebook, plan.kind, plan.generation) != wanted:
            raise CreditError(Code.CEREMONY_INVALID, "not the plan of a first key")
        for party in plan.parties:
            applied = self._applicants.find(party.member)
            if applied is None or applied.application.identity_key != party.identity_key:
                raise CreditError(Code.CEREMONY_INVALID, f"{party.member} has not applied with this key")
            if applied.application.role not in (Role.GATEWAY, Role.CUSTODIAN):
                raise CreditError(Code.CEREMONY_INVALID, f"{party.member} is neither gateway nor custodian")
        if caller is None or caller not in plan.names:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a plan is posted by one of its parties")
        self.ceremonies.check_plan(plan)
        return Checked(caller)

    def _genesis(self, signed: bytes) -> Checked:
        founding = Founding.from_bytes(body_of(signed))
        key = self.identity_key(founding.member)
        read_founding(signed, key)
        verify_signature(key, founding.signature, Label.RULEBOOK, founding.rulebook)
        document = parse_rulebook(founding.rulebook)
        self._check_first(document, founding)
        signed_by_it = [raw for raw, signatures in self._signatures.items() if founding.member in signatures]
        if founding.rulebook not in signed_by_it and len(signed_by_it) >= SIGNED_VERSIONS:
            raise CreditError(Code.QUOTA_EXCEEDED, "too many first versions")
        after = {**self._signatures.get(founding.rulebook, {}), founding.member: founding.signature}
        if self.decided() is None and _is_signed(Signed(founding.rulebook, after)):
            said = entries.decided(1, rulebook_digest(founding.rulebook), after)
            return Checked(founding.member, (said,))
        return Checked(founding.member)

    def _check_first(self, document: RulebookDocument, founding: Founding) -> None:
        names = {self._consortium, founding.consortium, document.consortium}
        if len(names) > 1 or document.version != 1:
            raise CreditError(Code.RULEBOOK_INVALID, "not this consortium's first version")
        check_genesis(document)
        if founding.member not in document.approvers.members:
            raise CreditError(Code.RULEBOOK_INVALID, "signed by somebody who is no approver")
        for member in document.members:
            if self.identity_key(member.id) != member.identity_key:
                raise CreditError(Code.RULEBOOK_INVALID, f"{member.id} has applied with another key")

    def _acknowledgement(self, signed: bytes) -> Checked:
        member = parse_document(Acknowledgement, body_of(signed), Code.MALFORMED).member
        read_acknowledgement(signed, self.identity_key(member), self._consortium)
        return Checked(member)


def _is_signed(signed: Signed) -> bool:
    try:
        TrustedSet.begin(signed, rulebook_digest(signed.document).hex())
    except CreditError:
        return False
    return True


_: type[Standing] = FoundingState
