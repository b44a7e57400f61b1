"""
A contributor's side of a travel check: the table of its numbers, its correction, and how often a person may be checked.

Non-holders and holders without events answer with a table of zeros, by the same work.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import uint
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.model.members import MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import TravelAnswer
from consortium.model.rulebook import Rulebook
from consortium.rules.travel import check_rate, travel_policy, whereabouts_from_bytes
from consortium.rules.travel_numbers import travel_numbers
from consortium.rules.travel_reveals import travel_blind
from consortium.sealing.payload import Place, holder_material, open_with
from consortium.silent import Silent
from consortium.sums.exchange import CtxSeeds
from consortium.sums.masks import PairMasks
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


@dataclass(frozen=True, slots=True, repr=False)
class Matched(Silent):
    """
    What a contributor makes of one place of a query: the file it holds there, if any, and whether it matched.

    `asked` is what the holder part says, None where it does not open or says nothing that holds.
    """

    material: bytes
    file: CreditFile | None
    asked: Whereabouts | None


def match_place(
    query: SignedQuery, place: Place, key: SubjectKey, file: CreditFile | None, policy: TravelPolicy
) -> Matched:
    """Open a place's holder part with the subject key on file, or with any other where there is none."""
    material = holder_material(key, query.header_digest)
    try:
        plain = open_with(material, place.holder_part, query.header_digest)
    except CreditError:
        plain = b""
    asked = whereabouts_from_bytes(plain, policy, query.header.issued_at)
    return Matched(material if file else b"", file, asked)


def answer_travel(
    query: SignedQuery,
    places: Sequence[Matched],
    pad: Pad,
    seeds: CtxSeeds,
    masks: PairMasks,
    opened: tuple[TravelPolicy, bytes],
) -> tuple[Table, TravelRecord]:
    """Give the table for a query's element, and what a reveal needs of it; `opened` has the payload's material."""
    if query.header.travel is None:
        raise CreditError(Code.INTERNAL, "no travel check")
    policy, payload = opened
    numbers = travel_numbers([(place.file, place.asked) for place in places], policy)
    key, words = pad.take()
    mask = (travel_blind(seeds, numbers) + masks.signed_sum(set(masks.keys))) % MODULUS
    table = fill_table(key, words, query.header.travel.element, numbers, mask)
    return table, TravelRecord(key, numbers, payload, tuple(place.material for place in places))


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
