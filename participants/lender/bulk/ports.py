"""
What answering a portfolio needs of a lender's book: the numbers of many people in one call, without a loop a person.

A list has one identifier a row, the strongest on the requester's file, so a row has one tag and one proof.
"""

from dataclasses import dataclass
from typing import Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.sealing.payload import PROOF_BYTES, TAG_BYTES
from consortium.silent import Silent
from consortium.sums.exchange import BookState
from consortium.sums.words import Words

Octets: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, repr=False)
class TaggedRows(Silent):
    """
    Rows of a list in their order: `tags` (n, 32) and `proofs` (n, 32), both uint8.

    A row's proof is `subject_proof` of its person's key and `header_digest`, the digest of the header that the list
    came under. `earlier` (n, 32) are the rows' tags in the generation before, where the ledger still goes by them;
    then a person whose earlier tag is another one is no match. Raises CreditError(MALFORMED) for other shapes.
    """

    tags: Octets
    proofs: Octets
    header_digest: bytes
    earlier: Octets | None = None

    def __post_init__(self) -> None:
        count = len(self.tags)
        _check_octets(self.tags, count, TAG_BYTES)
        _check_octets(self.proofs, count, PROOF_BYTES)
        if self.earlier is not None:
            _check_octets(self.earlier, count, TAG_BYTES)

    @classmethod
    def of(cls, tags: bytes, proofs: bytes, header_digest: bytes) -> Self:
        """Take tags and proofs that stand one behind the other; raises CreditError(MALFORMED) for other lengths."""
        return cls(_octets(tags, TAG_BYTES), _octets(proofs, PROOF_BYTES), header_digest)

    def __len__(self) -> int:
        return len(self.tags)


@dataclass(frozen=True, slots=True, repr=False)
class BlockAnswer(Silent):
    """
    What a lender's day's book has for the rows of a block.

    `words` (n, w) uint64 are each row's packed values in the layout that `query_layout` gives for words, the highest
    word first as in `words_of`; all zeros where the person is not held, or not proven. `state` is the book that they
    were read from. `unproven` is how many rows named a tag of this book without proof of its key: for the lender's own
    alarms, and for nothing that leaves it.
    """

    words: Words
    state: BookState
    unproven: int


class BulkBook(Protocol):
    """A lender's book as portfolios see it: the day's committed files, never the live ones."""

    def contributions(self, rows: TaggedRows, header: QueryHeader, rulebook: Rulebook) -> BlockAnswer:
        """
        Give what one lender adds for every row: as `contribution_values` does for one person at one place.

        The suite of the header is one of words. What an outsider can measure does not depend on who is held. Blocking:
        call it off the event loop. Raises CreditError: ATTRIBUTES_DO_NOT_FIT, ATTRIBUTE_UNKNOWN; STORAGE_BUSY,
        STORAGE_BROKEN, STORAGE_FULL.
        """
        ...


def _check_octets(octets: Octets, count: int, width: int) -> None:
    if octets.dtype != np.uint8 or octets.shape != (count, width):
        raise CreditError(Code.MALFORMED, "rows of a list of the wrong size")


def _octets(raw: bytes, width: int) -> Octets:
    if len(raw) % width:
        raise CreditError(Code.MALFORMED, "rows of a list of the wrong size")
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
