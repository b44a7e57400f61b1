"""
The sum of a block's hidden contributions, as everybody can make it who has them: it needs no secret but those released.

Where rows are left out, corrections and the sum lack their words: zeros there would show what hides them.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from consortium.hashing import derive
from consortium.labels import Label
from consortium.sums.words import WORD_BYTES, Words, words_from_bytes

Kept = npt.NDArray[np.bool_]
"""A truth value for each row of a block: whether it is in the sum."""


def block_stream(key: bytes, label: Label, count: int) -> Words:
    """
    Stretch a secret of 32 bytes to `count` words: AES-256 in counter mode from zero, under a key of this label alone.

    A dozen times as fast as SHAKE, and it gives the interpreter's lock away. A secret serves one vector a label.
    """
    stream = Cipher(AES256(derive(key, label)), CTR(bytes(16))).encryptor()
    return words_from_bytes(stream.update(bytes(count * WORD_BYTES)), count)


def block_blind(seed: bytes, count: int) -> Words:
    """Give b_i from its sub-seed."""
    return block_stream(seed, Label.BLIND_WORDS, count)


def kept_words(vector: Words, kept: Kept) -> Words:
    """Take the words of the rows kept out of a flat vector."""
    return vector if kept.all() else vector.reshape(len(kept), -1)[kept].reshape(-1)


def block_sum(contributions: Iterable[Words], corrections: Iterable[Words], kept: Kept) -> Words:
    """Add the contributions of U and take their corrections off, for the rows kept: the sum under the r_i."""
    total: Words | None = None
    for vector in contributions:
        total = vector.copy() if total is None else np.add(total, vector, out=total)
    found = kept_words(total if total is not None else np.zeros(0, dtype=np.uint64), kept)
    for correction in corrections:
        np.subtract(found, correction, out=found)
    return found
