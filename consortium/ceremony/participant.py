"""
One party of a ceremony: a state machine that takes messages and says which one it owes; bytes in, bytes out.

Everything that it ever sends derives from the plan, a 32-byte seed of its own and the messages it took, so that a
restart at any point sends the same bytes again and never two different ones. The shell around it keeps three
things on disk, in this order: the state (`to_bytes`, owner-only) *before* it sends what `due` gave; the new share,
once `finish` gave it; then nothing more: state and old share are destroyed. The seed opens every share that was
sealed to this party, so a refresh that leaves it on disk has refreshed nothing.
"""

from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.canonical import canonical_json
from consortium.ceremony.messages import (
    Answer,
    Commit,
    Confirm,
    Message,
    Open,
    RevealedShare,
    Round,
    Verdict,
    opening_digest,
    sign_message,
)
from consortium.ceremony.plan import Kind, Plan
from consortium.ceremony.transcript import Phase, Transcript, possession_context, share_info
from consortium.errors import Code, CreditError
from consortium.hashing import derive
from consortium.labels import Label
from consortium.membership.signed import parse_document
from consortium.model.document import Bytes, Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.oprf import dealing, group
from consortium.oprf.sharing import KeyShare
from consortium.sealing.hpke import derive_key_pair, open_sealed, seal
from consortium.silent import Silent

SEED_BYTES = 32


class _State(Silent, Document):
    """What a party keeps between restarts; it holds the seed."""

    plan: Bytes
    member: Id
    seed: Key32
    messages: tuple[Bytes, ...] = ()


class Participant(Silent):
    """A dealer, a receiver or both; `share` is its present share of the base, for those who deal or refresh."""

    def __init__(
        self, plan: Plan, member: MemberId, signer: Signer, seed: bytes, share: KeyShare | None = None
    ) -> None:
        """Raise CreditError(CEREMONY_INVALID) for a stranger, a short seed or a share of another key."""
        if member not in plan.names or len(seed) != SEED_BYTES:
            raise CreditError(Code.CEREMONY_INVALID, "no party of this plan, or a seed of another length")
        self.transcript = Transcript(plan)
        self._plan, self._member, self._signer, self._seed = plan, member, signer, seed
        self._share = self._checked(share)

    @classmethod
    def resume(cls, state: bytes, signer: Signer, share: KeyShare | None = None) -> Self:
        """Continue from `to_bytes`; raises CreditError(CEREMONY_INVALID) and as the messages once did."""
        kept = parse_document(_State, state, Code.CEREMONY_INVALID)
        party = cls(Plan.from_bytes(kept.plan), kept.member, signer, kept.seed, share)
        for message in kept.messages:
            party.take(message)
        return party

    def to_bytes(self) -> bytes:
        """Give the state to keep; secret, for its seed."""
        state = _State(
            plan=self._plan.to_bytes(), member=self._member, seed=self._seed, messages=self.transcript.messages
        )
        return canonical_json(state.model_dump(mode="json"))

    @property
    def phase(self) -> Phase:
        """Where the ceremony stands."""
        return self.transcript.phase

    def take(self, signed: bytes) -> bool:
        """Take a message of any party; as `Transcript.take`."""
        return self.transcript.take(signed)

    def due(self) -> bytes | None:
        """
        Give the message that this party owes in the present phase, None where it owes none.

        It is part of the transcript from then on: keep the state, then send it, as often as needed. A dealer opens
        only when every commitment is here: nobody chooses a polynomial knowing another's.
        """
        transcript = self.transcript
        if self._member not in transcript.waiting_for:
            return None
        signed = sign_message(self._signer, self._message(Round(transcript.phase.value)))
        transcript.take(signed)
        return signed

    def sent(self) -> tuple[bytes, ...]:
        """Give what this party has sent so far, to send it again."""
        return self.transcript.sent_by(self._member)

    def finish(self) -> KeyShare:
        """
        Give this receiver's new share, checked against its share key, once everybody confirmed.

        Raises CreditError(CEREMONY_FAULT), (CEREMONY_UNFINISHED), (CEREMONY_INVALID) for a party that only dealt.
        """
        key = self.transcript.key()
        if self._member not in self._plan.seats:
            raise CreditError(Code.CEREMONY_INVALID, "this party receives no share")
        index = self._plan.seats[self._member]
        base = self._share.secret if self._plan.kind is Kind.REFRESH and self._share else 0
        weights = self._plan.weights()
        total = base + sum(weights[dealer] * self._opened(dealer) for dealer in self._plan.dealers)
        share = KeyShare(index, total % group.ORDER)
        if share.key != key.share_key(index):
            raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "the new share is not that of its share key")
        return share

    def _message(self, round_: Round) -> Message:
        match round_:
            case Round.COMMIT:
                return self._commit()
            case Round.OPEN:
                return self._open()
            case Round.VERDICT:
                complaints = tuple(dealer for dealer in sorted(self._plan.dealers) if not self._is_good(dealer))
                return Verdict(ceremony=self._plan.id, sender=self._member, complaints=complaints)
            case Round.ANSWER:
                shares = {one: self._revealed(one) for one in self.transcript.complaints()[self._member]}
                return Answer(ceremony=self._plan.id, sender=self._member, shares=shares)
            case Round.CONFIRM:
                digest, heads = self.transcript.digest, self.transcript.heads()
                return Confirm(ceremony=self._plan.id, sender=self._member, transcript=digest, messages=heads)

    def _commit(self) -> Commit:
        me, seats, dealers = self._member, self._plan.seats, self._plan.dealers
        return Commit(
            ceremony=self._plan.id,
            sender=me,
            opening=opening_digest(self._unsealed()) if me in dealers else None,
            receiving_key=self._receiving().public_key().public_bytes_raw() if me in seats else None,
        )

    def _unsealed(self) -> Open:
        """Make the opening without its shares."""
        chosen, proof = self._polynomial(), b""
        if self._plan.kind is Kind.NEW:
            context = possession_context(self._plan, self._member)
            proof = dealing.prove_possession(self._seed, context, chosen.coefficients[0])
        return Open(ceremony=self._plan.id, sender=self._member, commitments=chosen.commitments, proof=proof, shares={})

    def _open(self) -> Open:
        return self._unsealed().model_copy(update={"shares": {one: self._sealed(one) for one in self._plan.seats}})

    def _polynomial(self) -> dealing.Polynomial:
        kind, share = self._plan.kind, self._share
        constant = 0 if kind is Kind.REFRESH else None
        if kind is Kind.RESHARE:
            constant = share.secret if share else 0
        return dealing.polynomial(self._seed, self._plan.id, self._plan.threshold, constant)

    def _sealed(self, receiver: MemberId) -> bytes:
        revealed, info = self._revealed(receiver), share_info(self._plan, self._member, receiver)
        return seal(self.transcript.receiving_key(receiver), info, revealed.share, revealed.ephemeral)

    def _revealed(self, receiver: MemberId) -> RevealedShare:
        """Give a share with the randomness of its seal: what is sealed, and what an answer to a complaint shows."""
        share = group.encode_scalar(self._polynomial().share(self._plan.seats[receiver]))
        ephemeral = derive(self._seed, Label.DEALING_EPHEMERAL, self._plan.id, receiver.encode())
        return RevealedShare(share=share, ephemeral=ephemeral)

    def _receiving(self) -> X25519PrivateKey:
        return derive_key_pair(derive(self._seed, Label.DEALING_RECEIVING, self._plan.id))

    def _opened(self, dealer: MemberId) -> int:
        """Open and check the share of a dealer; raises CreditError for one that a complaint is due about."""
        opening, info = self.transcript.opening(dealer), share_info(self._plan, dealer, self._member)
        share = group.decode_scalar(open_sealed(self._receiving(), info, opening.shares[self._member]))
        dealing.check_share(share, opening.commitments, self._plan.seats[self._member])
        return share

    def _is_good(self, dealer: MemberId) -> bool:
        try:
            self._opened(dealer)
        except CreditError:
            return False
        return True

    def _checked(self, share: KeyShare | None) -> KeyShare | None:
        """Hold the present share to the base: who re-shares or refreshes needs the one that is pinned."""
        plan = self._plan
        receives, deals = self._member in plan.seats, self._member in plan.dealers
        needed = (plan.kind is Kind.RESHARE and deals) or (plan.kind is Kind.REFRESH and receives)
        if not needed:
            return None
        if share is None or share.key.public != plan.old_share_keys[self._member]:
            raise CreditError(Code.CEREMONY_INVALID, "the present share is not the one that the rulebook pins")
        return share
