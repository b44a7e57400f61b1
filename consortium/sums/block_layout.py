"""The slots of many rows at once: what `Layout.pack` and `Layout.unpack` do for one."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.sums.packing import GUARD_BITS, Layout
from consortium.sums.words import WORD_BITS, Words

Column = npt.NDArray[np.uint64]


def pack_rows(layout: Layout, columns: Mapping[str, npt.NDArray[np.int64]]) -> Words:
    """
    Pack one column a slot, by name, into the words (n, layout.words) of n rows, the highest word first.

    Raises CreditError: ATTRIBUTE_UNKNOWN unless the names are exactly those of the slots, RECORD_INVALID for a value
    outside 0 .. bound; MALFORMED for a layout of another kind than in words of 64 bits.
    """
    if layout.word_bits != WORD_BITS:
        raise CreditError(Code.MALFORMED, "a layout that is not in words")
    if columns.keys() != {slot.name for slot in layout.slots}:
        raise CreditError(Code.ATTRIBUTE_UNKNOWN, "values and slots have different names")
    rows = len(next(iter(columns.values())))
    words = np.zeros((rows, layout.words), dtype=np.uint64)
    for slot, start in layout.places():
        column = columns[slot.name]
        if rows and not (int(column.min()) >= 0 and int(column.max()) <= slot.bound):
            raise CreditError(Code.RECORD_INVALID, "a value outside its bound")
        place, shift = layout.words - 1 - start // WORD_BITS, np.uint64(start % WORD_BITS)
        words[:, place] |= column.astype(np.uint64) << shift
    return words


def unpack_rows(layout: Layout, words: Words, contributors: int) -> Mapping[str, Column]:
    """
    Split the words (n, layout.words) of n rows into one column a slot, by name.

    Raises CreditError(SUM_INVALID) for what no sum of so many honest contributions has, in any row; MALFORMED for a
    layout of another kind than in words of 64 bits.
    """
    if layout.word_bits != WORD_BITS or words.ndim != 2 or words.shape[1] != layout.words:
        raise CreditError(Code.MALFORMED, "words of another layout")
    rest, columns = words.copy(), {}
    for slot, start in layout.places():
        place, shift = layout.words - 1 - start // WORD_BITS, np.uint64(start % WORD_BITS)
        mask = np.uint64((1 << layout.width(slot)) - 1)
        column = (words[:, place] >> shift) & mask
        most = min(slot.bound * contributors, (1 << (layout.width(slot) - GUARD_BITS)) - 1)
        if len(column) and int(column.max()) > most:
            raise CreditError(Code.SUM_INVALID, "a slot above its largest sum, or a guard bit")
        rest[:, place] ^= column << shift
        columns[slot.name] = column
    if rest.any():
        raise CreditError(Code.SUM_INVALID, "bits outside of the slots")
    return columns
