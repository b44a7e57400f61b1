"""
The public side of a ceremony: every signed message, what follows from them, and whose fault it is if nothing does.

Anybody who has the plan and the messages comes to the same result: parties during the ceremony, approvers before
they sign the share keys into a rulebook, auditors later. Every fault here is *proven* by the sender's own signatures.
Silence is not, and so is no fault: `waiting_for` names it, and the operator begins a new attempt with or without
that party. Any fault aborts the ceremony; its polynomials are never used, and nobody is left out and carried on
without, which would let an absentee choose among keys (Gennaro, Jarecki, Krawczyk, Rabin 1999, section 3).

A complaint is decided by the dealer's answer: share and seal randomness, from which everybody builds the sealed
bytes again. If they are those of the transcript and the share fits, the complaint was false; else the dealer is at
fault. What is published is one share that the complaining receiver has (or that never was one), of polynomials
that are then thrown away; the receiver could have published it itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from consortium.ceremony.messages import (
    Answer,
    Commit,
    Confirm,
    Message,
    Open,
    RevealedShare,
    Round,
    Verdict,
    message_name,
    opening_digest,
    read_message,
    transcript_digest,
)
from consortium.ceremony.plan import Kind, Plan
from consortium.errors import Code, CreditError
from consortium.hashing import encode_fields, transcript_hash
from consortium.labels import Label
from consortium.membership.signed import body_of
from consortium.model.keys import check_mask_key
from consortium.model.members import MemberId
from consortium.model.rulebook import HolderKey, Oprf, threshold_key
from consortium.oprf import dealing, group
from consortium.oprf.sharing import ShareKey, ThresholdKey
from consortium.sealing.hpke import OVERHEAD_BYTES, seal

SEALED_SHARE_BYTES = group.SCALAR_BYTES + OVERHEAD_BYTES


T = TypeVar("T", Commit, Open, Answer)


class Phase(StrEnum):
    """Where a ceremony stands; the first five are waiting for the messages of that round."""

    COMMIT = "commit"
    OPEN = "open"
    VERDICT = "verdict"
    ANSWER = "answer"
    CONFIRM = "confirm"
    DONE = "done"
    DIVERGED = "diverged"
    ABORTED = "aborted"


class Reason(StrEnum):
    """What a party did."""

    EQUIVOCATION = "two different messages in one round"
    COMMITMENT = "a commitment with parts missing, or a weak key"
    OPENING = "an opening that is not the one committed to"
    DEALING = "commitments of another degree or constant term, or no share for each receiver"
    POSSESSION = "no proof that it knows its constant term"
    COMPLAINT = "a complaint about nobody or about a good share"
    SHARE = "a sealed share off its polynomial"
    CONFIRMATION = "a confirmation that contradicts itself"
    OUT_OF_TURN = "a message that is not its to send"


@dataclass(frozen=True, slots=True)
class Fault:
    """A proven fault: who, what, and the signed messages that prove it to anybody who has the plan."""

    member: MemberId
    reason: Reason
    evidence: tuple[bytes, ...]


class Transcript:
    """The messages of one ceremony so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._raw: dict[tuple[Round, MemberId], bytes] = {}
        self._parsed: dict[tuple[Round, MemberId], Message] = {}
        self._proven: list[Fault] = []

    def take(self, signed: bytes) -> bool:
        """
        Take a message in any order; False for one that is known.

        Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (CEREMONY_OTHER) for what proves nothing about anybody.
        A second, different message of one sender and round is kept as proof, and aborts.
        """
        message = read_message(signed, self.plan)
        place = (message.round, message.sender)
        known = self._raw.get(place)
        if known is not None and body_of(known) == body_of(signed):
            return False
        if known is not None:
            self._prove(message.sender, Reason.EQUIVOCATION, known, signed)
            return True
        self._raw[place], self._parsed[place] = signed, message
        for reason in self._problems(message):
            self._prove(message.sender, reason, signed)
        self._judge()
        return True

    @property
    def messages(self) -> tuple[bytes, ...]:
        """Every message taken, in the order of rounds and senders."""
        return tuple(self._raw[place] for place in sorted(self._raw, key=_order))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault proven so far."""
        return tuple(self._proven)

    @property
    def phase(self) -> Phase:
        """Where the ceremony stands."""
        if self._proven:
            return Phase.ABORTED
        for round_ in Round:
            if self._missing(round_):
                return Phase(round_.value)
        return Phase.DIVERGED if self.divergence() else Phase.DONE

    @property
    def waiting_for(self) -> tuple[MemberId, ...]:
        """Who has not sent its message of the present round."""
        phase = self.phase
        return self._missing(Round(phase.value)) if phase.value in set(Round) else ()

    def known(self, round_: Round, sender: MemberId) -> bool:
        """Say whether a sender's message of a round is here."""
        return (round_, sender) in self._raw

    def sent_by(self, member: MemberId) -> tuple[bytes, ...]:
        """Give a party's messages, in the order of rounds."""
        return tuple(self._raw[place] for place in sorted(self._raw, key=_order) if place[1] == member)

    def opening(self, dealer: MemberId) -> Open:
        """Give a dealer's opening; it must be here."""
        return self._of(Open, Round.OPEN, dealer)

    def receiving_key(self, receiver: MemberId) -> bytes:
        """Give a receiver's key for this ceremony; its commitment must be here."""
        key = self._of(Commit, Round.COMMIT, receiver).receiving_key
        if key is None:
            raise CreditError(Code.CEREMONY_UNFINISHED, f"no receiving key of {receiver}")
        return key

    def complaints(self) -> dict[MemberId, tuple[MemberId, ...]]:
        """Give the receivers that complain, by the dealer that they complain about."""
        verdicts = [self._parsed[Round.VERDICT, one] for one in self.plan.seats if self.known(Round.VERDICT, one)]
        found = [(dealer, one.sender) for one in verdicts if isinstance(one, Verdict) for dealer in one.complaints]
        return {dealer: tuple(who for accused, who in found if accused == dealer) for dealer, _ in sorted(found)}

    def heads(self) -> dict[str, bytes]:
        """Give the digest of every message before the confirmations; with an answer there is nothing to confirm."""
        return {
            message_name(*place): transcript_hash(Label.CEREMONY_TRANSCRIPT, body_of(raw))
            for place, raw in sorted(self._raw.items(), key=lambda one: _order(one[0]))
            if place[0] in (Round.COMMIT, Round.OPEN, Round.VERDICT)
        }

    @property
    def digest(self) -> bytes:
        """The digest that everybody confirms, over plan and messages."""
        return transcript_digest(self.plan, self.heads())

    def divergence(self) -> tuple[str, ...]:
        """
        Name the messages that a confirmation lists otherwise than they are here.

        Compare the two copies of such a message: given to `take`, the other copy proves who signed both.
        """
        mine = self.heads()
        others = [one.messages for one in self._parsed.values() if isinstance(one, Confirm)]
        differ = {name for heads in others for name in mine.keys() | heads if mine.get(name) != heads.get(name)}
        return tuple(sorted(differ))

    def check_aborted(self) -> None:
        """Raise CreditError(CEREMONY_FAULT) naming the guilty once a fault is proven."""
        if self._proven:
            fault = self._proven[0]
            raise CreditError(Code.CEREMONY_FAULT, f"{fault.member}: {fault.reason}")

    def key(self) -> ThresholdKey:
        """
        Give the share keys that follow from the openings, once everybody confirmed.

        Raises CreditError(CEREMONY_FAULT), (CEREMONY_UNFINISHED), or (SHARE_KEYS_INCONSISTENT) in the unreachable
        case that they are of another key than the one that was to be shared anew.
        """
        self._check_done()
        plan = self.plan
        share_keys = tuple(ShareKey(seat.index, self.share_key(seat.member)) for seat in plan.receivers)
        key = ThresholdKey(plan.threshold, share_keys)
        if plan.base is not None and key.public != threshold_key(plan.base).public:
            raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "the new shares are of another key")
        return key

    def share_key(self, receiver: MemberId) -> bytes:
        """Give a receiver's new share key, from all openings."""
        index = self.plan.seats[receiver]
        total = self.plan.old_share_keys[receiver] if self.plan.kind is Kind.REFRESH else group.IDENTITY
        for dealer, weight in self.plan.weights().items():
            part = dealing.share_key(self.opening(dealer).commitments, index)
            total = group.add(total, part if weight == 1 else group.scale(weight, part))
        return total

    def oprf(self, secrets: bytes) -> Oprf:
        """
        Give what the rulebook will say of the finished ceremony; raises as `key`.

        `secrets` is the fingerprint of the generation's secrets: the present one's for new shares.
        """
        public = {one.holder: one.public for one in self.key().share_keys}
        return Oprf(
            generation=self.plan.generation,
            revision=self.plan.revision,
            transcript=self.digest,
            secrets=secrets,
            threshold=self.plan.threshold,
            holders=tuple(
                HolderKey(member=seat.member, index=seat.index, share_key=public[seat.index])
                for seat in self.plan.receivers
            ),
        )

    def _check_done(self) -> None:
        self.check_aborted()
        if self.phase is not Phase.DONE:
            waiting = ", ".join(self.waiting_for or self.divergence())
            raise CreditError(Code.CEREMONY_UNFINISHED, f"{self.phase}: {waiting}")

    def _expected(self, round_: Round) -> tuple[MemberId, ...]:
        plan = self.plan
        match round_:
            case Round.OPEN:
                return plan.dealers
            case Round.VERDICT:
                return tuple(plan.seats)
            case Round.ANSWER:
                return tuple(self.complaints())
            case _:
                return plan.names

    def _missing(self, round_: Round) -> tuple[MemberId, ...]:
        return tuple(sorted(one for one in self._expected(round_) if not self.known(round_, one)))

    def _problems(self, message: Message) -> Iterator[Reason]:
        """Judge one message by itself and the plan."""
        sender, plan = message.sender, self.plan
        match message:
            case Commit():
                if not _commit_is_whole(message, plan):
                    yield Reason.COMMITMENT
            case Open():
                if sender not in plan.dealers:
                    yield Reason.OUT_OF_TURN
                else:
                    yield from self._opening_problems(message)
            case Verdict():
                yield from _verdict_problems(message, plan)
            case Confirm():
                if message.transcript != transcript_digest(plan, message.messages):
                    yield Reason.CONFIRMATION
            case Answer():
                return

    def _opening_problems(self, opening: Open) -> Iterator[Reason]:
        plan = self.plan
        whole = set(opening.shares) == set(plan.seats)
        if not whole or any(len(sealed) != SEALED_SHARE_BYTES for sealed in opening.shares.values()):
            yield Reason.DEALING
            return
        try:
            dealing.check_commitments(opening.commitments, plan.threshold, plan.constant(opening.sender))
        except CreditError:
            yield Reason.DEALING
            return
        if not _possession_is_proven(plan, opening):
            yield Reason.POSSESSION

    def _judge(self) -> None:
        """Judge what takes two messages: openings against commitments, answers against complaints."""
        for dealer in self.plan.dealers:
            places = ((Round.COMMIT, dealer), (Round.OPEN, dealer))
            if all(place in self._raw for place in places) and not self._opens_its_commitment(dealer):
                self._prove(dealer, Reason.OPENING, *(self._raw[place] for place in places))
        if self._ready_to_judge():
            complaints = self.complaints()
            for dealer in self.plan.names:
                self._judge_answer(dealer, complaints.get(dealer, ()))

    def _opens_its_commitment(self, dealer: MemberId) -> bool:
        return self._of(Commit, Round.COMMIT, dealer).opening == opening_digest(self.opening(dealer))

    def _ready_to_judge(self) -> bool:
        return not self._proven and not any(self._missing(one) for one in (Round.COMMIT, Round.OPEN, Round.VERDICT))

    def _judge_answer(self, dealer: MemberId, complainers: tuple[MemberId, ...]) -> None:
        if not self.known(Round.ANSWER, dealer):
            return
        answer = self._of(Answer, Round.ANSWER, dealer)
        if not complainers:
            self._prove(dealer, Reason.OUT_OF_TURN, self._raw[Round.ANSWER, dealer])
        for complainer in complainers:
            keys, claim = (Round.COMMIT, complainer), (Round.VERDICT, complainer)
            evidence = tuple(self._raw[one] for one in (keys, (Round.OPEN, dealer), claim, (Round.ANSWER, dealer)))
            revealed = answer.shares.get(complainer)
            if revealed is not None and self._is_good(dealer, complainer, revealed):
                self._prove(complainer, Reason.COMPLAINT, *evidence)
            else:
                self._prove(dealer, Reason.SHARE, *evidence)

    def _is_good(self, dealer: MemberId, receiver: MemberId, revealed: RevealedShare) -> bool:
        opening, info = self.opening(dealer), share_info(self.plan, dealer, receiver)
        rebuilt = seal(self.receiving_key(receiver), info, revealed.share, revealed.ephemeral)
        if rebuilt != opening.shares[receiver]:
            return False
        try:
            share = group.decode_scalar(revealed.share)
            dealing.check_share(share, opening.commitments, self.plan.seats[receiver])
        except CreditError:
            return False
        return True

    def _prove(self, member: MemberId, reason: Reason, *evidence: bytes) -> None:
        fault = Fault(member, reason, evidence)
        if fault not in self._proven:
            self._proven.append(fault)

    def _of(self, form: type[T], round_: Round, sender: MemberId) -> T:
        message = self._parsed.get((round_, sender))
        if not isinstance(message, form):
            raise CreditError(Code.CEREMONY_UNFINISHED, f"{round_} of {sender} is missing")
        return message


def share_info(plan: Plan, dealer: MemberId, receiver: MemberId) -> bytes:
    """Give the HPKE info under which a share is sealed: ceremony, dealer, receiver."""
    return encode_fields(Label.CEREMONY_SHARE, plan.id, dealer.encode(), receiver.encode())


def possession_context(plan: Plan, dealer: MemberId) -> bytes:
    """Give the context of a dealer's proof of possession."""
    return encode_fields(Label.DEALING_POSSESSION, plan.id, dealer.encode())


def verify_ceremony(plan: Plan, messages: tuple[bytes, ...]) -> Transcript:
    """
    Verify a finished ceremony from its messages alone, as an approver does; its `key` and `oprf` may then be used.

    Raises as `Transcript.take` and `Transcript.key`. That the plan fits the rulebook is `check_plan_under`.
    """
    transcript = Transcript(plan)
    for message in messages:
        transcript.take(message)
    transcript.key()
    return transcript


def _commit_is_whole(message: Commit, plan: Plan) -> bool:
    deals, receives = message.sender in plan.dealers, message.sender in plan.seats
    if (message.opening is not None, message.receiving_key is not None) != (deals, receives):
        return False
    try:
        if message.receiving_key is not None:
            check_mask_key(message.receiving_key)
    except CreditError:
        return False
    return True


def _verdict_problems(message: Verdict, plan: Plan) -> Iterator[Reason]:
    accused = message.complaints
    if message.sender not in plan.seats:
        yield Reason.OUT_OF_TURN
    if len(set(accused)) != len(accused) or not set(accused) <= set(plan.dealers):
        yield Reason.COMPLAINT


def _possession_is_proven(plan: Plan, opening: Open) -> bool:
    if plan.kind is not Kind.NEW:
        return opening.proof == b""
    try:
        dealing.check_possession(opening.commitments[0], opening.proof, possession_context(plan, opening.sender))
    except CreditError:
        return False
    return True


def _order(place: tuple[Round, MemberId]) -> tuple[int, MemberId]:
    return list(Round).index(place[0]), place[1]
