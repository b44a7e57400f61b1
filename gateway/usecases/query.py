"""
One query at the gateway: admission, the two rounds and the hidden sum, as a state machine without I/O.

The driver sends what `call` and `answering_call` give to the members named, feeds what comes back to
`receive_round1` and `receive_round2`, and decides when a round is over. The gateway sees ciphertexts, digests and
corrections; it never sees a mask, a tag or a number.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.query import SignedQuery
from consortium.model.receipts import Round
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    Bound,
    Opening,
    RosterEntry,
    Round1Body,
    Round1Request,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
    digests_by_peer,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.tallies import Tally, check_form
from consortium.rules.travel import check_travel_answer
from consortium.sums.pairs import differing_pairs, members_to_leave_out
from consortium.wire.rounds import (
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
)
from gateway.policy.selection import Selection, choose_answering_set

ACCEPTED = "OK"


@dataclass
class QueryRun:
    """
    The attempts of one admitted query.

    `roster` holds every active lender, with its mask key of the day where it has published one; `tally` adds up what
    comes, in the query's suite.
    """

    rounds: ClassVar[tuple[int, int]] = (1, 2)

    query: SignedQuery
    rulebook: Rulebook
    roster: tuple[RosterEntry, ...]
    tally: Tally
    attempt: int = 0
    left_out: MemberSet = frozenset()
    admission: int = 0
    """The index of its admission's entry."""
    differing: list[tuple[MemberId, MemberId]] = field(default_factory=list)
    outcomes: dict[MemberId, str] = field(default_factory=dict)
    _request: Round1Request | None = None
    _round1: dict[MemberId, Signed[Round1Body]] = field(default_factory=dict)
    _round2: dict[MemberId, Signed[Round2Body]] = field(default_factory=dict)
    _selection: Selection | None = None

    def call(self, attached: MemberSet) -> bytes:
        """
        Open the next attempt for the members that are attached and well; gives the message for each of them.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) if they could not answer, or after the last attempt.
        """
        if self.attempt == MAXIMUM_ATTEMPTS:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{MAXIMUM_ATTEMPTS} attempts failed")
        intended = (attached & frozenset(self._keyed)) - self.left_out
        self._check_set(intended)
        self.attempt += 1
        self._round1, self._round2, self._selection = {}, {}, None
        self.outcomes = {}
        self._request = Round1Request(self.query, self.roster, self.attempt, intended)
        return round1_request_to_bytes(self._request)

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

    def receive_round1(self, member: MemberId, raw: bytes) -> None:
        """Take a signed contribution; a bad one counts as none, and its outcome says why. The first one stands."""
        if member in self.missing_round1:
            self.outcomes[member] = outcome_of(lambda: self._accept_round1(member, raw))

    def receive_refusal(self, member: MemberId, error: CreditError) -> None:
        """Note that a member refused to contribute, or was silent."""
        if member in self.missing_round1:
            self.outcomes[member] = error.code.value

    def answering_call(self) -> bytes | None:
        """
        Close round 1: choose U and give the message for each of its members.

        Gives None where pair digests differ: nothing may be released, and the next `call` leaves members out.
        Raises CONFLICT, DIFFERENCING or TOO_FEW_CONTRIBUTORS.
        """
        digests = {member: digests_by_peer(signed.body, self._keyed) for member, signed in self._round1.items()}
        differing = differing_pairs(self._keyed, digests)
        if differing:
            self.differing += differing
            self.left_out |= members_to_leave_out(differing)
            return None
        bounds = {member: opening_of(signed).bound for member, signed in self._round1.items()}
        self._selection = self._choose(bounds)
        return round2_request_to_bytes(Round2Request(self.ctx, self._selection.members))

    @property
    def answering(self) -> MemberSet:
        """U, once it is chosen."""
        return self._selection.members if self._selection else frozenset()

    @property
    def missing_round2(self) -> MemberSet:
        """The members of U that owe a correction."""
        return self.answering - frozenset(self._round2)

    @property
    def round1_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 1."""
        return {
            m: (transcript_hash(Label.ROUND1, s.raw, s.signature), opening_of(s).counter)
            for m, s in self._round1.items()
        }

    @property
    def messages(self) -> tuple[tuple[Signed[Round1Body], ...], tuple[Signed[Round2Body], ...]]:
        """Give every accepted message of both rounds, sorted by member."""
        return (
            tuple(self._round1[member] for member in sorted(self._round1)),
            tuple(self._round2[member] for member in sorted(self._round2)),
        )

    @property
    def round2_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 2."""
        return {
            m: (transcript_hash(Label.ROUND2, s.raw, s.signature), opening_of(s).counter)
            for m, s in self._round2.items()
        }

    def taken(self, number: int) -> tuple[Round, dict[MemberId, bytes]]:
        """Give the messages that were accepted in a round so far, by their digests."""
        digests = self.round1_digests if number == 1 else self.round2_digests
        of = Round(self.query.digest, self.admission, self.attempt, number)
        return of, {member: found for member, (found, _) in digests.items()}

    def receive_round2(self, member: MemberId, raw: bytes) -> None:
        """Take a signed correction; raises SIGNATURE_INVALID, MALFORMED or TRANSCRIPT_INVALID for a bad one."""
        if member in self.missing_round2:
            self._round2[member] = self._accept_round2(member, raw)

    def transcript(self) -> Transcript:
        """
        Add up and give the requester everything it needs to check.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) naming who owes a correction.
        """
        if not self.answering or self.missing_round2:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no correction from {', '.join(sorted(self.missing_round2))}")
        order = sorted(self.answering)
        return Transcript(
            roster=self.roster,
            attempt=self.attempt,
            intended=self.intended,
            members=self.answering,
            block=self._open.block,
            round1=tuple(self._round1[member] for member in order),
            round2=tuple(self._round2[member] for member in order),
            product=self.tally.total({member: self._round2[member].body.correction for member in order}),
        )

    @property
    def _keyed(self) -> tuple[MemberId, ...]:
        return members_with_keys(self.roster)

    @property
    def _open(self) -> Round1Request:
        if self._request is None:
            raise CreditError(Code.CTX_UNKNOWN, "no attempt is open")
        return self._request

    def _check_set(self, members: MemberSet) -> None:
        requester = self.query.header.requester
        check_answering_set(members, self.rulebook.roster_set, requester, self.rulebook.groups, self.rulebook.limits)

    def _choose(self, bounds: Mapping[MemberId, Bound]) -> Selection:
        rulebook, requester = self.rulebook, self.query.header.requester
        try:
            return choose_answering_set(bounds, rulebook.roster_set, requester, rulebook.groups, rulebook.limits)
        except CreditError as error:
            if error.code is Code.TOO_FEW_CONTRIBUTORS:
                self._raise_common_refusal()
            raise

    def _raise_common_refusal(self) -> None:
        """Where more members than may collude refused for one cause, that cause is the query's."""
        tolerated, _ = self.rulebook.limits
        refusals = Counter(code for code in self.outcomes.values() if code not in (ACCEPTED, Code.TOO_FEW_CONTRIBUTORS))
        for code, count in refusals.most_common(1):
            if count > tolerated:
                raise CreditError(Code(code), f"{count} members refused")

    def _accept_round1(self, member: MemberId, raw: bytes) -> None:
        signed = signed_round1_from_bytes(raw)
        self._check_author(member, signed.body, signed, Label.ROUND1)
        if len(signed.body.pair_digests) != len(self._keyed) - 1:
            raise CreditError(Code.MALFORMED, "pair_digests")
        check_travel_answer(signed, self.query.header, self.rulebook)
        check_form(signed.body, self.query)
        self.tally.take(member, signed.body.ciphertext)
        self._round1[member] = signed

    def _accept_round2(self, member: MemberId, raw: bytes) -> Signed[Round2Body]:
        signed = signed_round2_from_bytes(raw)
        self._check_author(member, signed.body, signed, Label.ROUND2)
        if signed.body.members != self.answering:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered for another set")
        if bool(signed.body.travel_correction) != bool(self.query.header.travel):
            raise CreditError(Code.MALFORMED, "travel_correction")
        self.tally.check_correction(member, signed.body.correction)
        return signed

    def _check_author(
        self,
        member: MemberId,
        body: Round1Body | Round2Body,
        signed: Signed[Round1Body] | Signed[Round2Body],
        label: Label,
    ) -> None:
        identity_key = self.rulebook.active_member(member).identity_key
        verify_signature(identity_key, signed.signature, label, signed.raw)
        if opening_of(signed).digest != body.opening_digest:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} opens another digest")
        if body.contributor != member or body.ctx != self.ctx:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered another exchange")


def opening_of(signed: Signed[Round1Body] | Signed[Round2Body]) -> Opening:
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
