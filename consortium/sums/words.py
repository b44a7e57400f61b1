"""
Vectors of 64-bit words, added word by word modulo 2^64: what travels in the suite `MASKED_SUM`.

A vector stands for an integer of as many 8-byte words, the highest word first, big-endian. Slots of a layout for words
never cross from one word into the next (`packing`), so that adding words is adding numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.hashing import uint

WORD_BITS = 64
WORD_BYTES = 8
MAXIMUM_WORDS = 128

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class WordSums:
    """Sums in vectors of `count` words."""

    count: int

    @property
    def width(self) -> int:
        """The length of an encoded vector."""
        return self.count * WORD_BYTES


def words_of(value: int, count: int) -> Words:
    """Give a number below 2^(64 count) as words; OverflowError where it does not fit."""
    return _read(uint(value, count * WORD_BYTES))


def number_of(words: Words) -> int:
    """Give the number that words stand for."""
    return int.from_bytes(words_to_bytes(words), "big")


def words_to_bytes(words: Words) -> bytes:
    """Encode words, 8 bytes each."""
    return words.astype(">u8").tobytes()


def words_from_bytes(raw: bytes, count: int) -> Words:
    """Read exactly `count` words, any of them; raises CreditError(CIPHERTEXT_INVALID) for another length."""
    if len(raw) != count * WORD_BYTES:
        raise CreditError(Code.CIPHERTEXT_INVALID, f"{len(raw)} bytes, {count} words are needed")
    return _read(raw)


def added(vectors: Iterable[Words], count: int) -> Words:
    """Add vectors of `count` words modulo 2^64; nothing but zeros where there is none."""
    total = np.zeros(count, dtype=np.uint64)
    for vector in vectors:
        total += vector
    return total


def _read(raw: bytes) -> Words:
    return np.frombuffer(raw, dtype=">u8").astype(np.uint64)
