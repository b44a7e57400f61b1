"""
One statistic at the gateway: the two rounds and the hidden sum, as a state machine without I/O.

As with a query the gateway sees digests, vectors under masks and corrections. There is no person and no ledger: U is
everybody whose contribution came and whose masks cancel. Whoever owes its correction is left out of the next attempt,
whose noise is fresh.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet
from consortium.model.receipts import Round
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    RosterEntry,
    Round1Body,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
    digests_by_peer,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.model.signing import verify_signature
from consortium.model.statistic import SignedStatistic, StatisticRequest
from consortium.rules.statistics import Statistic, check_contributors, check_statistic, share_statement
from consortium.rules.tallies import WordTally
from consortium.sums.pairs import differing_pairs, members_to_leave_out
from consortium.sums.words import WordSums
from consortium.wire.rounds import round2_request_to_bytes, signed_round1_from_bytes, signed_round2_from_bytes
from consortium.wire.statistics import statistic_request_to_bytes
from gateway.usecases.query import ACCEPTED, opening_of, outcome_of


@dataclass
class StatisticRun:
    """The attempts of one admitted statistic; `roster` holds every active lender, with its mask key of the day."""

    rounds: ClassVar[tuple[int, int]] = (3, 4)

    statistic: SignedStatistic
    found: Statistic
    rulebook: Rulebook
    roster: tuple[RosterEntry, ...]
    attempt: int = 0
    left_out: MemberSet = frozenset()
    admission: int = 0
    """The index of its last admission's entry."""
    differing: list[tuple[MemberId, MemberId]] = field(default_factory=list)
    outcomes: dict[MemberId, str] = field(default_factory=dict)
    answering: MemberSet = frozenset()
    """U, once it is chosen: from then on somebody may have released."""
    _request: StatisticRequest | None = None
    _round1: dict[MemberId, Signed[Round1Body]] = field(default_factory=dict)
    _round2: dict[MemberId, Signed[Round2Body]] = field(default_factory=dict)

    def call(self, attached: MemberSet) -> bytes:
        """
        Open the next attempt for the members that are attached and well; gives the message for each of them.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) if they could not answer, or after the last attempt.
        """
        if self.attempt == MAXIMUM_ATTEMPTS:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{MAXIMUM_ATTEMPTS} attempts failed")
        intended = (attached & frozenset(self._keyed)) - self.left_out
        check_contributors(intended, self.found, self._requester, self.rulebook)
        self.attempt += 1
        self._round1, self._round2, self.outcomes, self.answering = {}, {}, {}, frozenset()
        self._request = StatisticRequest(self.statistic, self.roster, self.attempt, intended)
        return statistic_request_to_bytes(self._request)

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

    def receive_round1(self, member: MemberId, raw: bytes) -> None:
        """Take a signed contribution; a bad one counts as none, and its outcome says why. The first one stands."""
        if member in self.missing_round1:
            self.outcomes[member] = outcome_of(lambda: self._accept_round1(member, raw))

    def receive_refusal(self, member: MemberId, error: CreditError) -> None:
        """Note that a member refused to contribute, or was silent."""
        if member in self.missing_round1:
            self.outcomes[member] = error.code.value

    def answering_call(self) -> bytes | None:
        """Close round 1: U is whoever contributed. None where pair digests differ; raises TOO_FEW_CONTRIBUTORS."""
        digests = {member: digests_by_peer(signed.body, self._keyed) for member, signed in self._round1.items()}
        differing = differing_pairs(self._keyed, digests)
        if differing:
            self.differing += differing
            self.left_out |= members_to_leave_out(differing)
            return None
        answering = frozenset(self._round1)
        try:
            check_contributors(answering, self.found, self._requester, self.rulebook)
        except CreditError:
            self._raise_common_refusal()
            raise
        self.answering = answering
        return round2_request_to_bytes(Round2Request(self.ctx, answering))

    def receive_round2(self, member: MemberId, raw: bytes) -> None:
        """Take a signed correction; raises SIGNATURE_INVALID, MALFORMED or TRANSCRIPT_INVALID for a bad one."""
        if member in self.missing_round2:
            signed = signed_round2_from_bytes(raw)
            self._check_author(member, signed, Label.STATISTIC_ROUND2)
            if signed.body.members != self.answering or len(signed.body.correction) != self._sums.width:
                raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered for another set, or in another length")
            self._round2[member] = signed

    def leave_out_missing(self) -> bool:
        """Leave whoever owes its correction out of the next attempt; says whether there is one."""
        owing = self.missing_round2
        self.left_out |= owing
        return bool(owing) and self.attempt < MAXIMUM_ATTEMPTS

    @property
    def round1_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 1."""
        return {member: _digest(Label.STATISTIC_ROUND1, signed) for member, signed in self._round1.items()}

    @property
    def round2_digests(self) -> dict[MemberId, tuple[bytes, int]]:
        """Give digest and counter of every accepted message of round 2."""
        return {member: _digest(Label.STATISTIC_ROUND2, signed) for member, signed in self._round2.items()}

    def taken(self, number: int) -> tuple[Round, dict[MemberId, bytes]]:
        """Give the messages that were accepted in a round so far, by their digests."""
        digests = self.round1_digests if number == 1 else self.round2_digests
        of = Round(self.statistic.digest, self.admission, self.attempt, number)
        return of, {member: found for member, (found, _) in digests.items()}

    def transcript(self) -> Transcript:
        """
        Add up and give the requester everything it needs to check.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) naming who owes a correction.
        """
        if not self.answering or self.missing_round2:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no correction from {', '.join(sorted(self.missing_round2))}")
        order, tally = sorted(self.answering), WordTally(self._sums)
        for member in order:
            tally.take(member, self._round1[member].body.ciphertext)
        return Transcript(
            roster=self.roster,
            attempt=self.attempt,
            intended=self.intended,
            members=self.answering,
            block=0,
            round1=tuple(self._round1[member] for member in order),
            round2=tuple(self._round2[member] for member in order),
            product=tally.total({member: self._round2[member].body.correction for member in order}),
        )

    @property
    def _requester(self) -> MemberId:
        return self.statistic.header.requester

    @property
    def _keyed(self) -> tuple[MemberId, ...]:
        return members_with_keys(self.roster)

    @property
    def _sums(self) -> WordSums:
        return WordSums(self.found.count)

    @property
    def _open(self) -> StatisticRequest:
        if self._request is None:
            raise CreditError(Code.CTX_UNKNOWN, "no attempt is open")
        return self._request

    def _raise_common_refusal(self) -> None:
        """Where more members than may collude refused for one cause, that cause is the statistic's."""
        refusals = Counter(code for code in self.outcomes.values() if code not in (ACCEPTED, Code.TOO_FEW_CONTRIBUTORS))
        for code, count in refusals.most_common(1):
            if count > self.rulebook.policy.colluders:
                raise CreditError(Code(code), f"{count} members refused")

    def _accept_round1(self, member: MemberId, raw: bytes) -> None:
        signed = signed_round1_from_bytes(raw)
        self._check_author(member, signed, Label.STATISTIC_ROUND1)
        body = signed.body
        if len(body.pair_digests) != len(self._keyed) - 1 or not body.requester_digest:
            raise CreditError(Code.MALFORMED, "pair_digests or requester_digest")
        if body.commitment != share_statement(self.ctx, self.found, self.statistic.header.issued_at):
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} states other cells or another noise")
        if len(body.ciphertext) != self._sums.width:
            raise CreditError(Code.CIPHERTEXT_INVALID, f"{self.found.count} words are needed")
        self._round1[member] = signed

    def _check_author(self, member: MemberId, signed: Signed[Round1Body] | Signed[Round2Body], label: Label) -> None:
        body = signed.body
        verify_signature(self.rulebook.active_member(member).identity_key, signed.signature, label, signed.raw)
        if opening_of(signed).digest != body.opening_digest:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} opens another digest")
        if body.contributor != member or body.ctx != self.ctx:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered another exchange")


def open_statistic_run(
    statistic: SignedStatistic, rulebook: Rulebook, roster: tuple[RosterEntry, ...], now: int
) -> StatisticRun:
    """Check a statistic and open its run; raises what `check_statistic` raises, or ROSTER_MISMATCH."""
    found = check_statistic(statistic, rulebook, now)
    if tuple(entry.member for entry in roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the roster is not the rulebook's")
    return StatisticRun(statistic, found, rulebook, roster)


def _digest(label: Label, signed: Signed[Round1Body] | Signed[Round2Body]) -> tuple[bytes, int]:
    return transcript_hash(label, signed.raw, signed.signature), opening_of(signed).counter
