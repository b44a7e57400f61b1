"""
Where the consortium stands once there is a rulebook: applications, ballots, ceremonies and emergencies of the board.

Everything is judged under the version in force. A version that comes into force ends the ballots on the one before.
"""

from collections.abc import Callable

from consortium.ceremony.plan import Plan, check_plan_under
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import (
    application_digest,
    check_application,
    check_leave,
    check_rotation,
    read_application,
)
from consortium.membership.ballots import Ballot, Outcome, Vote
from consortium.membership.generations import read_readiness
from consortium.membership.proposals import Admit, proposal_digest
from consortium.membership.secrets import read_delivery, read_epoch_offer
from consortium.membership.sightings import Sighting, Sightings
from consortium.membership.signed import body_of, document_digest, parse_document
from consortium.membership.statements import Acknowledgement, read_acknowledgement, read_report
from consortium.membership.trusted import Signed
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, Rulebook, rulebook_digest
from consortium.wire.membership import BoardDocument, DocumentKind, Posted
from gateway.membership import entries
from gateway.membership.applicants import Applicants
from gateway.membership.ceremonies import Ceremonies
from gateway.membership.standing import Checked, Standing
from gateway.rulebooks import Rulebooks

OPEN_BALLOTS = 64
OPEN_OF_A_PROPOSER = 16


class State:
    """A `Standing` under a rulebook."""

    def __init__(self, rulebooks: Rulebooks) -> None:
        self._rulebooks = rulebooks
        self.applicants = Applicants()
        self._ballots: dict[bytes, Ballot] = {}
        self._base = b""
        self.ceremonies = Ceremonies()
        self._checks: dict[DocumentKind, Callable[[bytes, int], Checked]] = {
            DocumentKind.APPLICATION: self._application,
            DocumentKind.PROPOSAL: self._proposal,
            DocumentKind.VOTE: self._vote,
            DocumentKind.LEAVE_NOTICE: self._leave,
            DocumentKind.ROTATION: self._rotation,
            DocumentKind.DELIVERY: self._delivery,
            DocumentKind.EPOCH_OFFER: self._offer,
            DocumentKind.EMERGENCY: self._emergency,
            DocumentKind.SIGHTING: self._sighting,
            DocumentKind.CEREMONY_MESSAGE: self._message,
            DocumentKind.CONFORMANCE_REPORT: self._report,
            DocumentKind.ACKNOWLEDGEMENT: self._acknowledgement,
            DocumentKind.READINESS: self._readiness,
        }

    @property
    def rulebook(self) -> Rulebook:
        """Give the version in force, as its approvers signed it: an emergency takes no vote away."""
        return self._rulebooks.trusted.current

    def check(self, posted: Posted, caller: MemberId | None, now: int) -> Checked:
        """Refuse a document that may not be posted now."""
        if posted.kind is DocumentKind.CEREMONY_PLAN:
            return self._plan(posted.signed, caller)
        check = self._checks.get(posted.kind)
        if check is None:
            raise CreditError(Code.ROLE_NOT_ALLOWED, f"{posted.kind.name} is for before the first rulebook")
        checked = check(posted.signed, now)
        if caller != checked.author and not (caller is None and posted.kind is DocumentKind.APPLICATION):
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a document is posted by its author")
        return checked

    def take(self, document: BoardDocument) -> None:
        """Take a document; one of an earlier version, or that has lapsed, means nothing any more."""
        self._begin_version()
        try:
            self._take(document)
        except CreditError:
            return

    def decided(self) -> tuple[int, Signed] | None:
        """Give the first ballot's version that has its votes."""
        self._begin_version()
        for ballot in self._ballots.values():
            if ballot.outcome is Outcome.APPROVED:
                return ballot.next.version, ballot.signed()
        return None

    def identity_key(self, member: MemberId) -> bytes:
        """Give a member's key, or an applicant's."""
        found, applied = self.rulebook.members.get(member), self.applicants.find(member)
        if found is not None and found.status is not MemberStatus.LEFT:
            return found.identity_key
        if found is None and applied is not None:
            return applied.application.identity_key
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "neither member nor applicant")

    def sees(self, document: BoardDocument, reader: MemberId) -> bool:
        """Show a member everything, an applicant its own documents, its proposal and the votes on it."""
        if reader in self.rulebook.members or document.author == reader:
            return True
        return document.kind in (DocumentKind.PROPOSAL, DocumentKind.VOTE) and self._is_about(document, reader)

    def ballots(self) -> tuple[Ballot, ...]:
        """Give the open ballots on the version in force."""
        self._begin_version()
        return tuple(self._ballots.values())

    def _is_about(self, document: BoardDocument, applicant: MemberId) -> bool:
        applied = self.applicants.find(applicant)
        if applied is None:
            return False
        if document.kind is DocumentKind.PROPOSAL:
            return applied.signed.hex().encode() in document.signed
        return any(digest.hex().encode() in document.signed for digest in self.applicants.proposals_of(applicant))

    def _begin_version(self) -> None:
        if self._base == self.rulebook.digest:
            return
        self._base, self._ballots = self.rulebook.digest, {}
        for member in self.rulebook.document.members:
            if member.application is not None:
                self.applicants.decide(member.application)

    def _take(self, document: BoardDocument) -> None:
        signed, now = document.signed, document.time_ms // 1000
        match document.kind:
            case DocumentKind.APPLICATION:
                self.applicants.take(read_application(signed), signed)
            case DocumentKind.PROPOSAL:
                self._note_proposal(signed)
                self._ballots[proposal_digest(signed)] = Ballot(signed, self.rulebook, now)
            case DocumentKind.VOTE:
                self._count(signed, now)
            case DocumentKind.EMERGENCY:
                self._rulebooks.suspend(signed, now)
            case DocumentKind.CEREMONY_PLAN:
                plan = Plan.from_bytes(signed)
                check_plan_under(plan, self.rulebook)
                self.ceremonies.take_plan(plan)
            case DocumentKind.CEREMONY_MESSAGE:
                self.ceremonies.take_message(signed)
            case _:
                return

    def _note_proposal(self, signed: bytes) -> None:
        """Remember which proposals an applicant may see, whatever version they are on."""
        for applied in self.applicants.all:
            if applied.signed.hex().encode() in signed:
                self.applicants.note_proposal(applied.application.member, proposal_digest(signed))

    def _count(self, signed: bytes, now: int) -> None:
        ballot = self._ballot_of(signed)
        ballot.take(signed, now)
        change = ballot.proposal.change
        if ballot.outcome is Outcome.REJECTED and isinstance(change, Admit):
            self.applicants.decide(application_digest(change.application))

    def _application(self, signed: bytes, now: int) -> Checked:
        application = check_application(signed, self.rulebook, now)
        self._check_fresh(*application.keys)
        self.applicants.check(application, signed, now)
        return Checked(application.member, (entries.applied(application, application_digest(signed)),))

    def _proposal(self, signed: bytes, now: int) -> Checked:
        ballot = Ballot(signed, self.rulebook, now)
        self._rulebooks.trusted.check_candidate(ballot.next)
        proposer, open_ones = ballot.proposal.proposer, self.ballots()
        if any(one.digest == ballot.digest for one in open_ones):
            raise CreditError(Code.PROPOSAL_INVALID, "it is on the board under another signature")
        mine = sum(one.proposal.proposer == proposer for one in open_ones)
        if len(open_ones) >= OPEN_BALLOTS or mine >= OPEN_OF_A_PROPOSER:
            raise CreditError(Code.QUOTA_EXCEEDED, "too many proposals are open on this version")
        return Checked(proposer)

    def _vote(self, signed: bytes, now: int) -> Checked:
        vote, ballot = _vote_in(signed), self._ballot_of(signed)
        if ballot.outcome is Outcome.APPROVED:
            raise CreditError(Code.VOTE_INVALID, "the version has its votes")
        after = ballot.copy()
        if not after.take(signed, now):
            raise CreditError(Code.VOTE_REPEATED, "the same vote under another signature")
        said = [entries.voted(vote)]
        if after.outcome is Outcome.APPROVED:
            digest = rulebook_digest(after.raw)
            said.append(entries.decided(after.next.version, digest, after.signed().signatures))
        return Checked(vote.approver, tuple(said))

    def _ballot_of(self, signed: bytes) -> Ballot:
        self._begin_version()
        ballot = self._ballots.get(_vote_in(signed).proposal)
        if ballot is None:
            raise CreditError(Code.VOTE_INVALID, "the vote is on no proposal that is open")
        return ballot

    def _leave(self, signed: bytes, now: int) -> Checked:
        return Checked(check_leave(signed, self.rulebook, now).member)

    def _rotation(self, signed: bytes, now: int) -> Checked:
        request = check_rotation(signed, self.rulebook, now)
        self._check_fresh(request.identity_key, request.hpke_key, request.tls_key)
        return Checked(request.member)

    def _delivery(self, signed: bytes, _: int) -> Checked:
        return Checked(read_delivery(signed, self.rulebook).sender)

    def _offer(self, signed: bytes, _: int) -> Checked:
        return Checked(read_epoch_offer(signed, self.rulebook).maker)

    def _emergency(self, signed: bytes, now: int) -> Checked:
        notice = self._rulebooks.trusted.check_emergency(signed, now)
        digest = document_digest(Label.EMERGENCY_SUSPENSION, signed)
        gateway = next(one.id for one in self.rulebook.document.members if one.role is Role.GATEWAY)
        return Checked(gateway, (entries.suspended(notice, digest),))

    def _sighting(self, signed: bytes, now: int) -> Checked:
        """Take a sighting, above all one that proves two documents of one version: everybody must see it."""
        try:
            Sightings("", now).take(signed, self._rulebooks.versions, now)
        except CreditError as error:
            if error.code is not Code.RULEBOOK_FORK:
                raise
        return Checked(parse_document(Sighting, body_of(signed), Code.MALFORMED).member)

    def _plan(self, raw: bytes, caller: MemberId | None) -> Checked:
        plan = Plan.from_bytes(raw)
        check_plan_under(plan, self.rulebook)
        if caller is None or caller not in plan.names:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a plan is posted by one of its parties")
        self.ceremonies.check_plan(plan)
        return Checked(caller)

    def _message(self, signed: bytes, _: int) -> Checked:
        return Checked(self.ceremonies.check_message(signed))

    def _report(self, signed: bytes, _: int) -> Checked:
        return Checked(read_report(signed, self.rulebook).member)

    def _readiness(self, signed: bytes, _: int) -> Checked:
        return Checked(read_readiness(signed, self.rulebook).member)

    def _acknowledgement(self, signed: bytes, _: int) -> Checked:
        member = parse_document(Acknowledgement, body_of(signed), Code.MALFORMED).member
        read_acknowledgement(signed, self.identity_key(member), self.rulebook.document.consortium)
        return Checked(member)

    def _check_fresh(self, *keys: bytes | None) -> None:
        if any(key is not None and self._rulebooks.trusted.key_is_used(key) for key in keys):
            raise CreditError(Code.KEY_REUSED, "one of the new keys")


def _vote_in(signed: bytes) -> Vote:
    return parse_document(Vote, body_of(signed), Code.MALFORMED)


_: type[Standing] = State
