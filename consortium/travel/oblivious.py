"""
1-of-M oblivious transfer of one cell's number, from the group of the OPRF (as Naor and Pinkas 2001 from a DH key).

The requester sends one blinded element B = r H(c) for its cell c; B is uniform whatever c is. A contributor answers
with E = k B under a key k that is used once, and with a table of M words,

    T[i] = (number of cell i + its mask mod 2^64) xor PRF(k H(i)),

of which the requester can open T[c] alone, since E / r = k H(c): any other entry would need k H(i), a computational
Diffie-Hellman value that it has no way to ask for. The mask hides the opened word too; the masks of all who answer
leave their sum only. `H` has a label of its own and does not take the tile, so that pads are made ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn, Self

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, keyed_hash, uint
from consortium.labels import Label
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement, EvaluatedElement
from consortium.silent import Silent
from consortium.travel.tables import WORD_BYTES, table_digest

MODULUS = 1 << 64
_CELL_DST = b"HashToGroup-" + Label.TRAVEL_CELL.value
_CELL_BYTES = 4


@lru_cache(maxsize=4)
def cell_elements(cells: int) -> tuple[bytes, ...]:
    """Give H(i) for every cell index below `cells`."""
    return tuple(group.hash_to_group(uint(index, _CELL_BYTES), _CELL_DST) for index in range(cells))


@dataclass(frozen=True, slots=True, repr=False)
class Choice(Silent):
    """The requester's memory of a check: its cell and the blind."""

    cell: int
    blind: int

    @property
    def element(self) -> BlindedElement:
        """What is sent: r H(c)."""
        return BlindedElement(group.scale(self.blind, group.hash_to_group(uint(self.cell, _CELL_BYTES), _CELL_DST)))

    def open(self, answer: EvaluatedElement, table: bytes) -> int:
        """Open the own entry of a table: the masked number, below 2^64."""
        (inverse,) = group.invert_all([self.blind])
        pad = _pad(group.scale(inverse, answer.value))
        word = table[self.cell * WORD_BYTES : (self.cell + 1) * WORD_BYTES]
        return int.from_bytes(word, "big") ^ int.from_bytes(pad, "big")


def choose(cell: int, rng: Randomness) -> Choice:
    """Blind a cell with a uniform scalar other than zero, from 64 bytes of `rng`."""
    return Choice(cell, group.random_scalar(rng))


class Pad(Silent):
    """
    A key k with the pads of every cell: good for one table, and it cannot be copied or pickled.

    Making one takes a multiplication for each cell; answering with one takes a single multiplication.
    """

    __slots__ = ("_unused", "cells")

    def __init__(self, key: int, pads: bytes) -> None:
        self.cells = len(pads) // WORD_BYTES
        self._unused = [(key, pads)]

    @classmethod
    def make(cls, cells: int, rng: Randomness) -> Self:
        """Make a pad from a fresh key of 64 bytes of `rng`."""
        key = group.random_scalar(rng)
        return cls(key, pads_of(key, cells))

    def take(self) -> tuple[int, bytes]:
        """Give key and pads out, once; raises CreditError(PAD_REUSED) ever after, whichever thread asks."""
        try:
            return self._unused.pop()  # one bytecode-level operation: two threads cannot both succeed
        except IndexError:
            raise CreditError(Code.PAD_REUSED, "second use") from None

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a pad is neither copied nor stored")


@dataclass(frozen=True, slots=True, repr=False)
class Table(Silent):
    """A contributor's answer: the evaluated element and M words."""

    element: EvaluatedElement
    words: bytes

    @property
    def digest(self) -> bytes:
        """What the contributor signs of the words, 32 bytes."""
        return table_digest(self.words)


def pads_of(key: int, cells: int) -> bytes:
    """Give PRF(k H(i)) for every cell, WORD_BYTES each."""
    return b"".join(_pad(group.scale(key, element)) for element in cell_elements(cells))


def fill_table(key: int, pads: bytes, asked: BlindedElement, numbers: bytes, mask: int) -> Table:
    """
    Answer with one small number for each cell (a byte each) under one mask below 2^64.

    The same for a reveal: key, numbers and mask give the signed table byte for byte. Raises CreditError(MALFORMED) for
    another number of cells.
    """
    if len(numbers) * WORD_BYTES != len(pads):
        raise CreditError(Code.MALFORMED, "a number for each cell is needed")
    words = [uint((number + mask) % MODULUS, WORD_BYTES) for number in range(max(numbers, default=0) + 1)]
    plain = b"".join([words[number] for number in numbers])
    hidden = int.from_bytes(plain, "big") ^ int.from_bytes(pads, "big")
    return Table(EvaluatedElement(group.scale(key, asked.value)), uint(hidden, len(pads)))


def sum_of(opened: Sequence[int], corrections: Sequence[int]) -> int:
    """Take the corrections off the opened words: the sum of the numbers, mod 2^64."""
    return (sum(opened) - sum(corrections)) % MODULUS


def _pad(shared: bytes) -> bytes:
    return keyed_hash(shared, Label.TRAVEL_PAD)[:WORD_BYTES]
