"""
The sum of a block as gateway and requester make it alike, from vectors and corrections in bytes; it needs no secret.

A correction is a vector of the rows kept, or, where everybody answers and no row is left out, the sub-seed "b" from
which the vector follows.
"""

from collections.abc import Sequence

import numpy as np

from consortium.bitmaps import Truths, truths
from consortium.errors import Code, CreditError
from consortium.sums.block_sums import block_blind, block_sum
from consortium.sums.words import WORD_BYTES, words_from_bytes, words_to_bytes

SEED_BYTES = 32


def kept_rows(left_out: bytes, rows: int) -> Truths:
    """Give the rows that a block's bitmap does not leave out; raises CreditError(MALFORMED)."""
    return ~truths(left_out, rows) if left_out else np.ones(rows, dtype=bool)


def check_correction_length(data: bytes, kept: Truths, words: int, *, seeded: bool) -> None:
    """Raise CreditError(TRANSCRIPT_INVALID) unless a correction is a sub-seed, or a vector of the rows kept."""
    wanted = SEED_BYTES if seeded else int(kept.sum()) * words * WORD_BYTES
    if len(data) != wanted:
        raise CreditError(Code.TRANSCRIPT_INVALID, "a correction of another length")


def block_total(
    contributions: Sequence[bytes], corrections: Sequence[bytes], kept: Truths, words: int, *, seeded: bool
) -> bytes:
    """
    Add contributions up and take corrections off, for the rows kept: the encoded sum under the requester's masks.

    With `seeded` the corrections are sub-seeds. Raises CreditError(CIPHERTEXT_INVALID) for a vector of another length.
    """
    whole, some = len(kept) * words, int(kept.sum()) * words
    given = (words_from_bytes(one, whole) for one in contributions)
    taken = (block_blind(one, some) if seeded else words_from_bytes(one, some) for one in corrections)
    return words_to_bytes(block_sum(given, taken, kept))
