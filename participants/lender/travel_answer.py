"""
A contributor's side of a travel check: the table of its numbers, its correction, and how often a person may be checked.

Non-holders and holders without events answer with a table of zeros, by the same work.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import derive, uint
from consortium.labels import Label
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.model.members import MemberId, MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import TravelAnswer
from consortium.model.rulebook import Rulebook
from consortium.rules.travel import check_rate, travel_numbers, travel_policy, whereabouts_from_bytes
from consortium.sealing.payload import Place, open_holder_part
from consortium.sums.exchange import CtxSeeds
from consortium.sums.masks import PairMasks, blind
from consortium.travel.geography import Whereabouts
from consortium.travel.oblivious import MODULUS, Pad, Table, fill_table
from consortium.travel.policy import SECONDS_PER_DAY, TravelPolicy
from consortium.travel.tables import WORD_BYTES
from participants.lender.answer_ports import AnswerTransaction
from participants.lender.reveal import TravelRecord


class Pads(Protocol):
    """Where single-use pads come from: each is given to one caller only."""

    def take(self, cells: int) -> Pad:
        """Give a pad for so many cells that was never used."""
        ...


class FreshPads:
    """Makes every pad on the spot, which takes as many multiplications as a tile has cells."""

    def take(self, cells: int) -> Pad:
        """Make a pad."""
        return Pad.make(cells, secrets.token_bytes)


def travel_masks(own: MemberId, pair_keys: Mapping[MemberId, bytes]) -> PairMasks:
    """Give a member's masks of a travel check, mod 2^64, under a label of their own."""
    keys = {peer: derive(key, Label.TRAVEL_PAIR) for peer, key in pair_keys.items()}
    return PairMasks(own, keys, MODULUS)


def travel_blind(seeds: CtxSeeds, numbers: bytes) -> int:
    """Give what a contributor puts on its numbers in round 1 and takes off in round 2; it depends on the numbers."""
    return blind(derive(seeds.seed, Label.TRAVEL_SEED, numbers), MODULUS)


def read_whereabouts(query: SignedQuery, place: Place, key: SubjectKey, policy: TravelPolicy) -> Whereabouts | None:
    """Open a place's holder part; None where it does not open, or says nothing that holds."""
    try:
        plain = open_holder_part(place, key, query.header_digest)
    except CreditError:
        plain = b""
    return whereabouts_from_bytes(plain, policy, query.header.issued_at)


def answer_travel(
    query: SignedQuery,
    matches: Sequence[tuple[CreditFile | None, Whereabouts | None]],
    pads: Pads,
    seeds: CtxSeeds,
    masks: PairMasks,
    policy: TravelPolicy,
) -> tuple[Table, TravelRecord]:
    """Give the table for a query's element, and what a reveal needs of it."""
    if query.header.travel is None:
        raise CreditError(Code.INTERNAL, "no travel check")
    numbers = travel_numbers(matches, policy)
    key, words = pads.take(policy.grid.cells).take()
    mask = (travel_blind(seeds, numbers) + masks.signed_sum(set(masks.keys))) % MODULUS
    return fill_table(key, words, query.header.travel.element, numbers, mask), TravelRecord(key, numbers)


def travel_correction(record: TravelRecord | None, seeds: CtxSeeds, masks: PairMasks, answering: MemberSet) -> bytes:
    """Give the correction for the answering set, 8 bytes; none where the query has no travel check."""
    if record is None:
        return b""
    absent = set(masks.keys) - answering
    return uint((travel_blind(seeds, record.numbers) + masks.signed_sum(absent)) % MODULUS, WORD_BYTES)


def signed_part(table: Table | None) -> TravelAnswer | None:
    """Give what the contributor signs of its table."""
    return None if table is None else TravelAnswer(table.element, table.digest)


def check_often(
    store: AnswerTransaction, query: SignedQuery, tags: Sequence[SubjectTag], rulebook: Rulebook, now: int
) -> None:
    """
    Raise TRAVEL_TOO_OFTEN or PAYMENT_REUSED where what was released before leaves no room for this check.

    Every contributor counts by the query's tags, whether or not it holds the person, so the refusal tells nothing.
    """
    if query.payment is None:
        return
    policy, digest = travel_policy(rulebook), query.digest
    for tag in tags:
        released = store.travel_releases(tag, now - SECONDS_PER_DAY + 1)
        check_rate([at for other, at in released if other != digest], policy, now)
    known = store.travel_payment(query.payment.reference.requester, query.payment.reference.commitment)
    if known not in (None, digest):
        raise CreditError(Code.PAYMENT_REUSED)


def note_release(store: AnswerTransaction, query: SignedQuery, tags: Sequence[SubjectTag], now: int) -> None:
    """Count a check that is about to be released, durably with the release."""
    if query.payment is not None:
        reference = query.payment.reference
        store.note_travel(tags, query.digest, (reference.requester, reference.commitment), now)
