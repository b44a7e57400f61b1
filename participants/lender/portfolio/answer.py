"""
A contributor to lists: the same two rounds as for one person, for a block of rows at a time.

Everything that differs follows from the length: y_i and corr_i travel beside what is signed, the ledger says what is
bound row by row, and rows that are bound otherwise are left out of a block by a public bitmap.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consortium.bitmaps import Truths, truths
from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, derive
from consortium.labels import Label
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, ListState, SealedRows, data_digest
from consortium.model.keys import utc_day
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.rounds import (
    BlockRequest,
    Bound,
    BoundState,
    Opening,
    Round1Body,
    Round2Body,
    Signed,
    bound_digest,
    left_out_digest,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import query_layout
from consortium.rules.queries import active_lender, check_times
from consortium.silent import Silent
from consortium.sums.exchange import BookState, CtxSeeds, values_commitment
from consortium.sums.masks import pair_ctx_key, pair_digest
from consortium.sums.word_blocks import BlockMasks, block_correction, masked_block
from consortium.sums.word_masks import key_for_requester, requester_digest
from consortium.sums.words import Words, words_from_bytes, words_to_bytes
from consortium.wire.portfolio import (
    block_call_from_bytes,
    block_call_to_bytes,
    kept_message_to_bytes,
    kept_round1_from_bytes,
    kept_round2_from_bytes,
)
from consortium.wire.rounds import round1_body_to_bytes, round2_body_to_bytes
from participants.failpoints import failpoint
from participants.lender.answer import check_consent_uses, check_quarantine, window_start
from participants.lender.answer_ports import Binding, Exchange
from participants.lender.bulk.ports import BulkBook
from participants.lender.identity import LenderIdentity, PairKeys
from participants.lender.portfolio.jobs import Jobs, OpenJob
from participants.lender.portfolio.ledger import RowBindings, bind_rows, bindings_of, check_rows_may_answer
from participants.lender.portfolio.ports import KeptBlock, ListAnswerStore, ListAnswerTransaction

SALT_BYTES, NONCE_BYTES = 32, 12


class RowAlarms(Protocol):
    """A lender's own alarms about lists; nothing of them leaves the lender."""

    def unproven_rows(self, requester: MemberId, rows: int) -> None:
        """Note that so many rows of a block named tags of this book without proof of their keys."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class _Block(Silent):
    """An exchange about a block: the job, the call, and what hides the values."""

    job: OpenJob
    request: BlockRequest
    masks: BlockMasks
    seeds: CtxSeeds

    @property
    def ctx(self) -> bytes:
        """The exchange."""
        return self.request.ctx


@dataclass(frozen=True, repr=False)
class ListContributor(Silent):
    """One lender's answering side for lists; every call blocks, every time is in Unix seconds."""

    identity: LenderIdentity
    rulebook: Callable[[], Rulebook]
    book: Callable[[], BulkBook]
    store: ListAnswerStore
    pairs: PairKeys
    jobs: Jobs
    alarms: RowAlarms
    rng: Randomness

    def begin(self, begin: JobBegin, now: int) -> ListState:
        """Begin a job, or go on; raises as `Jobs.begin`."""
        return self.jobs.begin(begin, self.rulebook(), now)

    def take(self, rows: SealedRows, now: int) -> ListState:
        """Take a block of a list; raises as `Jobs.take`."""
        return self.jobs.take(rows, self.rulebook(), now)

    def round1(self, call: BlockCall, now: int) -> BlockMessage[Round1Body]:
        """
        Contribute to a block; a repeat gives the same bytes.

        Raises JOB_UNKNOWN, LIST_INVALID, ROSTER_MISMATCH, TOO_FEW_CONTRIBUTORS, RULEBOOK_MISMATCH, QUERY_EXPIRED,
        CONSENT_USED_UP or RESTORED_FROM_BACKUP.
        """
        rulebook = self.rulebook()
        job = self.jobs.find(call.job, rulebook, now)
        _check_still(job, rulebook, now)
        block = self._block(job, call, rulebook)
        known = self.store.find(block.ctx)
        if known:
            return self._repeated1(block, known)
        rows, tagged = job.block(call.block)
        answer = self.book().contributions(tagged, job.query.header, rulebook)
        if answer.unproven:
            self.alarms.unproven_rows(job.query.header.requester, answer.unproven)
        self._keep(block, KeptBlock(answer.words.reshape(-1), answer.state))
        body, data = self._contribution(block, self._kept(block))
        failpoint("lender.block1-before-store")
        with self.store.transaction() as store:
            known = store.exchange(block.ctx)
            if known is None:
                check_quarantine(store, now)
                check_consent_uses(job.query, store.consent_uses)
                since = window_start(rulebook, now)
                bindings = bindings_of(rows, store.lists.known(since), store.lists, self.store.lists, since)
                message = self._signed1(body, data, bindings, store.next_counter(utc_day(now)))
                store.open_exchange(
                    block.ctx, Exchange(block_call_to_bytes(call), kept_message_to_bytes(message), b"block")
                )
        failpoint("lender.block1-after-store")
        return self._repeated1(block, known) if known else message

    def round2(self, release: BlockRelease, now: int) -> BlockMessage[Round2Body]:
        """
        Release the correction of a block for one answering set and the rows kept, at most once; a repeat is the same.

        Raises JOB_UNKNOWN, CTX_UNKNOWN, ALREADY_RELEASED, ROSTER_MISMATCH, RULEBOOK_MISMATCH, QUERY_EXPIRED,
        TOO_FEW_CONTRIBUTORS, DIFFERENCING, MALFORMED, MEMBER_NOT_ACTIVE, CONSENT_USED_UP or RESTORED_FROM_BACKUP; then
        nothing is released or bound.
        """
        rulebook = self.rulebook()
        exchange = self.store.find(release.ctx)
        if exchange is None:
            raise CreditError(Code.CTX_UNKNOWN)
        job = self.jobs.find(release.job, rulebook, now)
        call = block_call_from_bytes(exchange.request)
        block = self._block(job, call, rulebook)
        if block.ctx != release.ctx:
            raise CreditError(Code.CTX_UNKNOWN, "of another job")
        kept = self._kept(block)
        with self.store.transaction() as store:
            released = store.correction(release.ctx)
            if released is None:
                _check_still(job, rulebook, now)
                rows, _ = job.block(call.block)
                since = window_start(rulebook, now)
                bindings = bindings_of(rows, store.lists.known(since), store.lists, self.store.lists, since)
                keeping = _keeping(release, len(rows.rows))
                tested = self._check_release(block, release.members, (bindings, keeping), rulebook)
                check_quarantine(store, now)
                check_consent_uses(job.query, store.use_consent)
                bind_rows(rows, bindings, keeping, Binding(release.members, tested, now), store.lists)
                message = self._release(store, block, release, kept, tested, now)
                failpoint("lender.block2-inside-store")
        failpoint("lender.block2-after-store")
        return message if released is None else self._repeated2(block, release, kept, released)

    def own_values(self, ctx: bytes, job: bytes) -> Words:
        """Give the words that this lender contributed to an exchange, flat; raises STORAGE_BROKEN."""
        return self._opened(ctx, self.store.lists.values(job, ctx)).values

    def _block(self, job: OpenJob, call: BlockCall, rulebook: Rulebook) -> _Block:
        own, header = self.identity.member, job.query.header
        rows = job.rows.rows_of(call.block)
        if not rows:
            raise CreditError(Code.LIST_INVALID, "a block that the list has not")
        if not call.intended <= frozenset(members_with_keys(job.roster)) or own not in call.intended:
            raise CreditError(Code.ROSTER_MISMATCH, "the intended set is not of members with mask keys, or without us")
        check_answering_set(call.intended, rulebook.roster_set, header.requester, rulebook.groups, rulebook.limits)
        request = BlockRequest(job.query, job.roster, call.attempt, call.intended, call.block, job.sealed[call.block])
        ctx, words = request.ctx, query_layout(header, rulebook).words
        keys = {peer: pair_ctx_key(day_key, ctx, own, peer) for peer, day_key in job.pair_keys.items()}
        shown = next(entry.mask_key for entry in job.roster if entry.member == own)
        mine = self.pairs.shown(shown.key if shown else b"", header.issued_at)
        key = key_for_requester(mine.private, job.query.query_key.key, ctx, own)
        seeds = CtxSeeds.derive(self.identity.audit_secret.value, ctx)
        return _Block(job, request, BlockMasks(own, keys, key, len(rows) * words), seeds)

    def _contribution(self, block: _Block, kept: KeptBlock) -> tuple[Round1Body, bytes]:
        """Hide the values: gives the body without its opening, and y_i."""
        own, ctx, keys = self.identity.member, block.ctx, block.masks.keys
        values = words_to_bytes(kept.values)
        data = words_to_bytes(masked_block(kept.values, block.seeds.blind_seed_of(values), block.masks))
        body = Round1Body(
            contributor=own,
            ctx=ctx,
            ciphertext=data_digest(ctx, own, data),
            pair_digests=tuple(pair_digest(ctx, own, peer, keys[peer]) for peer in sorted(keys)),
            commitment=values_commitment(ctx, values, block.seeds.commit_seed, kept.book),
            opening_digest=b"",
            requester_digest=requester_digest(ctx, own, block.masks.requester_key),
        )
        return body, data

    def _signed1(self, body: Round1Body, data: bytes, bindings: RowBindings, counter: int) -> BlockMessage[Round1Body]:
        bound = bindings.bound()
        opening = Opening(self.rng(SALT_BYTES), Bound(BoundState.NONE), counter, bound_digest(bound))
        raw = round1_body_to_bytes(_with_opening(body, opening))
        signature = self.identity.signer.sign(Label.ROUND1, raw)
        return BlockMessage(Signed(_with_opening(body, opening), raw, signature, opening), data, bound)

    def _check_release(
        self, block: _Block, members: MemberSet, rows: tuple[RowBindings, Truths], rulebook: Rulebook
    ) -> MemberSet:
        header = block.job.query.header
        active_lender(rulebook, header.requester)
        if self.identity.member not in members or not members <= block.request.intended:
            raise CreditError(Code.ROSTER_MISMATCH, "the answering set is not within the intended one, or without us")
        bindings, keeping = rows
        return check_rows_may_answer(bindings, keeping, members, header.requester, rulebook)

    def _release(
        self,
        store: ListAnswerTransaction,
        block: _Block,
        release: BlockRelease,
        kept: KeptBlock,
        tested: MemberSet,
        now: int,
    ) -> BlockMessage[Round2Body]:
        own, ctx = self.identity.member, block.ctx
        data = self._correction(block, release, kept)
        opening = Opening(self.rng(SALT_BYTES), Bound(BoundState.NONE), store.next_counter(utc_day(now)))
        body = Round2Body(
            contributor=own,
            ctx=ctx,
            members=release.members,
            correction=data_digest(ctx, own, data),
            tested_roster=tested,
            opening_digest=opening.digest,
            left_out=left_out_digest(release.left_out),
        )
        raw = round2_body_to_bytes(body)
        message = BlockMessage(Signed(body, raw, self.identity.signer.sign(Label.ROUND2, raw), opening), data)
        store.release(ctx, kept_message_to_bytes(message))
        return message

    def _correction(self, block: _Block, release: BlockRelease, kept: KeptBlock) -> bytes:
        """
        Give the correction's bytes: the sub-seed "b" where everybody answers and no row is left out, else the vector.

        The seed of this ctx is the one secret that may ever stand for a vector.
        """
        seed = block.seeds.blind_seed_of(words_to_bytes(kept.values))
        everybody = frozenset(entry.member for entry in block.request.roster)
        if release.members == everybody and not release.left_out:
            return seed
        rows = len(block.job.rows.rows_of(block.request.block))
        return words_to_bytes(block_correction(seed, block.masks, release.members, _keeping(release, rows)))

    def _repeated1(self, block: _Block, known: Exchange) -> BlockMessage[Round1Body]:
        """Give the same bytes again: y_i follows from what was kept."""
        body, data = self._contribution(block, self._kept(block))
        message = kept_round1_from_bytes(known.answer, data)
        if message.signed.body.ciphertext != body.ciphertext:
            raise CreditError(Code.STORAGE_BROKEN, "what was kept of a block is not what was signed")
        return message

    def _repeated2(
        self, block: _Block, release: BlockRelease, kept: KeptBlock, released: bytes
    ) -> BlockMessage[Round2Body]:
        message = kept_round2_from_bytes(released, self._correction(block, release, kept))
        body = message.signed.body
        if (body.members, body.left_out) != (release.members, left_out_digest(release.left_out)):
            raise CreditError(Code.ALREADY_RELEASED)
        return message

    def _keep(self, block: _Block, kept: KeptBlock) -> None:
        """
        Keep what a contribution is made from, sealed under a key of its own exchange, before it is signed.

        What another node of this lender has kept stays: both sign the same values, whichever book each has.
        """
        state = canonical_json(
            {"root": kept.book.root.hex(), "size": kept.book.journal_size, "head": kept.book.journal_head.hex()}
        )
        plain = len(state).to_bytes(4, "big") + state + words_to_bytes(kept.values)
        nonce, key = self.rng(NONCE_BYTES), self._key(block.ctx)
        self.store.lists.keep_values(
            block.job.query.digest, block.ctx, nonce + AESGCM(key).encrypt(nonce, plain, block.ctx)
        )

    def _kept(self, block: _Block) -> KeptBlock:
        return self._opened(block.ctx, self.store.lists.values(block.job.query.digest, block.ctx))

    def _opened(self, ctx: bytes, sealed: bytes) -> KeptBlock:
        try:
            plain = AESGCM(self._key(ctx)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ctx)
        except (InvalidTag, ValueError) as error:
            raise CreditError(Code.STORAGE_BROKEN, "the kept values of a block do not open") from error
        end = 4 + int.from_bytes(plain[:4], "big")
        values = words_from_bytes(plain[end:], (len(plain) - end) // 8)
        match parse_canonical(plain[4:end]):
            case {"root": str(root), "size": int(size), "head": str(head)}:
                return KeptBlock(values, BookState(bytes.fromhex(root), size, bytes.fromhex(head)))
        raise CreditError(Code.STORAGE_BROKEN, "the kept values of a block have another form")

    def _key(self, ctx: bytes) -> bytes:
        return derive(self.identity.audit_secret.value, Label.REVEAL_RECORD, ctx)


def _check_still(job: OpenJob, rulebook: Rulebook, now: int) -> None:
    header = job.query.header
    if header.rulebook_digest != rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed since the job began")
    rulebook.check_current(now)
    check_times(header, rulebook, now)


def _keeping(release: BlockRelease, rows: int) -> Truths:
    """Give the rows that are not left out; raises MALFORMED for a bitmap of no row, or of all."""
    if not release.left_out:
        return np.ones(rows, dtype=bool)
    left = truths(release.left_out, rows)
    if left.all() or not left.any():
        raise CreditError(Code.MALFORMED, "a block that leaves out no row, or all")
    return ~left


def _with_opening(body: Round1Body, opening: Opening) -> Round1Body:
    return replace(body, opening_digest=opening.digest)
