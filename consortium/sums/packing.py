"""
Many bounded counters in one plaintext, each in a slot wide enough that no sum over the roster can overflow it.

Where the plaintext is a vector of words, a slot that would cross from one word into the next begins in the next, and
the bits that this leaves free are zero: a word's sum then never carries into another word.

Contributors pack before they mask, the requester unpacks what it has decrypted. The layout is a pure function of
the attributes and the largest roster, so nobody has to send it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from consortium.canonical import MAX_INTEGER, CanonicalValue, canonical_json
from consortium.errors import Code, CreditError

GUARD_BITS = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """One attribute's place: its id and the largest value a single contributor may put in (1 .. 2^53 - 1)."""

    name: str
    bound: int


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Slots in the order of their names, the first in the lowest bits; make one with `build`.

    `word_bits` is the width of a word that no slot may cross the end of; 0 where the plaintext is one number.
    """

    slots: tuple[Slot, ...]
    roster_maximum: int
    word_bits: int = 0

    @classmethod
    def build(cls, slots: Iterable[Slot], roster_maximum: int, modulus_bits: int, word_bits: int = 0) -> "Layout":
        """
        Lay the slots out for sums of up to `roster_maximum` contributors (at least 1) below any modulus of that size.

        With `word_bits` they are laid out in words of that width, and `modulus_bits` are those of all words.
        Raises CreditError: ATTRIBUTES_DO_NOT_FIT if they take more, or a slot more than a word; MALFORMED for no slot,
        two of one name, a bound out of range or an empty roster.
        """
        layout = cls(tuple(sorted(slots, key=lambda slot: slot.name)), roster_maximum, word_bits)
        layout._check()
        room = modulus_bits if word_bits else modulus_bits - 1
        if layout.bits > room:
            raise CreditError(Code.ATTRIBUTES_DO_NOT_FIT, f"{layout.bits} bits into {room}")
        widest = max(map(layout.width, layout.slots))
        if word_bits and widest > word_bits:
            raise CreditError(Code.ATTRIBUTES_DO_NOT_FIT, f"a slot of {widest} bits into a word of {word_bits}")
        return layout

    @property
    def bits(self) -> int:
        """Where the last slot ends."""
        *_, (last, start) = self.places()
        return start + self.width(last)

    @property
    def words(self) -> int:
        """How many words the slots take; 0 where the plaintext is one number."""
        return -(-self.bits // self.word_bits) if self.word_bits else 0

    def width(self, slot: Slot) -> int:
        """Bits of the bound, carry bits for the largest roster, and the guard bit, which no honest sum sets."""
        return slot.bound.bit_length() + (self.roster_maximum - 1).bit_length() + GUARD_BITS

    def pack(self, values: Mapping[str, int]) -> int:
        """
        Pack one value a slot into an integer of at most `bits` bits.

        Raises CreditError: ATTRIBUTE_UNKNOWN unless the names are exactly those of the slots, RECORD_INVALID for a
        value outside 0 .. bound (contributors clamp first).
        """
        if values.keys() != {slot.name for slot in self.slots}:
            raise CreditError(Code.ATTRIBUTE_UNKNOWN, "values and slots have different names")
        packed = 0
        for slot, start in self.places():
            value = values[slot.name]
            if not 0 <= value <= slot.bound:
                raise CreditError(Code.RECORD_INVALID, "a value outside its bound")
            packed |= value << start
        return packed

    def unpack(self, total: int, contributors: int | None = None) -> dict[str, int]:
        """
        Split a decrypted sum into one sum a slot, by name.

        Raises CreditError(SUM_INVALID) for bits beyond the layout or between its slots, for a set guard bit, and for a
        slot above bound * contributors, which no sum of honest contributions reaches (`contributors` defaults to
        roster_maximum).
        """
        largest = self.roster_maximum if contributors is None else contributors
        rest, end, sums = int(total), 0, {}
        for slot, start in self.places():
            between, width = start - end, self.width(slot)
            if rest & ((1 << between) - 1):
                raise CreditError(Code.SUM_INVALID, "bits between the slots")
            rest >>= between
            sums[slot.name] = self._checked(slot, rest & ((1 << width) - 1), largest)
            rest, end = rest >> width, start + width
        if rest:
            raise CreditError(Code.SUM_INVALID, "bits beyond the layout")
        return sums

    def describe(self) -> bytes:
        """Encode what fixes every position as canonical JSON, to be hashed."""
        slots: list[CanonicalValue] = [{"bound": slot.bound, "name": slot.name} for slot in self.slots]
        words: dict[str, CanonicalValue] = {"word_bits": self.word_bits} if self.word_bits else {}
        return canonical_json({"roster_maximum": self.roster_maximum, "slots": slots, **words})

    def places(self) -> Iterator[tuple[Slot, int]]:
        """Give each slot with its lowest bit."""
        end = 0
        for slot in self.slots:
            width, start = self.width(slot), end
            if self.word_bits and start % self.word_bits + width > self.word_bits:
                start += -start % self.word_bits
            yield slot, start
            end = start + width

    def _check(self) -> None:
        if not self.slots or len({slot.name for slot in self.slots}) != len(self.slots):
            raise CreditError(Code.MALFORMED, "no slot, or two of one name")
        if not all(1 <= slot.bound <= MAX_INTEGER for slot in self.slots):
            raise CreditError(Code.MALFORMED, "a slot's bound is out of range")
        if not 1 <= self.roster_maximum <= MAX_INTEGER:
            raise CreditError(Code.MALFORMED, "roster maximum out of range")

    def _checked(self, slot: Slot, value: int, contributors: int) -> int:
        if value >> (self.width(slot) - GUARD_BITS):
            raise CreditError(Code.SUM_INVALID, "a guard bit is set")
        if value > slot.bound * contributors:
            raise CreditError(Code.SUM_INVALID, "a slot above its largest sum")
        return value
