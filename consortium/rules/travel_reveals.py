"""
The masks of a travel check, and the check of its reveal: key and numbers must give the signed table byte for byte.

They are those of the sum under a label of their own, mod 2^64. The gateway never imports this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from consortium.errors import Code, CreditError
from consortium.hashing import derive
from consortium.labels import Label
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import TravelAnswer
from consortium.oprf.elements import BlindedElement
from consortium.silent import Silent
from consortium.sums.exchange import CtxSeeds
from consortium.sums.masks import PairMasks, blind
from consortium.travel.oblivious import MODULUS, fill_table, pads_of


@dataclass(frozen=True, slots=True)
class StatedTravel:
    """What a contributor had signed of a travel check: its answer to an element, and the correction for U."""

    element: BlindedElement
    answer: TravelAnswer
    correction: int
    answering: MemberSet
    everybody: bool
    """Whether U is the whole roster; then the correction is the blind alone and is checked as well."""


@dataclass(frozen=True, slots=True, repr=False)
class TravelReveal(Silent):
    """What it opens: the table's key, each cell's number (a byte each), its seed, and k_ij for the others in U."""

    key: int
    numbers: bytes
    seed: bytes
    pair_keys: Mapping[MemberId, bytes]


def travel_masks(own: MemberId, pair_keys: Mapping[MemberId, bytes]) -> PairMasks:
    """Give a member's masks of a travel check, mod 2^64, from its k_ij."""
    keys = {peer: derive(key, Label.TRAVEL_PAIR) for peer, key in pair_keys.items()}
    return PairMasks(own, keys, MODULUS)


def travel_blind(seeds: CtxSeeds, numbers: bytes) -> int:
    """Give what a contributor puts on its numbers in round 1 and takes off in round 2; it depends on the numbers."""
    return blind(derive(seeds.seed, Label.TRAVEL_SEED, numbers), MODULUS)


def check_travel_reveal(member: MemberId, reveal: TravelReveal, stated: StatedTravel) -> None:
    """
    Raise CreditError(REVEAL_INVALID) unless the reveal reproduces what was signed; one multiplication for each cell.

    That the pair keys are those of U and the peers' own is checked with the sum's reveal (`check_reveal`).
    """
    within = travel_masks(member, reveal.pair_keys).signed_sum(stated.answering - {member})
    mask = (stated.correction + within) % MODULUS
    try:
        table = fill_table(reveal.key, pads_of(reveal.key, len(reveal.numbers)), stated.element, reveal.numbers, mask)
    except CreditError as error:
        raise CreditError(Code.REVEAL_INVALID, "the travel table's key") from error
    if not compare_digest(table.element.value, stated.answer.element.value):
        raise CreditError(Code.REVEAL_INVALID, "the travel element")
    if not compare_digest(table.digest, stated.answer.table_digest):
        raise CreditError(Code.REVEAL_INVALID, "the travel table")
    if stated.everybody and travel_blind(CtxSeeds(reveal.seed), reveal.numbers) != stated.correction:
        raise CreditError(Code.REVEAL_INVALID, "the travel correction")
