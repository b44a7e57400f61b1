"""A consortium's rulebook with every private key in reach, and what its members may sign."""

from dataclasses import dataclass, field
from typing import Any

from consortium.errors import Code
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.membership.applications import Application, LeaveNotice, RotationRequest, sign_application, sign_leave
from consortium.membership.ballots import Ballot, Decision
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.generations import Readiness, generation_name, offer_generation, sign_readiness
from consortium.membership.proposals import Announce, Change, Proposal
from consortium.membership.secrets import (
    GenerationSecrets,
    generation_fingerprint,
    new_epoch_secret,
    new_generation_secrets,
    offer_epoch,
)
from consortium.membership.signed import body_of, parse_document, sign_document
from consortium.membership.trusted import Signed, TrustedSet
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook, RulebookDocument
from consortium.oprf.sharing import KeyShare
from demo.consortium import Foundation, Keys, Terms, found
from tests.support.dealer import deal_new
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
    dealt: list[KeyShare] = field(default_factory=list)
    """The shares of the key that was announced last; its generation's secrets are in `generation_secrets`."""
    generation_secrets: GenerationSecrets | None = None

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

    def generation_offer(self, maker: MemberId = "lender-a") -> tuple[GenerationSecrets, bytes]:
        """Give the next generation's secrets, and the offer that seals them to every lender."""
        secrets = new_generation_secrets(self.document.oprf.generation + 1, self.rng)
        return secrets, offer_generation(self.rulebook, maker, secrets, self.keys(maker).signer, self.rng)

    def announcement(self, maker: MemberId = "lender-a") -> Announce:
        """Give an announcement with a key that a dealer made."""
        secrets, offer = self.generation_offer(maker)
        self.dealt, key = deal_new(2, 3, self.rng)
        self.generation_secrets, old = secrets, self.document.oprf
        holders = tuple(
            one.model_copy(update={"share_key": share.public})
            for one, share in zip(old.holders, key.share_keys, strict=True)
        )
        fingerprint = generation_fingerprint(self.document.consortium, secrets)
        changes = {"generation": old.generation + 1, "revision": 1, "secrets": fingerprint, "holders": holders}
        return Announce(oprf=old.model_copy(update=changes | {"transcript": b"t" * 32}), offer=offer)

    def ready(self, who: MemberId, **changes: object) -> bytes:
        """Give a lender's word that it is ready for the announced generation."""
        upcoming = self.document.upcoming
        name = generation_name(upcoming) if upcoming else b"n" * 32
        signed = sign_readiness(self.keys(who).signer, self.rulebook, who, name, self.now)
        said = parse_document(Readiness, body_of(signed), Code.MALFORMED).model_copy(update=changes)
        return sign_document(self.keys(who).signer, Label.READINESS, said)

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
