"""
One block of a list at the gateway: its attempts, its two rounds and its sum, as a state machine without I/O.

As `QueryRun` for one person, but vectors travel beside what is signed, and rows may be left out. Whatever takes more
than a moment here (digests and sums of vectors) is to be called off the event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from consortium.bitmaps import Truths, truths
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, data_digest
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.query import SignedQuery
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    BlockRequest,
    RosterEntry,
    Round1Body,
    Round2Body,
    Transcript,
    bound_digest,
    digests_by_peer,
    left_out_digest,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.rules.blocks import block_total, check_correction_length, kept_rows
from consortium.sums.pairs import differing_pairs, members_to_leave_out
from consortium.sums.words import WORD_BYTES
from gateway.policy.rows import choose_for_block
from gateway.usecases.two_rounds import ACCEPTED, check_author, message_digest, opening_of

Message = BlockMessage[Round1Body] | BlockMessage[Round2Body]


@dataclass(frozen=True)
class JobTerms:
    """What all blocks of a job have in common; `sealed` are the digests of its sealed blocks, `words` those a row."""

    query: SignedQuery
    rulebook: Rulebook
    roster: tuple[RosterEntry, ...]
    sealed: tuple[bytes, ...]
    words: int

    @property
    def digest(self) -> bytes:
        """The job's own name: the digest of its signed query."""
        return self.query.digest

    def rows(self, block: int) -> int:
        """Give how many rows a block has."""
        listed = self.query.header.rows
        return len(listed.rows_of(block)) if listed else 0


@dataclass(frozen=True, slots=True)
class Fixed:
    """What is durable of a block before anybody is asked to release: attempt, L, U, and the rows left out."""

    attempt: int
    intended: MemberSet
    members: MemberSet
    left_out: bytes


@dataclass
class BlockRun:
    """The attempts of one block; `fixed` is set once U is chosen, and a resumed block begins with it."""

    terms: JobTerms
    block: int
    fixed: Fixed | None = None
    attempt: int = 0
    excluded: MemberSet = frozenset()
    differing: list[tuple[MemberId, MemberId]] = field(default_factory=list)
    outcomes: dict[MemberId, str] = field(default_factory=dict)
    round1: dict[MemberId, BlockMessage[Round1Body]] = field(default_factory=dict)
    round2: dict[MemberId, BlockMessage[Round2Body]] = field(default_factory=dict)
    _request: BlockRequest | None = None

    def call(self, ready: MemberSet) -> BlockCall:
        """
        Open the next attempt for the members that are ready, or the one whose U is fixed once more.

        Raises CreditError(TOO_FEW_CONTRIBUTORS) if they could not answer, or after the last attempt.
        """
        if self.fixed is not None:
            self.attempt, intended = self.fixed.attempt, self.fixed.intended
        else:
            if self.attempt == MAXIMUM_ATTEMPTS:
                raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{MAXIMUM_ATTEMPTS} attempts failed")
            intended = (ready & frozenset(self._keyed)) - self.excluded
            self._check_set(intended)
            self.attempt += 1
        terms = self.terms
        sealed = terms.sealed[self.block]
        self._request = BlockRequest(terms.query, terms.roster, self.attempt, intended, self.block, sealed)
        self.round1, self.round2, self.outcomes = {}, {}, {}
        return BlockCall(terms.digest, self.block, self.attempt, intended)

    @property
    def ctx(self) -> bytes:
        """The exchange that is open."""
        return self._open.ctx

    @property
    def asked(self) -> MemberSet:
        """Whom round 1 asks: L, or U of a block that is resumed."""
        return self.fixed.members if self.fixed else self._open.intended

    @property
    def missing_round1(self) -> MemberSet:
        """The members asked of which nothing has come yet."""
        return self.asked - frozenset(self.outcomes)

    @property
    def missing_round2(self) -> MemberSet:
        """The members of U that owe a correction."""
        return (self.fixed.members if self.fixed else frozenset()) - frozenset(self.round2)

    @property
    def kept(self) -> Truths:
        """Give the rows that are not left out."""
        return kept_rows(self.fixed.left_out if self.fixed else b"", self.terms.rows(self.block))

    def receive_round1(self, member: MemberId, message: BlockMessage[Round1Body]) -> None:
        """Take a contribution; a bad one counts as none, and its outcome says why."""
        if member not in self.missing_round1:
            return
        try:
            self._check_round1(member, message)
        except CreditError as error:
            self.outcomes[member] = error.code.value
        else:
            self.round1[member] = message
            self.outcomes[member] = ACCEPTED

    def receive_refusal(self, member: MemberId, error: CreditError) -> None:
        """Note that a member refused to contribute, or was silent."""
        if member in self.missing_round1:
            self.outcomes[member] = error.code.value

    def close_round1(self) -> Fixed | None:
        """
        Choose U and the rows left out; None where pair digests differ: the next `call` leaves members out.

        Raises DIFFERENCING or TOO_FEW_CONTRIBUTORS.
        """
        digests = {member: digests_by_peer(one.signed.body, self._keyed) for member, one in self.round1.items()}
        differing = differing_pairs(self._keyed, digests)
        if differing:
            self.differing += differing
            self.excluded |= members_to_leave_out(differing)
            self.fixed = None
            return None
        if self.fixed is not None:
            return self.fixed
        rulebook, requester = self.terms.rulebook, self.terms.query.header.requester
        bounds = {member: one.bound for member, one in self.round1.items()}
        rows = self.terms.rows(self.block)
        chosen = choose_for_block(bounds, rows, rulebook.roster_set, requester, rulebook.groups, rulebook.limits)
        self.fixed = Fixed(self.attempt, self._open.intended, chosen.members, chosen.left_out)
        return self.fixed

    def release(self) -> BlockRelease:
        """Give the call for corrections."""
        fixed = self._chosen
        return BlockRelease(self.terms.digest, self.ctx, fixed.members, fixed.left_out)

    def receive_round2(self, member: MemberId, message: BlockMessage[Round2Body]) -> None:
        """Take a correction; raises SIGNATURE_INVALID, MALFORMED or TRANSCRIPT_INVALID for a bad one."""
        if member in self.missing_round2:
            self._check_round2(member, message)
            self.round2[member] = message

    def give_up(self) -> bool:
        """
        Let go of a U for which nobody has released, or which a member refuses: the next attempt chooses anew.

        What was released binds, so that the next attempt comes to the same U wherever it has to. Says whether there is
        another attempt.
        """
        self.fixed = None
        return self.attempt < MAXIMUM_ATTEMPTS

    def transcript(self) -> Transcript:
        """Add up and give what the requester needs to check beside the vectors; its product is the sum's digest."""
        if self.missing_round2:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no correction from {', '.join(sorted(self.missing_round2))}")
        fixed, order = self._chosen, sorted(self._chosen.members)
        contributions = [self.round1[member].data for member in order]
        corrections = [self.round2[member].data for member in order]
        total = block_total(contributions, corrections, self.kept, self.terms.words, seeded=self._seeded)
        return Transcript(
            roster=self.terms.roster,
            attempt=fixed.attempt,
            intended=fixed.intended,
            members=fixed.members,
            block=self.block,
            round1=tuple(self.round1[member].signed for member in order),
            round2=tuple(self.round2[member].signed for member in order),
            product=data_digest(self.ctx, "", total),
        )

    @property
    def message_digests(self) -> dict[MemberId, tuple[tuple[bytes, int] | None, tuple[bytes, int] | None]]:
        """Give digest and counter of every accepted message of both rounds, by member."""
        return {
            member: (_named(self.round1, member, Label.ROUND1), _named(self.round2, member, Label.ROUND2))
            for member in sorted(self.outcomes)
        }

    @property
    def _keyed(self) -> tuple[MemberId, ...]:
        return members_with_keys(self.terms.roster)

    @property
    def _open(self) -> BlockRequest:
        if self._request is None:
            raise CreditError(Code.CTX_UNKNOWN, "no attempt is open")
        return self._request

    @property
    def _chosen(self) -> Fixed:
        if self.fixed is None:
            raise CreditError(Code.CTX_UNKNOWN, "no answering set is chosen")
        return self.fixed

    @property
    def _seeded(self) -> bool:
        """Whether corrections are sub-seeds: everybody answers, and no row is left out."""
        everybody = frozenset(entry.member for entry in self.terms.roster)
        return self._chosen.members == everybody and not self._chosen.left_out

    def _check_set(self, members: MemberSet) -> None:
        rulebook, requester = self.terms.rulebook, self.terms.query.header.requester
        check_answering_set(members, rulebook.roster_set, requester, rulebook.groups, rulebook.limits)

    def _check_round1(self, member: MemberId, message: BlockMessage[Round1Body]) -> None:
        body, rows = message.signed.body, self.terms.rows(self.block)
        check_author(self.terms.rulebook, member, self.ctx, message.signed, Label.ROUND1)
        if len(body.pair_digests) != len(self._keyed) - 1 or not body.requester_digest or body.travel:
            raise CreditError(Code.MALFORMED, "a contribution of another form")
        if len(message.data) != rows * self.terms.words * WORD_BYTES:
            raise CreditError(Code.CIPHERTEXT_INVALID, "a vector of another length")
        if data_digest(self.ctx, member, message.data) != body.ciphertext:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} sent another vector than it signed")
        if bound_digest(message.bound) != opening_of(message.signed).rows:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} opens other bindings than it signed")
        for one in message.bound:
            truths(one.rows, rows)

    def _check_round2(self, member: MemberId, message: BlockMessage[Round2Body]) -> None:
        body, fixed = message.signed.body, self._chosen
        check_author(self.terms.rulebook, member, self.ctx, message.signed, Label.ROUND2)
        if (body.members, body.left_out) != (fixed.members, left_out_digest(fixed.left_out)) or body.travel_correction:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} answered for another set, or other rows")
        if data_digest(self.ctx, member, message.data) != body.correction:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} sent another correction than it signed")
        check_correction_length(message.data, self.kept, self.terms.words, seeded=self._seeded)


def _named(messages: Mapping[MemberId, Message], member: MemberId, label: Label) -> tuple[bytes, int] | None:
    message = messages.get(member)
    return message_digest(label, message.signed) if message else None


def rows_left_out(fixed: Fixed, rows: int) -> int:
    """Count the rows that a block leaves out."""
    return int(np.count_nonzero(~kept_rows(fixed.left_out, rows)))
