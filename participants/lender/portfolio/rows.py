"""The tags of a list in their rising order, searched without a loop a person."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from consortium.bitmaps import Truths
from consortium.errors import Code, CreditError
from consortium.sealing.rows import TAG_BYTES
from consortium.silent import Silent

Octets = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False)
class ListTags(Silent):
    """Tags (n, 32) of a list in rising order, each once, with the first eight bytes of each as a number."""

    tags: Octets
    prefixes: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, tags: Octets) -> "ListTags":
        """Take tags; raises CreditError(LIST_INVALID) unless they rise and no tag is there twice."""
        prefixes = prefixes_of(tags)
        doubtful = np.flatnonzero(prefixes[1:] <= prefixes[:-1])
        for row in doubtful:  # equal prefixes of different tags are one in 2^64
            if tags[row].tobytes() >= tags[row + 1].tobytes():
                raise CreditError(Code.LIST_INVALID, "tags out of order, or one twice")
        return cls(tags, prefixes)

    def __len__(self) -> int:
        return len(self.tags)

    def positions(self, wanted: Octets) -> Positions:
        """Give the row of each wanted tag, -1 where the list has not got it."""
        if not len(self) or not len(wanted):
            return np.full(len(wanted), -1, dtype=np.int64)
        looked = prefixes_of(wanted)
        found = np.searchsorted(self.prefixes, looked)
        inside = np.minimum(found, len(self) - 1)
        near = np.flatnonzero(self.prefixes[inside] == looked)
        result = np.full(len(wanted), -1, dtype=np.int64)
        equal = (self.tags[inside[near]] == wanted[near]).all(axis=1)
        result[near[equal]] = inside[near[equal]]
        for row in near[~equal]:
            result[row] = self._walk(int(inside[row]), int(looked[row]), wanted[row].tobytes())
        return result

    def shares(self, other: "ListTags") -> bool:
        """Say whether any tag is in both lists."""
        few, many = sorted((self, other), key=len)
        return bool((many.positions(few.tags) >= 0).any())

    def _walk(self, row: int, prefix: int, tag: bytes) -> int:
        while row < len(self) and int(self.prefixes[row]) == prefix:
            if self.tags[row].tobytes() == tag:
                return row
            row += 1
        return -1


def prefixes_of(tags: Octets) -> npt.NDArray[np.uint64]:
    """Give the first eight bytes of each tag as a number; numbers rise as tags do."""
    return np.ascontiguousarray(tags[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def tags_from_bytes(raw: bytes) -> Octets:
    """Read tags that stand one behind the other."""
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, TAG_BYTES)


def at_rows(bits: Truths, rows: Positions) -> Truths:
    """Give the truth value at each row, False for rows outside."""
    inside = (rows >= 0) & (rows < len(bits))
    return inside & bits[np.where(inside, rows, 0)] if len(bits) else inside & False
