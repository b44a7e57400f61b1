"""
The formulas of `word_masks` for a block of rows: long vectors, of the same masks under a faster key stream.

X_i is (rows, words) in the layout of one person; everything else is a flat vector of rows * words. The gateway never
imports this module.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from consortium.labels import Label
from consortium.silent import Silent
from consortium.sums.block_sums import Kept, block_blind, block_stream, kept_words
from consortium.sums.words import Words, added


@dataclass(frozen=True, slots=True, repr=False)
class BlockMasks(Silent):
    """One member's masks for one block: k_ij towards every other member, k_i, and the vectors' length in words."""

    own: str
    keys: Mapping[str, bytes]
    requester_key: bytes
    count: int

    def among(self, members: Iterable[str]) -> Words:
        """Sum +s_ij over members after `own` in the roster's order and -s_ij over those before."""
        total = np.zeros(self.count, dtype=np.uint64)
        for peer in members:
            mask = block_stream(self.keys[peer], Label.MASK_WORDS, self.count)
            if peer > self.own:
                total += mask
            else:
                total -= mask
        return total


def masked_block(values: Words, blind_seed: bytes, masks: BlockMasks) -> Words:
    """y_i: the values of all rows under all masks, flat."""
    total = masks.among(masks.keys)
    total += values.reshape(-1)
    total += block_blind(blind_seed, masks.count)
    total += block_stream(masks.requester_key, Label.REQUESTER_WORDS, masks.count)
    return total


def block_correction(blind_seed: bytes, masks: BlockMasks, answering: frozenset[str], kept: Kept) -> Words:
    """corr_i for the answering set U, of the rows kept alone."""
    whole = masks.among(masks.keys.keys() - answering)
    whole += block_blind(blind_seed, masks.count)
    return kept_words(whole, kept)


def opened_block(total: Words, keys: Iterable[bytes], kept: Kept) -> Words:
    """Take the requester's masks off a block's sum, as the requester."""
    count = len(total) // max(1, int(kept.sum())) * len(kept)
    masks = (kept_words(block_stream(key, Label.REQUESTER_WORDS, count), kept) for key in keys)
    return total - added(masks, len(total))
