"""A consortium's rulebook with every private key in reach, and what its members may sign."""

from dataclasses import dataclass, field
from typing import Any

from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.membership.applications import Application, LeaveNotice, RotationRequest, sign_application, sign_leave
from consortium.membership.ballots import Ballot, Decision
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.proposals import Change, Proposal
from consortium.membership.secrets import new_epoch_secret, offer_epoch
from consortium.membership.signed import sign_document
from consortium.membership.trusted import Signed, TrustedSet
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook, RulebookDocument
from demo.consortium import Foundation, Keys, Terms, found
from tests.support.world import LENDERS, NOW, seeded_rng

DAY = 86_400
LEI = "5493001KJTIIGC8Y1R12"
APPROVERS = ("lender-a", "lender-b")


@dataclass
class Registry:
    """The foundation's keys and a trusted set that follows."""

    foundation: Foundation
    trusted: TrustedSet
    rng: Randomness
    now: int = NOW
    newcomers: dict[MemberId, Keys] = field(default_factory=dict)

    @property
    def rulebook(self) -> Rulebook:
        return self.trusted.current

    @property
    def document(self) -> RulebookDocument:
        return self.rulebook.document

    def keys(self, member: MemberId) -> Keys:
        return self.newcomers[member] if member in self.newcomers else self.foundation.keys[member]

    def apply(self, member: str = "lender-new", **changes: Any) -> bytes:
        keys = self.newcomers.setdefault(member, Keys.create(self.rng))
        application = Application(
            consortium=self.document.consortium,
            member=member,
            role=Role.LENDER,
            legal_name="New Lending Ltd",
            licence="NL-2026-17",
            lei=LEI,
            group=f"{member}-group",
            book_size=5000,
            tiers=(Tier.DEFAULTS_ONLY, Tier.FULL),
            contact="+886 2 1234 5678",
            identity_key=keys.signer.public,
            hpke_key=keys.hpke.public_key().public_bytes_raw(),
            sponsor="lender-a",
            nonce=self.rng(32),
            issued_at=self.now,
        ).model_copy(update=changes)
        return sign_application(keys.signer, application)

    def leave(self, member: MemberId, **changes: object) -> bytes:
        notice = LeaveNotice(
            consortium=self.document.consortium, member=member, reason="sold", nonce=self.rng(32), issued_at=self.now
        )
        return sign_leave(self.keys(member).signer, notice.model_copy(update=changes))

    def rotation(self, member: MemberId, **keys: bytes) -> RotationRequest:
        return RotationRequest(
            consortium=self.document.consortium, member=member, nonce=self.rng(32), issued_at=self.now, **keys
        )

    def offer(self, maker: MemberId = "lender-a", *without: MemberId) -> bytes:
        secret = new_epoch_secret(self.document.epoch + 1, self.rng)
        return offer_epoch(self.rulebook, maker, frozenset(without), secret, self.keys(maker).signer, self.rng)

    def emergency(self, member: MemberId, **changes: object) -> bytes:
        notice = EmergencySuspension(
            consortium=self.document.consortium,
            rulebook=self.rulebook.digest,
            version=self.document.version,
            member=member,
            reason="its key was stolen",
            issued_at=self.now,
        )
        signer = self.keys("gateway").signer
        return sign_document(signer, Label.EMERGENCY_SUSPENSION, notice.model_copy(update=changes))

    def propose(self, change: Change, proposer: MemberId = "lender-a", **changes: object) -> bytes:
        proposal = Proposal(
            consortium=self.document.consortium,
            base=self.rulebook.digest,
            proposer=proposer,
            change=change,
            issued_at=self.now,
            expires_at=self.now + 365 * DAY,
        )
        return sign_document(self.keys(proposer).signer, Label.PROPOSAL, proposal.model_copy(update=changes))

    def ballot(self, change: Change) -> Ballot:
        return Ballot(self.propose(change), self.rulebook, self.now)

    def approve(self, change: Change, approvers: tuple[MemberId, ...] = APPROVERS) -> Signed:
        ballot = self.ballot(change)
        for approver in approvers:
            vote = ballot.cast(approver, Decision.APPROVE, "in order", self.keys(approver).signer, self.now)
            ballot.take(vote, self.now)
        return ballot.signed()

    def change(self, change: Change) -> Rulebook:
        """Carry a change through to the trusted set."""
        assert self.trusted.update(self.approve(change))
        return self.rulebook

    def sign(self, raw: bytes, *members: MemberId) -> Signed:
        return Signed(raw, {one: self.keys(one).signer.sign(Label.RULEBOOK, raw) for one in members})

    def successor(self, **changes: object) -> bytes:
        head = {"version": self.document.version + 1, "previous": self.rulebook.digest}
        return self.document.model_copy(update={**head, **changes}).to_bytes()

    def members_with(self, member: MemberId, **changes: object) -> tuple[object, ...]:
        return tuple(one.model_copy(update=changes) if one.id == member else one for one in self.document.members)


def registry(seed: bytes = b"registry", terms: Terms | None = None) -> Registry:
    rng = seeded_rng(seed)
    foundation = found(LENDERS, NOW, rng, terms or Terms())
    return Registry(foundation, TrustedSet(foundation.rulebook), rng)
