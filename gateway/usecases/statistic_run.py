"""
One statistic at the gateway: the two rounds and the hidden sum.

As with a query the gateway sees digests, vectors under masks and corrections. There is no person and no ledger: U is
everybody whose contribution came and whose masks cancel. Whoever owes its correction is left out of the next attempt,
whose noise is fresh.
"""

from dataclasses import dataclass
from typing import ClassVar

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    RosterEntry,
    Round1Body,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
)
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import SignedStatistic, StatisticRequest
from consortium.rules.statistics import Statistic, check_contributors, check_statistic, share_statement
from consortium.rules.tallies import WordTally
from consortium.sums.words import WordSums
from consortium.wire.rounds import round2_request_to_bytes, signed_round1_from_bytes, signed_round2_from_bytes
from consortium.wire.statistics import statistic_request_to_bytes
from gateway.usecases.two_rounds import TwoRounds, check_author


@dataclass
class StatisticRun(TwoRounds):
    """The attempts of one admitted statistic."""

    rounds: ClassVar[tuple[int, int]] = (3, 4)
    labels: ClassVar[tuple[Label, Label]] = (Label.STATISTIC_ROUND1, Label.STATISTIC_ROUND2)

    statistic: SignedStatistic
    found: Statistic
    _request: StatisticRequest | None = None

    @property
    def digest(self) -> bytes:
        """The signed statistic's digest."""
        return self.statistic.digest

    def call(self, attached: MemberSet) -> bytes:
        """
        Open the next attempt for the members that are attached and well; gives the message for each of them.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) if they could not answer, or after the last attempt.
        """
        intended = self._begin_attempt(attached, self._check_set)
        self._request = StatisticRequest(self.statistic, self.roster, self.attempt, intended)
        return statistic_request_to_bytes(self._request)

    def answering_call(self) -> bytes | None:
        """Close round 1: U is whoever contributed. None where pair digests differ; raises TOO_FEW_CONTRIBUTORS."""
        if not self._pairs_agree():
            return None
        answering = frozenset(self._round1)
        try:
            self._check_set(answering)
        except CreditError:
            self._raise_common_refusal()
            raise
        self.answering = answering
        return round2_request_to_bytes(Round2Request(self.ctx, answering))

    def leave_out_missing(self) -> bool:
        """Leave whoever owes its correction out of the next attempt; says whether there is one."""
        owing = self.missing_round2
        self.left_out |= owing
        return bool(owing) and self.attempt < MAXIMUM_ATTEMPTS

    def transcript(self) -> Transcript:
        """
        Add up and give the requester everything it needs to check.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) naming who owes a correction.
        """
        tally = WordTally(self._sums)
        for member, signed in self._round1.items():
            tally.take(member, signed.body.ciphertext)
        return self._transcript(tally, 0)

    @property
    def _sums(self) -> WordSums:
        return WordSums(self.found.count)

    @property
    def _open(self) -> StatisticRequest:
        if self._request is None:
            raise CreditError(Code.CTX_UNKNOWN, "no attempt is open")
        return self._request

    def _check_set(self, members: MemberSet) -> None:
        check_contributors(members, self.found, self.statistic.header.requester, self.rulebook)

    def _accept_round1(self, member: MemberId, raw: bytes) -> Signed[Round1Body]:
        signed = signed_round1_from_bytes(raw)
        check_author(self.rulebook, member, self.ctx, signed, Label.STATISTIC_ROUND1)
        body = signed.body
        if len(body.pair_digests) != len(self._keyed) - 1 or not body.requester_digest:
            raise CreditError(Code.MALFORMED, "pair_digests or requester_digest")
        if body.commitment != share_statement(self.ctx, self.found, self.statistic.header.issued_at):
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} states other cells or another noise")
        if len(body.ciphertext) != self._sums.width:
            raise CreditError(Code.CIPHERTEXT_INVALID, f"{self.found.count} words are needed")
        return signed

    def _accept_round2(self, member: MemberId, raw: bytes) -> Signed[Round2Body]:
        signed = signed_round2_from_bytes(raw)
        check_author(self.rulebook, member, self.ctx, signed, Label.STATISTIC_ROUND2)
        if signed.body.members != self.answering or len(signed.body.correction) != self._sums.width:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered for another set, or in another length")
        return signed


def open_statistic_run(
    statistic: SignedStatistic, rulebook: Rulebook, roster: tuple[RosterEntry, ...], now: int
) -> StatisticRun:
    """Check a statistic and open its run; raises what `check_statistic` raises, or ROSTER_MISMATCH."""
    found = check_statistic(statistic, rulebook, now)
    if tuple(entry.member for entry in roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the roster is not the rulebook's")
    return StatisticRun(rulebook, roster, statistic, found)
