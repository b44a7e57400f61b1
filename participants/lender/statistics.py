"""
A contributor's side of a statistic: sums over its book in cells, with its share of the noise, under masks.

The order is what protects: the budget is reserved before the noise is drawn, the answer with the noise in it is durable
before it is sent, and the cost is spent in the transaction that makes the correction durable, before that is sent. The
noise and the blind come from fresh randomness and never from the audit secret, so that nothing kept can take them off
again; once the answer is stored the noise is in no other place, and once the correction is, so is the blind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.model.keys import utc_day
from consortium.model.members import MemberSet
from consortium.model.rounds import (
    MAXIMUM_ATTEMPTS,
    Bound,
    BoundState,
    Opening,
    Round1Body,
    Round2Body,
    Round2Request,
    Signed,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import StatisticHeader, StatisticRequest
from consortium.noise.vectors import Integers, VectorSource, discrete_gaussians
from consortium.rules.statistics import (
    Statistic,
    budgets,
    check_contributors,
    check_life,
    check_statistic,
    period_of,
    share_statement,
)
from consortium.silent import Silent
from consortium.sums.masks import pair_ctx_key, pair_digest
from consortium.sums.word_masks import WordMasks, key_for_requester, requester_digest, word_blind
from consortium.sums.words import Words, words_to_bytes
from consortium.wire.rounds import (
    round1_body_to_bytes,
    round2_body_to_bytes,
    round2_request_from_bytes,
    signed_body_to_bytes,
    signed_round2_from_bytes,
)
from consortium.wire.statistics import statistic_request_from_bytes
from participants.failpoints import failpoint
from participants.lender.admit import day_keys
from participants.lender.answer import Contributor
from participants.lender.answer_ports import AnswerStore, AnswerTransaction, Charge, StatisticExchange
from participants.lender.identity import LenderIdentity, PairKeys

SALT_BYTES = 32
SEED_BYTES = 32
MAXIMUM_SUM = 2**52
"""What all lenders together may have in a cell: canonical JSON carries it, with the noise."""


class CellSource(Protocol):
    """What a lender's cells are computed from."""

    def cells(self, found: Statistic, header: StatisticHeader, rulebook: Rulebook) -> Integers:
        """
        Give the sums of every cell as of the last second before the UTC day of the header's issue.

        Raises CreditError(STATISTIC_NO_BASIS) where this lender has nothing that they can be computed from.
        """
        ...


@dataclass(frozen=True, repr=False)
class StatisticContributor(Silent):
    """One lender's answering side of statistics; every time is in Unix seconds."""

    identity: LenderIdentity
    rulebook: Callable[[], Rulebook]
    cells: CellSource
    store: AnswerStore
    pairs: PairKeys
    rng: Randomness

    @classmethod
    def beside(cls, contributor: Contributor, cells: CellSource) -> "StatisticContributor":
        """Give the side of a node that answers queries, with its identity, keys and store."""
        own = contributor
        return cls(own.identity, own.rulebook, cells, own.store, own.pairs, own.rng)

    def prepare(self, raw: bytes, now: int) -> None:
        """Compute the cells of a call ahead, where that takes long; raises as `round1`."""
        request = statistic_request_from_bytes(raw)
        rulebook = self.rulebook()
        found = check_statistic(request.statistic, rulebook, now)
        self.cells.cells(found, request.statistic.header, rulebook)

    def round1(self, raw: bytes, now: int) -> bytes:
        """
        Answer a call for a contribution with a signed Round1Body; a repeat gives the same bytes.

        Raises what `check_statistic` raises, ROSTER_MISMATCH, TOO_FEW_CONTRIBUTORS, CERTIFICATE_INVALID,
        STATISTIC_NO_BASIS, STATISTIC_BUDGET_SPENT, STATISTIC_CLOSED, RESTORED_FROM_BACKUP.
        """
        request, rulebook = statistic_request_from_bytes(raw), self.rulebook()
        found = check_statistic(request.statistic, rulebook, now)
        self._check_roster(request, found, rulebook)
        cells = self.cells.cells(found, request.statistic.header, rulebook)
        with self.store.transaction() as store:
            store.statistics.bury(now)
            known = store.statistics.exchange(request.ctx)
            if known is not None:
                return known.answer
            self._reserve(store, request, found, rulebook)
        failpoint("lender.statistic-reserved")
        body, seed = self._contribute(request, found, cells, rulebook)
        with self.store.transaction() as store:
            known = store.statistics.exchange(request.ctx)  # another node of this lender may have been faster
            if known is not None:
                return known.answer
            answer = self._sign_round1(body, store.next_counter(utc_day(now)))
            store.statistics.keep(request.ctx, StatisticExchange(raw, answer, seed))
        failpoint("lender.statistic-kept")
        return answer

    def round2(self, raw: bytes, now: int) -> bytes:
        """
        Release the correction for one answering set, at most once; a repeat gives the same bytes.

        Raises CTX_UNKNOWN, ALREADY_RELEASED, STATISTIC_CLOSED, QUERY_EXPIRED, ROSTER_MISMATCH, RULEBOOK_MISMATCH,
        MEMBER_NOT_ACTIVE, TOO_FEW_CONTRIBUTORS or RESTORED_FROM_BACKUP; then nothing is released or spent.
        """
        request = round2_request_from_bytes(raw)
        with self.store.transaction() as store:
            released = store.statistics.correction(request.ctx)
            if released:
                return _repeated(released, request.members)
            exchange = store.statistics.exchange(request.ctx)
            if exchange is None:
                raise CreditError(Code.CTX_UNKNOWN)
            answer = self._release(store, request, exchange, now)
            failpoint("lender.statistic-inside-release")
        failpoint("lender.statistic-released")
        return answer

    def _check_roster(self, request: StatisticRequest, found: Statistic, rulebook: Rulebook) -> None:
        """Raise unless the roster is the rulebook's and the intended set, with this member in it, could answer."""
        keyed = members_with_keys(request.roster)
        if tuple(entry.member for entry in request.roster) != rulebook.roster:
            raise CreditError(Code.ROSTER_MISMATCH, "the roster is not the rulebook's")
        if len({entry.mask_key.key for entry in request.roster if entry.mask_key}) != len(keyed):
            raise CreditError(Code.ROSTER_MISMATCH, "two members show one mask key")
        if not request.intended <= frozenset(keyed) or self.identity.member not in request.intended:
            raise CreditError(Code.ROSTER_MISMATCH, "the intended set is not of members with keys, or without us")
        check_contributors(request.intended, found, request.statistic.header.requester, rulebook)

    def _reserve(
        self, store: AnswerTransaction, request: StatisticRequest, found: Statistic, rulebook: Rulebook
    ) -> None:
        """Reserve what the exchange costs; durable before any noise is drawn."""
        header, template, digest = request.statistic.header, found.template, request.statistic.digest
        period = period_of(header.issued_at, rulebook)
        _check_restored(store, period, rulebook)
        if store.statistics.releases(digest) >= MAXIMUM_ATTEMPTS:
            raise CreditError(Code.STATISTIC_CLOSED, f"{MAXIMUM_ATTEMPTS} releases for one statistic")
        (_, own), (_, whole) = budgets(template, rulebook)
        charge = Charge(template.id, period, template.rho, own, whole)
        store.statistics.reserve(request.ctx, digest, charge, header.expires_at)

    def _contribute(
        self, request: StatisticRequest, found: Statistic, cells: Integers, rulebook: Rulebook
    ) -> tuple[Round1Body, bytes]:
        """Draw the noise and hide the cells; gives the body without its opening, and the seed of the blind."""
        ctx, own, header = request.ctx, self.identity.member, request.statistic.header
        masks = self._masks(request, found, rulebook)
        seed = self.rng(SEED_BYTES)
        hidden = noised(cells, found, self.rng) + word_blind(seed, found.count)
        hidden += masks.towards_requester + masks.among(masks.keys)
        body = Round1Body(
            contributor=own,
            ctx=ctx,
            ciphertext=words_to_bytes(hidden),
            pair_digests=tuple(pair_digest(ctx, own, peer, masks.keys[peer]) for peer in sorted(masks.keys)),
            commitment=share_statement(ctx, found, header.issued_at),
            opening_digest=b"",
            requester_digest=requester_digest(ctx, own, masks.requester_key),
        )
        return body, seed

    def _masks(self, request: StatisticRequest, found: Statistic, rulebook: Rulebook) -> WordMasks:
        ctx, own, statistic = request.ctx, self.identity.member, request.statistic
        issued_at = statistic.header.issued_at
        keys = day_keys(request.roster, own, rulebook, self.pairs, issued_at)
        pair_keys = {peer: pair_ctx_key(day_key, ctx, own, peer) for peer, day_key in keys.items()}
        shown = next(entry.mask_key for entry in request.roster if entry.member == own)
        mine = self.pairs.shown(shown.key if shown else b"", issued_at)
        requester_key = key_for_requester(mine.private, statistic.query_key.key, ctx, own)
        return WordMasks(own, pair_keys, requester_key, found.count)

    def _sign_round1(self, unsigned: Round1Body, counter: int) -> bytes:
        opening = Opening(self.rng(SALT_BYTES), Bound(BoundState.NONE), counter)
        body = Round1Body(
            unsigned.contributor,
            unsigned.ctx,
            unsigned.ciphertext,
            unsigned.pair_digests,
            unsigned.commitment,
            opening.digest,
            requester_digest=unsigned.requester_digest,
        )
        raw = round1_body_to_bytes(body)
        signature = self.identity.signer.sign(Label.STATISTIC_ROUND1, raw)
        return signed_body_to_bytes(Signed(body, raw, signature, opening))

    def _release(self, store: AnswerTransaction, asked: Round2Request, exchange: StatisticExchange, now: int) -> bytes:
        request, rulebook = statistic_request_from_bytes(exchange.request), self.rulebook()
        header = request.statistic.header
        if header.rulebook_digest != rulebook.digest:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed between the rounds")
        check_life(header, rulebook, now)
        found = check_statistic(request.statistic, rulebook, now)
        if self.identity.member not in asked.members or not asked.members <= request.intended:
            raise CreditError(Code.ROSTER_MISMATCH, "the answering set is not within the intended one, or without us")
        check_contributors(asked.members, found, header.requester, rulebook)
        _check_restored(store, period_of(header.issued_at, rulebook), rulebook)
        masks = self._masks(request, found, rulebook)
        corr = word_blind(exchange.seed, found.count) + masks.among(masks.keys.keys() - asked.members)
        answer = self._sign_round2(asked, corr, rulebook, store.next_counter(utc_day(now)))
        store.statistics.release(asked.ctx, answer)
        return answer

    def _sign_round2(self, asked: Round2Request, corr: Words, rulebook: Rulebook, counter: int) -> bytes:
        opening = Opening(self.rng(SALT_BYTES), Bound(BoundState.NONE), counter)
        correction, tested = words_to_bytes(corr), rulebook.roster_set
        body = Round2Body(self.identity.member, asked.ctx, asked.members, correction, tested, opening.digest)
        raw = round2_body_to_bytes(body)
        signature = self.identity.signer.sign(Label.STATISTIC_ROUND2, raw)
        return signed_body_to_bytes(Signed(body, raw, signature, opening))


def noised(cells: Integers, found: Statistic, rng: Randomness) -> Words:
    """Clamp the cells and add this contributor's share of the noise, freshly drawn; words modulo 2^64."""
    limit = MAXIMUM_SUM // found.members
    drawn = discrete_gaussians(VectorSource(rng), found.noise.share, found.count)
    return (np.clip(cells, -limit, limit) + drawn).astype(np.int64).view(np.uint64)


def _check_restored(store: AnswerTransaction, period: int, rulebook: Rulebook) -> None:
    """
    Raise RESTORED_FROM_BACKUP in the period in which this node was put back, and until its quarantine is over.

    What it had spent by then may not be in the back-up; the next period begins with nothing spent.
    """
    until = store.quarantined_until()
    if until and period <= period_of(until, rulebook):
        raise CreditError(Code.RESTORED_FROM_BACKUP, "its budget of this period is not known any more")


def _repeated(released: bytes, answering: MemberSet) -> bytes:
    if signed_round2_from_bytes(released).body.members != answering:
        raise CreditError(Code.ALREADY_RELEASED)
    return released
