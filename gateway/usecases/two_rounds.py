"""
What every question at the gateway has in common: its attempts, two rounds of signed messages, and the transcript.

A state machine without I/O. The driver sends what `call` and `answering_call` give to the members named, feeds what
comes back to `receive_round1` and `receive_round2`, and decides when a round is over.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet
from consortium.model.receipts import Round
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    Opening,
    RosterEntry,
    Round1Body,
    Round2Body,
    Signed,
    Transcript,
    digests_by_peer,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.tallies import Tally
from consortium.sums.pairs import differing_pairs, members_to_leave_out

ACCEPTED = "OK"
Message = Signed[Round1Body] | Signed[Round2Body]


class Attempt(Protocol):
    """The call of an attempt that is open."""

    @property
    def ctx(self) -> bytes:
        """The exchange."""
        ...

    @property
    def intended(self) -> MemberSet:
        """L."""
        ...


@dataclass
class TwoRounds(ABC):
    """
    The attempts of one admitted question.

    `roster` holds every active lender, with its mask key of the day where it has published one.
    """

    rounds: ClassVar[tuple[int, int]]
    """The numbers of the rounds on a node's stream."""
    labels: ClassVar[tuple[Label, Label]]
    """What messages of either round are signed under."""

    rulebook: Rulebook
    roster: tuple[RosterEntry, ...]
    attempt: int = field(default=0, kw_only=True)
    left_out: MemberSet = field(default=frozenset(), kw_only=True)
    admission: int = field(default=0, kw_only=True)
    """The index of its last admission's entry."""
    differing: list[tuple[MemberId, MemberId]] = field(default_factory=list, kw_only=True)
    outcomes: dict[MemberId, str] = field(default_factory=dict, kw_only=True)
    answering: MemberSet = field(default=frozenset(), kw_only=True)
    """U, once it is chosen: from then on somebody may have released."""
    _round1: dict[MemberId, Signed[Round1Body]] = field(default_factory=dict, kw_only=True)
    _round2: dict[MemberId, Signed[Round2Body]] = field(default_factory=dict, kw_only=True)

    @property
    @abstractmethod
    def digest(self) -> bytes:
        """The digest of the signed question."""

    @property
    @abstractmethod
    def _open(self) -> Attempt:
        """The attempt that is open; raises CreditError(CTX_UNKNOWN) before the first."""

    @property
    def intended(self) -> MemberSet:
        """L of the attempt that is open."""
        return self._open.intended

    @property
    def ctx(self) -> bytes:
        """The exchange that is open."""
        return self._open.ctx

    @property
    def missing_round1(self) -> MemberSet:
        """The intended members of which nothing has come yet."""
        return self.intended - frozenset(self.outcomes)

    @property
    def missing_round2(self) -> MemberSet:
        """The members of U that owe a correction."""
        return self.answering - frozenset(self._round2)

    @property
    def messages(self) -> tuple[tuple[Signed[Round1Body], ...], tuple[Signed[Round2Body], ...]]:
        """Give every accepted message of both rounds, sorted by member."""
        return (
            tuple(self._round1[member] for member in sorted(self._round1)),
            tuple(self._round2[member] for member in sorted(self._round2)),
        )

    @property
    def round1_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 1."""
        return {member: message_digest(self.labels[0], signed) for member, signed in self._round1.items()}

    @property
    def round2_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 2."""
        return {member: message_digest(self.labels[1], signed) for member, signed in self._round2.items()}

    def receive_round1(self, member: MemberId, raw: bytes) -> None:
        """Take a signed contribution; a bad one counts as none, and its outcome says why. The first one stands."""
        if member in self.missing_round1:
            self.outcomes[member] = outcome_of(lambda: self._take_round1(member, raw))

    def receive_refusal(self, member: MemberId, error: CreditError) -> None:
        """Note that a member refused to contribute, or was silent."""
        if member in self.missing_round1:
            self.outcomes[member] = error.code.value

    def receive_round2(self, member: MemberId, raw: bytes) -> None:
        """Take a signed correction; raises SIGNATURE_INVALID, MALFORMED or TRANSCRIPT_INVALID for a bad one."""
        if member in self.missing_round2:
            self._round2[member] = self._accept_round2(member, raw)

    def taken(self, number: int) -> tuple[Round, dict[MemberId, bytes]]:
        """Give the messages that were accepted in a round so far, by their digests."""
        digests = self.round1_digests if number == 1 else self.round2_digests
        of = Round(self.digest, self.admission, self.attempt, number)
        return of, {member: found for member, (found, _) in digests.items()}

    def _begin_attempt(self, attached: MemberSet, check: Callable[[MemberSet], None]) -> MemberSet:
        """Begin the next attempt and give its L; raises TOO_FEW_CONTRIBUTORS after the last, or what `check` raises."""
        if self.attempt == MAXIMUM_ATTEMPTS:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{MAXIMUM_ATTEMPTS} attempts failed")
        intended = (attached & frozenset(self._keyed)) - self.left_out
        check(intended)
        self.attempt += 1
        self._round1, self._round2, self.outcomes, self.answering = {}, {}, {}, frozenset()
        return intended

    def _pairs_agree(self) -> bool:
        """Say whether all pair digests agree; where they do not, members are left out of the next attempt."""
        digests = {member: digests_by_peer(signed.body, self._keyed) for member, signed in self._round1.items()}
        differing = differing_pairs(self._keyed, digests)
        self.differing += differing
        self.left_out |= members_to_leave_out(differing)
        return not differing

    def _transcript(self, tally: Tally, block: int) -> Transcript:
        """Add up; raises CreditError(TOO_FEW_CONTRIBUTORS) naming who owes a correction."""
        if not self.answering or self.missing_round2:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no correction from {', '.join(sorted(self.missing_round2))}")
        order = sorted(self.answering)
        return Transcript(
            roster=self.roster,
            attempt=self.attempt,
            intended=self.intended,
            members=self.answering,
            block=block,
            round1=tuple(self._round1[member] for member in order),
            round2=tuple(self._round2[member] for member in order),
            product=tally.total({member: self._round2[member].body.correction for member in order}),
        )

    @property
    def _keyed(self) -> tuple[MemberId, ...]:
        return members_with_keys(self.roster)

    def _raise_common_refusal(self) -> None:
        """Where more members than may collude refused for one cause, that cause is the question's."""
        refusals = Counter(code for code in self.outcomes.values() if code not in (ACCEPTED, Code.TOO_FEW_CONTRIBUTORS))
        for code, count in refusals.most_common(1):
            if count > self.rulebook.policy.colluders:
                raise CreditError(Code(code), f"{count} members refused")

    def _take_round1(self, member: MemberId, raw: bytes) -> None:
        self._round1[member] = self._accept_round1(member, raw)

    @abstractmethod
    def _accept_round1(self, member: MemberId, raw: bytes) -> Signed[Round1Body]:
        """Read and check a contribution."""

    @abstractmethod
    def _accept_round2(self, member: MemberId, raw: bytes) -> Signed[Round2Body]:
        """Read and check a correction."""


def check_author(rulebook: Rulebook, member: MemberId, ctx: bytes, signed: Message, label: Label) -> None:
    """Raise SIGNATURE_INVALID or TRANSCRIPT_INVALID unless a member signed a message about this exchange."""
    body = signed.body
    verify_signature(rulebook.active_member(member).identity_key, signed.signature, label, signed.raw)
    if opening_of(signed).digest != body.opening_digest:
        raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} opens another digest")
    if body.contributor != member or body.ctx != ctx:
        raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered another exchange")


def message_digest(label: Label, signed: Message) -> tuple[bytes, int]:
    """Give the digest of a message with its signature, and the member's own number of it."""
    return transcript_hash(label, signed.raw, signed.signature), opening_of(signed).counter


def opening_of(signed: Message) -> Opening:
    """Give what a message says to the gateway; raises CreditError(MALFORMED) where it says nothing."""
    if signed.opening is None:
        raise CreditError(Code.MALFORMED, "opening")
    return signed.opening


def outcome_of(accept: Callable[[], None]) -> str:
    """Accept a message; gives OK, or the code of what is wrong with it."""
    try:
        accept()
    except CreditError as error:
        return error.code.value
    return ACCEPTED
