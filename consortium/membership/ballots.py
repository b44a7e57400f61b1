"""
Votes on a proposal, counted by controlling group; an approval is the signature under the rulebook that it makes.

A vote names the proposal by its digest and so everything in it, the application above all: what is changed after a
vote is another proposal, for which the vote does not count. A rejection carries its reason to the applicant.
"""

from copy import copy
from enum import StrEnum
from typing import Self

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.proposals import PROPOSAL_LIFETIME, next_rulebook, proposal_digest, read_proposal
from consortium.membership.signed import open_document, sign_document
from consortium.membership.trusted import Signed
from consortium.model.document import Bytes, Document, Id, Key32, Line
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Rulebook, check_approved
from consortium.model.signing import SIGNATURE_BYTES, Signer, verify_signature


class Decision(StrEnum):
    """What an approver decides."""

    APPROVE = "approve"
    REJECT = "reject"


class Outcome(StrEnum):
    """Where a ballot stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


class Vote(Document):
    """One approver's decision; `signature` is that under the next rulebook's bytes, empty in a rejection."""

    consortium: Id
    proposal: Key32
    rulebook: Key32
    version: int = Field(ge=2)
    approver: Id
    decision: Decision
    reason: Line
    signature: Bytes = b""
    cast_at: int = Field(ge=0)


class Ballot:
    """One proposal on the rulebook in force, with its votes; after a restart it is built anew from the same bytes."""

    def __init__(self, proposal: bytes, rulebook: Rulebook, now: int) -> None:
        """Verify a proposal and build what it makes; raises as `read_proposal` and `next_rulebook`."""
        self.proposal = read_proposal(proposal, rulebook, now)
        self.digest = proposal_digest(proposal)
        self.next = next_rulebook(rulebook, self.proposal)
        self.raw = self.next.to_bytes()
        self._rulebook = rulebook
        self._votes: dict[MemberId, Vote] = {}

    @property
    def votes(self) -> tuple[Vote, ...]:
        """The votes that count, by approver."""
        return tuple(vote for _, vote in sorted(self._votes.items()))

    @property
    def outcome(self) -> Outcome:
        """Say whether the version is signed by enough groups, or can no longer be."""
        if self._is_approved():
            return Outcome.APPROVED
        return Outcome.OPEN if self._can_be_approved() else Outcome.REJECTED

    @property
    def waiting_for(self) -> tuple[MemberId, ...]:
        """The approvers that have not voted."""
        return tuple(one for one in sorted(self._approvers()) if one not in self._votes)

    def is_too_old(self, now: int) -> bool:
        """Say whether a vote comes too late."""
        return now > self.proposal.issued_at + PROPOSAL_LIFETIME

    def cast(self, approver: MemberId, decision: Decision, reason: str, signer: Signer, now: int) -> bytes:
        """Sign an approver's vote; gives the bytes that travel. To approve is to sign the rulebook built here."""
        approves = decision is Decision.APPROVE
        vote = Vote(
            consortium=self.proposal.consortium,
            proposal=self.digest,
            rulebook=self._rulebook.digest,
            version=self.next.version,
            approver=approver,
            decision=decision,
            reason=reason,
            signature=signer.sign(Label.RULEBOOK, self.raw) if approves else b"",
            cast_at=now,
        )
        return sign_document(signer, Label.VOTE, vote)

    def copy(self) -> Self:
        """Give the same ballot with votes of its own, to see what one more vote would make of it."""
        twin = copy(self)
        twin._votes = dict(self._votes)  # noqa: SLF001  it is one of ours
        return twin

    def take(self, signed: bytes, now: int) -> bool:
        """
        Count a vote; False for one that was counted before.

        Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (CLOCK_OFF), (VOTE_REPEATED) for a second, different vote
        of one approver, or (VOTE_INVALID) for one on another proposal or version, one that comes too late, or by
        somebody who may not vote.
        """
        vote = open_document(Vote, signed, Label.VOTE, lambda one: self._key(one.approver), Code.MALFORMED)
        self._check_subject(vote)
        if vote.cast_at > now + self._rulebook.policy.clock_skew:
            raise CreditError(Code.CLOCK_OFF, "a vote dated in the future")
        if self.is_too_old(vote.cast_at):
            raise CreditError(Code.VOTE_INVALID, "the proposal was too old to vote on")
        self._check_signature(vote)
        known = self._votes.get(vote.approver)
        if known == vote:
            return False
        if known is not None:
            raise CreditError(Code.VOTE_REPEATED, "the first vote stands")
        self._votes[vote.approver] = vote
        return True

    def signed(self) -> Signed:
        """Give the approved version with its signatures; raises CreditError(RULEBOOK_INVALID) while too few signed."""
        signatures = self._signatures()
        check_approved(self.raw, signatures, self._rulebook.document, self._rulebook.document)
        check_approved(self.raw, signatures, self.next, self._rulebook.document)
        return Signed(self.raw, signatures)

    def _check_subject(self, vote: Vote) -> None:
        if vote.proposal != self.digest or vote.consortium != self.proposal.consortium:
            raise CreditError(Code.VOTE_INVALID, "the vote is on another proposal, or it was changed after the vote")
        if (vote.rulebook, vote.version) != (self._rulebook.digest, self.next.version):
            raise CreditError(Code.VOTE_INVALID, "the vote is for another rulebook version")

    def _check_signature(self, vote: Vote) -> None:
        if vote.decision is Decision.APPROVE:
            verify_signature(self._key(vote.approver), vote.signature, Label.RULEBOOK, self.raw)
        elif vote.signature:
            raise CreditError(Code.VOTE_INVALID, f"a rejection with {SIGNATURE_BYTES} bytes of approval")

    def _approvers(self) -> dict[MemberId, Member]:
        """Give who may vote: active approvers of the version in force, and of the next one that are active there."""
        both = (self._rulebook.document, self.next)
        return {
            member.id: self._rulebook.members.get(member.id, member)
            for document in both
            for member in document.members
            if member.id in document.approvers.members and member.status is MemberStatus.ACTIVE
        }

    def _key(self, approver: MemberId) -> bytes:
        found = self._approvers().get(approver)
        if found is None:
            raise CreditError(Code.VOTE_INVALID, "by somebody who is no active approver")
        return found.identity_key

    def _signatures(self) -> dict[MemberId, bytes]:
        approvals = (vote for vote in self.votes if vote.decision is Decision.APPROVE)
        return {vote.approver: vote.signature for vote in approvals}

    def _is_approved(self) -> bool:
        try:
            self.signed()
        except CreditError:
            return False
        return True

    def _can_be_approved(self) -> bool:
        rejecting = {vote.approver for vote in self.votes if vote.decision is Decision.REJECT}
        possible = {member.group for one, member in self._approvers().items() if one not in rejecting}
        threshold = max(self._rulebook.document.approvers.threshold, self.next.approvers.threshold)
        return len(possible) >= threshold
