"""
A contributor: the party that answers, as a state machine of two messages in and two messages out.

It answers alike whether or not it holds the subject: same checks, same sizes, same ledger. What every contributor
can check may be refused; what only a holder can check (proof, kind of identifier) makes no match when it fails,
and is noted in the lender's own alarms.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.model.keys import utc_day
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.query import SignedQuery
from consortium.model.rounds import (
    Bound,
    BoundState,
    Opening,
    Round1Body,
    Round1Request,
    Round2Body,
    Round2Request,
    Signed,
)
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import contribution_values, is_live, query_layout
from consortium.rules.queries import active_lender, check_times
from consortium.rules.travel import travel_policy
from consortium.rules.travel_reveals import travel_masks
from consortium.sealing.payload import Payload, payload_material, subject_proof
from consortium.silent import Silent
from consortium.sums.exchange import BookState, CtxSeeds, contribution_commitment
from consortium.sums.masks import PairMasks, pair_ctx_key, pair_digest
from consortium.travel.oblivious import Table
from consortium.wire.rounds import (
    round1_body_to_bytes,
    round1_request_from_bytes,
    round2_body_to_bytes,
    round2_request_from_bytes,
    signed_body_to_bytes,
    signed_round2_from_bytes,
)
from participants.failpoints import failpoint
from participants.lender.admit import admit, day_keys, open_query
from participants.lender.answer_ports import AnswerStore, AnswerTransaction, Binding, BookReader, Encryptor, Exchange
from participants.lender.hiding import Hidden, Hiding, lifted
from participants.lender.identity import LenderIdentity, PairKeys
from participants.lender.ledger import (
    ChangedOver,
    bind_all,
    bound_for,
    check_release,
    earlier_tags,
    roster_to_test,
)
from participants.lender.opened import OpenedExchange, OpenedExchanges
from participants.lender.ports import BookView, HeldFile
from participants.lender.protect import LendersSecrets
from participants.lender.reveal import RevealRecord, TravelRecord, open_record, seal_record
from participants.lender.travel_answer import (
    FreshPads,
    Pads,
    answer_travel,
    check_often,
    match_place,
    note_release,
    signed_part,
    travel_correction,
)

SALT_BYTES = 32
_NO_KEY, _NO_TAG = SubjectKey(bytes(64)), SubjectTag(bytes(32))


class Alarms(Protocol):
    """A lender's own alarms; nothing of them leaves the lender."""

    def unproven(self, requester: MemberId) -> None:
        """Note a query that named a tag of this book without proof of its subject key."""
        ...

    def untrue_travel(self, requester: MemberId) -> None:
        """Note a travel check whose tile or time, which holders alone can read, does not hold."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class _Contribution:
    """What round 1 computes before anything is stored."""

    hidden: Hidden
    pair_digests: tuple[bytes, ...]
    commitment: bytes
    record: RevealRecord
    table: Table | None


@dataclass(frozen=True, repr=False)
class Contributor(Silent):
    """
    One lender's answering side; every time is in Unix seconds.

    `rulebook` gives the rulebook in effect, emergency suspensions included, or raises as `TrustedSet.check_usable`.
    """

    identity: LenderIdentity
    secrets: LendersSecrets
    rulebook: Callable[[], Rulebook]
    book: BookReader
    store: AnswerStore
    pairs: PairKeys
    encryptor: Encryptor
    alarms: Alarms
    rng: Randomness
    changed: ChangedOver | None = None
    """The change of the key's generation that the ledger still looks behind."""
    opened: OpenedExchanges = field(default_factory=OpenedExchanges)
    pads: Pads = field(default_factory=FreshPads)

    def round1(self, raw: bytes, now: int) -> bytes:
        """
        Answer a call for a contribution with a signed Round1Body; a repeat gives the same bytes.

        Raises what `rules.queries.check_query` raises, and PAYLOAD_INVALID, ENVELOPE_MISMATCH, CONSENT_FOREIGN,
        CONSENT_USED_UP, ROSTER_MISMATCH, TOO_FEW_CONTRIBUTORS, CERTIFICATE_INVALID, PUBLIC_KEY_WEAK,
        EARLIER_TAGS_MISSING, BOOK_BEHIND, RESTORED_FROM_BACKUP, TRAVEL_TOO_OFTEN or PAYMENT_REUSED.
        """
        request = round1_request_from_bytes(raw)
        known = self.store.find(request.ctx)
        if known:
            return known.answer
        rulebook = self.rulebook()
        payload = admit(request, self.identity.member, rulebook, self.secrets, now)
        earlier = earlier_tags(payload, request.query.header.issued_at, self.changed, rulebook, now)
        self._check_often(request.query, (*payload.tags, *earlier), rulebook, now)
        contribution = self._contribute(request, payload, earlier, rulebook)
        failpoint("lender.round1-before-store")
        with self.store.transaction() as store:
            known = store.exchange(request.ctx)  # another node of this lender may have been faster
            if known:
                return known.answer
            check_quarantine(store, now)
            bindings = store.bindings((*payload.tags, *earlier), window_start(rulebook, now))
            check_consent_uses(request.query, store.consent_uses)
            answer = self._sign_round1(request, contribution, bindings, store.next_counter(utc_day(now)))
            reveal = seal_record(contribution.record, self.identity.audit_secret, request.ctx, self.rng)
            store.open_exchange(request.ctx, Exchange(raw, answer, reveal))
            failpoint("lender.round1-inside-store")
        failpoint("lender.round1-after-store")
        self.opened.keep(request.ctx, OpenedExchange(request, payload.tags, contribution.record))
        return answer

    def round2(self, raw: bytes, now: int) -> bytes:
        """
        Release the correction for one answering set, at most once; a repeat gives the same bytes.

        Raises CTX_UNKNOWN, ALREADY_RELEASED, QUERY_EXPIRED, ROSTER_MISMATCH, RULEBOOK_MISMATCH, RULEBOOK_INVALID,
        RULEBOOK_FROZEN, MEMBER_NOT_ACTIVE, TOO_FEW_CONTRIBUTORS, DIFFERENCING, CONFLICT, RESTORED_FROM_BACKUP,
        CONSENT_USED_UP, TRAVEL_TOO_OFTEN or PAYMENT_REUSED; then nothing is released or bound.
        """
        request = round2_request_from_bytes(raw)
        with self.store.transaction() as store:
            released = store.correction(request.ctx)
            if released:
                return _repeated(released, request.members)
            exchange = store.exchange(request.ctx)
            if exchange is None:
                raise CreditError(Code.CTX_UNKNOWN)
            failpoint("lender.round2-before-store")
            answer = self._release(store, request, exchange, now)
            failpoint("lender.round2-inside-store")
        failpoint("lender.round2-after-store")
        return answer

    def _check_often(self, query: SignedQuery, tags: Sequence[SubjectTag], rulebook: Rulebook, now: int) -> None:
        """Refuse a travel check too many before a pad is taken for it; what counts is looked at again at release."""
        if query.header.travel is not None:
            with self.store.transaction() as store:
                check_often(store, query, tags, rulebook, now)

    def _contribute(
        self, request: Round1Request, payload: Payload, earlier: Sequence[SubjectTag], rulebook: Rulebook
    ) -> _Contribution:
        query, ctx, own = request.query, request.ctx, self.identity.member
        layout = query_layout(query.header, rulebook)
        keys = day_keys(request.roster, own, rulebook, self.pairs, query.header.issued_at)
        pair_keys = {peer: pair_ctx_key(day_key, ctx, own, peer) for peer, day_key in keys.items()}
        view = self.book.read(payload.tags, live=is_live(query.header, rulebook))
        state = BookState(view.root, view.journal_size, view.journal_head)
        files, proven = self._matches(query, payload, earlier, view)
        value = layout.pack(contribution_values(files, query.header, rulebook))
        seeds = CtxSeeds.derive(self.identity.audit_secret.value, ctx)
        held = [*zip(view.files, files, strict=True)]
        table, travel = self._travel(query, payload, held, (seeds, travel_masks(own, pair_keys)), rulebook)
        hidden = Hiding(own, self.pairs, self.encryptor).hide(request, value, layout.words, seeds, pair_keys)
        record = RevealRecord(
            value=value,
            obfuscator_seed=hidden.obfuscator_seed,
            pair_keys=pair_keys,
            book=state,
            tags=payload.tags,
            proven=proven,
            rho=payload.rho,
            earlier=tuple(earlier),
            travel=travel,
            requester_key=hidden.requester_key,
        )
        return _Contribution(
            hidden=hidden,
            pair_digests=tuple(pair_digest(ctx, own, peer, pair_keys[peer]) for peer in sorted(pair_keys)),
            commitment=contribution_commitment(ctx, value, hidden.width, seeds.commit_seed, state),
            record=record,
            table=table,
        )

    def _travel(
        self,
        query: SignedQuery,
        payload: Payload,
        held: Sequence[tuple[HeldFile | None, CreditFile | None]],
        secrets: tuple[CtxSeeds, PairMasks],
        rulebook: Rulebook,
    ) -> tuple[Table | None, TravelRecord | None]:
        """Answer a travel check, if the query has one; `held` are the files of the places, held and matched."""
        if query.header.travel is None:
            return None, None
        policy = travel_policy(rulebook)
        places = [
            match_place(query, place, found.key if found else _NO_KEY, file, policy)
            for place, (found, file) in zip(payload.places, held, strict=True)
        ]
        if any(place.file and place.asked is None for place in places):
            self.alarms.untrue_travel(query.header.requester)
        material = payload_material(self.secrets.sealing_key, query.header_digest)
        pad = self.pads.take(policy.grid.cells)
        return answer_travel(query, places, pad, *secrets, (policy, material))

    def _matches(
        self, query: SignedQuery, payload: Payload, earlier: Sequence[SubjectTag], view: BookView
    ) -> tuple[list[CreditFile | None], tuple[bool, ...]]:
        """
        Give the file of every place whose identifier is proven, and which are; what is not proven is no match.

        Nor is a person whose tag of the generation before the query does not name, where the ledger goes by it:
        otherwise a made-up one would hide what was released under the real one.
        """
        files: list[CreditFile | None] = []
        proven: list[bool] = []
        for index, (place, held) in enumerate(zip(payload.places, view.files, strict=True)):
            proof = subject_proof(held.key if held else _NO_KEY, query.header_digest)
            known = held.earlier if held and held.earlier else _NO_TAG
            linked = hmac.compare_digest(known.value, place.earlier.value) or not earlier
            proven.append(hmac.compare_digest(proof, place.proof) and held is not None and linked)
            matched = held is not None and held.kind == index and proven[index]
            files.append(held.file if held and matched else None)
            if held and not matched:
                self.alarms.unproven(query.header.requester)
        return files, tuple(proven)

    def _sign_round1(
        self, request: Round1Request, contribution: _Contribution, bindings: list[Binding | None], counter: int
    ) -> bytes:
        opening = Opening(self.rng(SALT_BYTES), bound_for(bindings), counter)
        body = Round1Body(
            contributor=self.identity.member,
            ctx=request.ctx,
            ciphertext=contribution.hidden.contribution,
            pair_digests=contribution.pair_digests,
            commitment=contribution.commitment,
            opening_digest=opening.digest,
            travel=signed_part(contribution.table),
            requester_digest=contribution.hidden.requester_digest,
        )
        raw = round1_body_to_bytes(body)
        words = contribution.table.words if contribution.table else b""
        return signed_body_to_bytes(Signed(body, raw, self.identity.signer.sign(Label.ROUND1, raw), opening, words))

    def _release(self, store: AnswerTransaction, request: Round2Request, exchange: Exchange, now: int) -> bytes:
        rulebook = self.rulebook()
        opened = self.opened.take(request.ctx) or self._reopened(request.ctx, exchange)
        bindings = store.bindings((*opened.tags, *opened.record.earlier), window_start(rulebook, now))
        tested = roster_to_test(bindings, rulebook.roster_set)
        self._check_release(opened.request, request.members, tested, rulebook, now)
        check_release(bindings, request.members)
        check_quarantine(store, now)
        check_consent_uses(opened.request.query, store.use_consent)  # what released nothing was no use
        counted = (*opened.tags, *opened.record.earlier)
        check_often(store, opened.request.query, counted, rulebook, now)
        note_release(store, opened.request.query, counted, now)
        hits = int(any(opened.record.proven))  # written in any case, so that it takes as long
        store.statistics.count_hit(opened.request.query.header.requester, utc_day(now), hits)
        bind_all(store, opened.tags, bindings[: len(opened.tags)], Binding(request.members, tested, now))
        answer = self._sign_round2(opened, rulebook, (request.members, tested), store.next_counter(utc_day(now)))
        store.release(request.ctx, answer)
        return answer

    def _reopened(self, ctx: bytes, exchange: Exchange) -> OpenedExchange:
        """Read what round 1 stored, after a restart or for another node of this lender."""
        request = round1_request_from_bytes(exchange.request)
        record = open_record(exchange.reveal, self.identity.audit_secret, ctx)
        return OpenedExchange(request, record.tags or open_query(request.query, self.secrets).tags, record)

    def _check_release(
        self, opened: Round1Request, answering: MemberSet, tested: MemberSet, rulebook: Rulebook, now: int
    ) -> None:
        header = opened.query.header
        if header.rulebook_digest != rulebook.digest:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed between the rounds")
        rulebook.check_current(now)
        active_lender(rulebook, header.requester)  # it may have been cut off since round 1
        check_times(header, rulebook, now)
        if self.identity.member not in answering or not answering <= opened.intended:
            raise CreditError(Code.ROSTER_MISMATCH, "the answering set is not within the intended one, or without us")
        check_answering_set(answering, tested, header.requester, rulebook.groups, rulebook.limits)

    def _sign_round2(
        self, opened: OpenedExchange, rulebook: Rulebook, sets: tuple[MemberSet, MemberSet], counter: int
    ) -> bytes:
        """Sign the correction for (U, the roster that it was tested against)."""
        (answering, tested), record, own = sets, opened.record, self.identity.member
        query, ctx = opened.request.query, opened.request.ctx
        seeds = CtxSeeds.derive(self.identity.audit_secret.value, ctx)
        corr = lifted(query, own, record, query_layout(query.header, rulebook).words, seeds, answering)
        travel = travel_correction(record.travel, seeds, travel_masks(own, record.pair_keys), answering)
        opening = Opening(self.rng(SALT_BYTES), Bound(BoundState.NONE), counter)
        body = Round2Body(own, ctx, answering, corr, tested, opening.digest, travel)
        raw = round2_body_to_bytes(body)
        return signed_body_to_bytes(Signed(body, raw, self.identity.signer.sign(Label.ROUND2, raw), opening))


def check_quarantine(store: AnswerTransaction, now: int) -> None:
    """Raise CreditError(RESTORED_FROM_BACKUP) while a node that was restored releases nothing."""
    if now < store.quarantined_until():
        raise CreditError(Code.RESTORED_FROM_BACKUP)


def window_start(rulebook: Rulebook, now: int) -> int:
    """Give the first second whose releases still bind."""
    return now - rulebook.policy.ledger_window + 1


def check_consent_uses(query: SignedQuery, uses: Callable[[bytes, bytes], int]) -> None:
    """Raise CreditError(CONSENT_USED_UP) where a consent record serves a query too many, as `uses` counts."""
    if query.consent and uses(query.consent.digest, query.digest) > query.consent.record.maximum_uses:
        raise CreditError(Code.CONSENT_USED_UP)


def _repeated(released: bytes, answering: MemberSet) -> bytes:
    if signed_round2_from_bytes(released).body.members != answering:
        raise CreditError(Code.ALREADY_RELEASED)
    return released
