"""The sums of many rows at once, split into their slots: what `Layout.unpack` does for one."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.sums.packing import GUARD_BITS, Layout
from consortium.sums.words import WORD_BITS, Words

Column = npt.NDArray[np.uint64]


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
