"""The leaves of a book in order of position: 64 bytes a subject in memory, sorted by numpy."""

from collections.abc import Iterator

import numpy as np

from consortium.transparency.books import LEAF_BYTES


class LeafSorter:
    """Collects leaves in any order and gives them in order of position."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, leaf: bytes) -> None:
        """Take one leaf of 64 bytes."""
        self._data += leaf

    def __iter__(self) -> Iterator[bytes]:
        words = np.frombuffer(self._data, dtype=">u8").reshape(-1, LEAF_BYTES // 8)
        first_to_last = [words[:, place] for place in range(4)]  # the position is the first 32 bytes
        order = np.lexsort(first_to_last[::-1])  # lexsort takes the most significant key last
        for index in order:
            yield bytes(self._data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES])
