"""
What the board says, verified: applications, ballots, deliveries and all else that follows from its documents.

A pure function of the documents, the rulebooks that this party trusts and the time. What does not verify is left out
and counted: the gateway may post what it likes, and it changes nothing here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from consortium.errors import Code, CreditError
from consortium.membership.applications import (
    Application,
    LeaveNotice,
    RotationRequest,
    application_digest,
    check_leave,
    check_rotation,
    read_application,
)
from consortium.membership.ballots import Ballot, Outcome, Vote
from consortium.membership.generations import Readiness, behind, read_readiness
from consortium.membership.proposals import (
    Activate,
    Admit,
    Leave,
    Proposal,
    Reinstate,
    Rotate,
    SetSection,
    Suspend,
    proposal_digest,
)
from consortium.membership.secrets import Delivery, EpochOffer, read_delivery, read_epoch_offer
from consortium.membership.signed import body_of, parse_document
from consortium.membership.statements import (
    Acknowledgement,
    ConformanceReport,
    digest_of,
    read_acknowledgement,
    read_report,
)
from consortium.model.document import Document
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Rulebook
from consortium.wire.membership import BoardDocument, DocumentKind

DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True, slots=True)
class Told:
    """Where a document stands: its bytes, its place, and the Unix second at which the gateway says it came."""

    signed: bytes
    sequence: int
    at: int


@dataclass(slots=True)
class Motion:
    """A proposal with its ballot, and when each vote came."""

    told: Told
    ballot: Ballot
    voted_at: dict[MemberId, int] = field(default_factory=dict)

    @property
    def proposal(self) -> Proposal:
        """The proposal."""
        return self.ballot.proposal

    @property
    def about(self) -> MemberId:
        """The member whom it is about, or the kind of change for the terms of all."""
        return subject_of(self.proposal)

    def is_open(self, rulebook: Rulebook) -> bool:
        """Say whether it can still be decided: on the version in force, neither rejected nor in force."""
        return self.proposal.base == rulebook.digest and self.ballot.outcome is not Outcome.REJECTED

    def rejection(self) -> Vote | None:
        """Give the last vote against it."""
        against = [vote for vote in self.ballot.votes if not vote.signature]
        return max(against, key=lambda vote: vote.cast_at, default=None)


@dataclass
class BoardView:
    """Everything that verified; `refused` counts what did not."""

    applications: dict[bytes, tuple[Told, Application]] = field(default_factory=dict)
    motions: dict[bytes, Motion] = field(default_factory=dict)
    deliveries: list[tuple[Told, Delivery]] = field(default_factory=list)
    offers: list[tuple[Told, EpochOffer]] = field(default_factory=list)
    acknowledgements: dict[bytes, list[tuple[Told, Acknowledgement]]] = field(default_factory=dict)
    reports: list[tuple[Told, ConformanceReport]] = field(default_factory=list)
    leaves: dict[MemberId, tuple[Told, LeaveNotice]] = field(default_factory=dict)
    rotations: dict[MemberId, tuple[Told, RotationRequest]] = field(default_factory=dict)
    readiness: list[tuple[Told, Readiness]] = field(default_factory=list)
    refused: int = 0
    now: int = 0

    def application_of(self, member: MemberId) -> tuple[Told, Application] | None:
        """Give a party's newest application."""
        found = [one for one in self.applications.values() if one[1].member == member]
        return max(found, key=lambda one: one[0].sequence, default=None)

    def motions_about(self, member: MemberId) -> list[Motion]:
        """Give the proposals about a member, oldest first."""
        return sorted((one for one in self.motions.values() if one.about == member), key=lambda one: one.told.sequence)

    def open_motion(self, member: MemberId, rulebook: Rulebook) -> Motion | None:
        """Give the newest proposal about a member that can still be decided, and is not too old for it."""
        motions = self.motions_about(member)
        found = [one for one in motions if one.is_open(rulebook) and not one.ballot.is_too_old(self.now)]
        return found[-1] if found else None

    def report_of(self, member: MemberId) -> tuple[Told, ConformanceReport] | None:
        """Give a member's newest conformance report."""
        found = [one for one in self.reports if one[1].member == member]
        return found[-1] if found else None

    def behind(self, rulebook: Rulebook) -> tuple[MemberId, ...]:
        """Give the active lenders that have not said that they are ready for the announced generation."""
        return behind(rulebook, (said for _, said in self.readiness))

    def acknowledged(self, signed: bytes, member: MemberId) -> tuple[Told, Acknowledgement] | None:
        """Give a member's acknowledgement of a document."""
        found = [one for one in self.acknowledgements.get(digest_of(signed), []) if one[1].member == member]
        return found[-1] if found else None


def subject_of(proposal: Proposal) -> MemberId:
    """Give the member whom a proposal is about; for the terms of all the kind of change (`renew`), or the section."""
    change = proposal.change
    match change:
        case Admit():
            return _claimed(Application, change.application).member
        case Activate() | Suspend() | Reinstate():
            return change.member
        case Leave():
            return _claimed(LeaveNotice, change.notice).member
        case Rotate():
            return _claimed(RotationRequest, change.request[64:]).member
        case SetSection():
            return change.section
    return change.kind


class Reader:
    """
    Builds a view, as documents and rulebook versions come; `history` are the versions that this party trusts, in order.

    What cannot be verified yet (under a version that is not here, on a proposal that is not) is tried again with
    each new version.
    """

    def __init__(self, history: Iterable[Rulebook], now: int) -> None:
        self._versions = {one.digest: one for one in history}
        self._now = now
        self._failed: list[BoardDocument] = []
        self.view = BoardView()

    def add(self, version: Rulebook) -> None:
        """Take a next version."""
        self._versions[version.digest] = version
        failed, self._failed = self._failed, []
        self.read(failed)

    def read(self, documents: Iterable[BoardDocument], now: int | None = None) -> BoardView:
        """Take documents in the board's order; what fails is kept and counted."""
        self._now = self._now if now is None else now
        for document in documents:
            try:
                self._take(document)
            except CreditError:
                self._failed.append(document)
        self.view.refused, self.view.now = len(self._failed), self._now
        return self.view

    def _take(self, document: BoardDocument) -> None:
        told = Told(document.signed, document.sequence, document.time_ms // 1000)
        takers: dict[DocumentKind, Callable[[Told], None]] = {
            DocumentKind.APPLICATION: self._application,
            DocumentKind.PROPOSAL: self._proposal,
            DocumentKind.VOTE: self._vote,
            DocumentKind.DELIVERY: self._delivery,
            DocumentKind.EPOCH_OFFER: self._offer,
            DocumentKind.ACKNOWLEDGEMENT: self._acknowledgement,
            DocumentKind.CONFORMANCE_REPORT: self._report,
            DocumentKind.LEAVE_NOTICE: self._leave,
            DocumentKind.ROTATION: self._rotation,
            DocumentKind.READINESS: self._readiness,
        }
        if document.kind in takers:
            takers[document.kind](told)

    def _application(self, told: Told) -> None:
        self.view.applications[application_digest(told.signed)] = told, read_application(told.signed)

    def _proposal(self, told: Told) -> None:
        claimed = _claimed(Proposal, told.signed)
        ballot = Ballot(told.signed, self._version(claimed.base), min(self._now, claimed.issued_at))
        self.view.motions[proposal_digest(told.signed)] = Motion(told, ballot)

    def _vote(self, told: Told) -> None:
        motion = self.view.motions.get(_claimed(Vote, told.signed).proposal)
        if motion is None:
            raise CreditError(Code.VOTE_INVALID, "on a proposal that is not here")
        if motion.ballot.take(told.signed, self._now):
            motion.voted_at[_claimed(Vote, told.signed).approver] = told.at

    def _delivery(self, told: Told) -> None:
        rulebook = self._version(_claimed(Delivery, told.signed).rulebook)
        self.view.deliveries.append((told, read_delivery(told.signed, rulebook)))

    def _offer(self, told: Told) -> None:
        rulebook = self._version(_claimed(EpochOffer, told.signed).rulebook)
        self.view.offers.append((told, read_epoch_offer(told.signed, rulebook)))

    def _acknowledgement(self, told: Told) -> None:
        claimed = _claimed(Acknowledgement, told.signed)
        found = self._by_any_key(claimed.member, lambda key: read_acknowledgement(told.signed, key, claimed.consortium))
        self.view.acknowledgements.setdefault(found.document, []).append((told, found))

    def _by_any_key(self, member: MemberId, read: Callable[[bytes], Acknowledgement]) -> Acknowledgement:
        """Verify by any identity key that the member has had in a trusted version."""
        versions = reversed(self._versions.values())
        keys = [one.members[member].identity_key for one in versions if member in one.members]
        for key in dict.fromkeys(keys):
            try:
                return read(key)
            except CreditError:
                continue
        raise CreditError(Code.SIGNATURE_INVALID, "by nobody's key")

    def _report(self, told: Told) -> None:
        rulebook = self._version(_claimed(ConformanceReport, told.signed).rulebook)
        self.view.reports.append((told, read_report(told.signed, rulebook)))

    def _leave(self, told: Told) -> None:
        claimed = _claimed(LeaveNotice, told.signed)
        notice = check_leave(told.signed, self._any_with(claimed.member), min(self._now, claimed.issued_at))
        self.view.leaves[notice.member] = told, notice

    def _rotation(self, told: Told) -> None:
        claimed = _claimed(RotationRequest, told.signed[64:])
        for rulebook in reversed(self._versions.values()):
            try:
                request = check_rotation(told.signed, rulebook, min(self._now, claimed.issued_at))
            except CreditError:
                continue
            self.view.rotations[request.member] = told, request
            return
        raise CreditError(Code.NOTICE_INVALID, "a request that fits no version")

    def _readiness(self, told: Told) -> None:
        rulebook = self._version(_claimed(Readiness, told.signed).rulebook)
        self.view.readiness.append((told, read_readiness(told.signed, rulebook)))

    def _any_with(self, member: MemberId) -> Rulebook:
        """Give the newest version in which a member has not left."""
        for one in reversed(self._versions.values()):
            if member in one.members and one.members[member].status is not MemberStatus.LEFT:
                return one
        raise CreditError(Code.NOTICE_INVALID, "from somebody who is no member")

    def _version(self, digest: bytes) -> Rulebook:
        found = self._versions.get(digest)
        if found is None:
            raise CreditError(Code.RULEBOOK_MISMATCH, "under a version from before this party's first one")
        return found


def _claimed(form: type[DocumentT], signed: bytes) -> DocumentT:
    """Read what a document claims before anything of it is believed."""
    return parse_document(form, body_of(signed), Code.MALFORMED)
