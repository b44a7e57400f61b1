"""
One query at the gateway: the two rounds and the hidden sum.

The gateway sees ciphertexts, digests and corrections; it never sees a mask, a tag or a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.query import SignedQuery
from consortium.model.rounds import (
    Bound,
    Round1Body,
    Round1Request,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
)
from consortium.rules.tallies import Tally, check_form
from consortium.rules.travel import check_travel_answer
from consortium.wire.rounds import (
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
)
from gateway.policy.selection import Selection, choose_answering_set
from gateway.usecases.two_rounds import TwoRounds, check_author, opening_of


@dataclass
class QueryRun(TwoRounds):
    """The attempts of one admitted query; `tally` adds up what comes, in the query's suite."""

    rounds: ClassVar[tuple[int, int]] = (1, 2)
    labels: ClassVar[tuple[Label, Label]] = (Label.ROUND1, Label.ROUND2)

    query: SignedQuery
    tally: Tally
    _request: Round1Request | None = None

    @property
    def digest(self) -> bytes:
        """The query's digest."""
        return self.query.digest

    def call(self, attached: MemberSet) -> bytes:
        """
        Open the next attempt for the members that are attached and well; gives the message for each of them.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) if they could not answer, or after the last attempt.
        """
        intended = self._begin_attempt(attached, self._check_set)
        self._request = Round1Request(self.query, self.roster, self.attempt, intended)
        return round1_request_to_bytes(self._request)

    def answering_call(self) -> bytes | None:
        """
        Close round 1: choose U and give the message for each of its members.

        Gives None where pair digests differ: nothing may be released, and the next `call` leaves members out.
        Raises CONFLICT, DIFFERENCING or TOO_FEW_CONTRIBUTORS.
        """
        if not self._pairs_agree():
            return None
        self.answering = self._choose({m: opening_of(signed).bound for m, signed in self._round1.items()}).members
        return round2_request_to_bytes(Round2Request(self.ctx, self.answering))

    def transcript(self) -> Transcript:
        """
        Add up and give the requester everything it needs to check.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) naming who owes a correction.
        """
        return self._transcript(self.tally, self._open.block)

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

    def _accept_round1(self, member: MemberId, raw: bytes) -> Signed[Round1Body]:
        signed = signed_round1_from_bytes(raw)
        check_author(self.rulebook, member, self.ctx, signed, Label.ROUND1)
        if len(signed.body.pair_digests) != len(self._keyed) - 1:
            raise CreditError(Code.MALFORMED, "pair_digests")
        check_travel_answer(signed, self.query.header, self.rulebook)
        check_form(signed.body, self.query)
        self.tally.take(member, signed.body.ciphertext)
        return signed

    def _accept_round2(self, member: MemberId, raw: bytes) -> Signed[Round2Body]:
        signed = signed_round2_from_bytes(raw)
        check_author(self.rulebook, member, self.ctx, signed, Label.ROUND2)
        if signed.body.members != self.answering:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered for another set")
        if bool(signed.body.travel_correction) != bool(self.query.header.travel):
            raise CreditError(Code.MALFORMED, "travel_correction")
        self.tally.check_correction(member, signed.body.correction)
        return signed
