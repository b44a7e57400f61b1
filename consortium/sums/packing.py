"""
Many bounded counters in one plaintext, each in a slot wide enough that no sum over the roster can overflow it.

Contributors pack before they mask, the requester unpacks what it has decrypted. The layout is a pure function of
the attributes and the largest roster, so nobody has to send it.
"""

from collections.abc import Iterable, Mapping
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
    """Slots in the order of their names, the first in the lowest bits; make one with `build`."""

    slots: tuple[Slot, ...]
    roster_maximum: int

    @classmethod
    def build(cls, slots: Iterable[Slot], roster_maximum: int, modulus_bits: int) -> "Layout":
        """
        Lay the slots out for sums of up to `roster_maximum` contributors (at least 1) below any modulus of that size.

        Raises CreditError: ATTRIBUTES_DO_NOT_FIT if they take more than modulus_bits - 1 bits, MALFORMED for no
        slot, two of one name, a bound out of range or an empty roster.
        """
        layout = cls(tuple(sorted(slots, key=lambda slot: slot.name)), roster_maximum)
        layout._check()
        if layout.bits > modulus_bits - 1:
            raise CreditError(Code.ATTRIBUTES_DO_NOT_FIT, f"{layout.bits} bits into {modulus_bits - 1}")
        return layout

    @property
    def bits(self) -> int:
        """The width of all slots together."""
        return sum(map(self.width, self.slots))

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
        for slot in reversed(self.slots):
            value = values[slot.name]
            if not 0 <= value <= slot.bound:
                raise CreditError(Code.RECORD_INVALID, "a value outside its bound")
            packed = packed << self.width(slot) | value
        return packed

    def unpack(self, total: int, contributors: int | None = None) -> dict[str, int]:
        """
        Split a decrypted sum into one sum a slot, by name.

        Raises CreditError(SUM_INVALID) for bits beyond the layout, for a set guard bit, and for a slot above
        bound * contributors, which no sum of honest contributions reaches (`contributors` defaults to roster_maximum).
        """
        if total < 0 or total >> self.bits:
            raise CreditError(Code.SUM_INVALID, "bits beyond the layout")
        largest = self.roster_maximum if contributors is None else contributors
        rest, sums = int(total), {}
        for slot in self.slots:
            width = self.width(slot)
            sums[slot.name] = self._checked(slot, rest & ((1 << width) - 1), largest)
            rest >>= width
        return sums

    def describe(self) -> bytes:
        """Encode names, bounds and roster maximum as canonical JSON, which fixes every position, to be hashed."""
        slots: list[CanonicalValue] = [{"bound": slot.bound, "name": slot.name} for slot in self.slots]
        return canonical_json({"roster_maximum": self.roster_maximum, "slots": slots})

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
