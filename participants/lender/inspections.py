"""
Answering an inspection: what a contribution contained, and the part of the book that it came from.

The lender itself sees to it that reveals isolate nobody: it knows every order (all lenders are shown them), and by its
own records which of them concern the same person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.model.identifiers import SubjectTag
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import Round1Request
from consortium.model.rulebook import Rulebook
from consortium.oprf import group
from consortium.silent import Silent
from consortium.sums.exchange import CtxSeeds
from consortium.supervision.bundle import Bundle, ShownBook, ShownLeaf, ShownPlace, ShownTravel, links_digest
from consortium.supervision.documents import Case, CaseKind, InspectionOrder
from consortium.wire.rounds import round1_request_from_bytes, signed_round2_from_bytes
from participants.lender.answer_ports import AnswerStore
from participants.lender.identity import LenderIdentity
from participants.lender.ports import BookHistory, BookProof, PlaceProof
from participants.lender.reveal import RevealRecord, TravelRecord, check_reveal_allowed, make_reveal, open_record


@dataclass(frozen=True, slots=True, repr=False)
class _Answered(Silent):
    """An exchange that this lender took part in to the end."""

    request: Round1Request
    answering: MemberSet
    record: RevealRecord


@dataclass(frozen=True, repr=False)
class Inspector(Silent):
    """One lender's side of inspections."""

    identity: LenderIdentity
    answers: AnswerStore
    history: BookHistory

    def check(
        self,
        order: InspectionOrder,
        others: Iterable[InspectionOrder],
        cases: Mapping[int, Case],
        rulebook: Rulebook,
    ) -> None:
        """
        Raise unless this order may be answered; `others` are all orders so far, `cases` the disputes by entry.

        Raises CreditError(REVEAL_LIMIT), (ORDER_INVALID) for a dispute about something else, (CTX_UNKNOWN) or
        (HISTORY_GONE) where there is nothing to show.
        """
        answered = self._answered(order.ctx)
        if order.member != self.identity.member or order.member not in answered.answering:
            raise CreditError(Code.ORDER_INVALID, "an order to another member")
        if order.dispute is None:
            already = self._inspected(answered, others, rulebook.policy.ledger_window)
            check_reveal_allowed(len(answered.answering), rulebook.policy.colluders, already, order.member)
            return
        case = cases.get(order.dispute)
        if case is None or case.kind is not CaseKind.DISPUTE or case.entry != order.entry:
            raise CreditError(Code.ORDER_INVALID, "there is no such dispute about this entry")

    def bundle(self, order: InspectionOrder, digest: bytes, statement: int) -> tuple[Bundle, tuple[bytes, ...]]:
        """
        Put together what an order demands; `digest` is the order's, `statement` our newest statement's number.

        Gives the part to be signed and the journal's links. Raises as `BookHistory.prove`, and CTX_UNKNOWN.
        """
        answered = self._answered(order.ctx)
        record, own, secret = answered.record, self.identity.member, self.identity.audit_secret
        reveal = make_reveal(record, secret, order.ctx, answered.answering, own)
        proof = self.history.prove(record.book, record.tags)
        bundle = Bundle(
            consortium=order.consortium,
            member=own,
            order=digest,
            ctx=order.ctx,
            statement=statement,
            value=f"{record.value:x}",
            seed=CtxSeeds.derive(secret.value, order.ctx).seed,
            obfuscator_seed=reveal.obfuscator_seed or None,
            pair_keys=dict(reveal.pair_keys),
            book=_shown_book(proof),
            journal_size=record.book.journal_size,
            journal_head=record.book.journal_head,
            salt=proof.salt,
            rho=record.rho,
            tags=tuple(tag.value for tag in record.tags),
            places=tuple(map(_shown_place, proof.places, record.proven)),
            links=len(proof.links),
            links_digest=links_digest(proof.links),
            travel=_shown_travel(record.travel) if record.travel else None,
            requester_key=reveal.requester_key or None,
        )
        return bundle, proof.links

    def _answered(self, ctx: bytes) -> _Answered:
        with self.answers.transaction() as store:
            exchange, correction = store.exchange(ctx), store.correction(ctx)
        if exchange is None or correction is None:
            raise CreditError(Code.CTX_UNKNOWN, "nothing was released in this exchange")
        record = open_record(exchange.reveal, self.identity.audit_secret, ctx)
        if not record.tags:
            raise CreditError(Code.HISTORY_GONE, "the exchange is from before this version")
        answering = signed_round2_from_bytes(correction).body.members
        return _Answered(round1_request_from_bytes(exchange.request), answering, record)

    def _inspected(self, answered: _Answered, others: Iterable[InspectionOrder], window: int) -> frozenset[MemberId]:
        """Give who was ordered to reveal about the same person within one window."""
        found = set()
        for other in others:
            if other.dispute is None and self._concerns(other.ctx, answered, window):
                found.add(other.member)
        return frozenset(found)

    def _concerns(self, ctx: bytes, answered: _Answered, window: int) -> bool:
        try:
            other = self._answered(ctx)
        except CreditError:
            return False
        apart = other.request.query.header.issued_at - answered.request.query.header.issued_at
        return abs(apart) <= window and not _about(other.record).isdisjoint(_about(answered.record))


def _about(record: RevealRecord) -> frozenset[SubjectTag]:
    """Give whom a record is about, over a change of the generation too."""
    return frozenset((*record.tags, *record.earlier))


def _shown_travel(travel: TravelRecord) -> ShownTravel:
    key = group.encode_scalar(travel.key)
    return ShownTravel(key=key, numbers=travel.numbers, payload=travel.payload, opened=travel.opened)


def _shown_book(proof: BookProof) -> ShownBook:
    root, previous = proof.made.root, proof.made.previous
    return ShownBook(
        day=root.day,
        size=root.size,
        root=root.root,
        salt_digest=root.salt_digest,
        previous_size=previous.size,
        previous_head=previous.head,
    )


def _shown_place(place: PlaceProof, proven: bool) -> ShownPlace:  # noqa: FBT001  one of two parallel sequences
    leaves = tuple(ShownLeaf(index=one.index, leaf=one.leaf, path=one.path) for one in place.leaves)
    return ShownPlace(proven=proven, opening=place.opening, file=place.file, leaves=leaves, entries=place.entries)
