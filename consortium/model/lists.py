"""A list of people asked about at once: what its header says, and how its rows fall into blocks."""

from dataclasses import dataclass

MAXIMUM_ROWS_PER_BLOCK = 8192
MAXIMUM_BLOCKS = 1 << 14
"""Of one list: 134 million rows."""


@dataclass(frozen=True, slots=True)
class RowList:
    """
    A list as its header names it; rows are in the rising order of their tags, no tag twice.

    `digest` is the salted digest of all tags, 32 bytes. The last block may have fewer rows.
    """

    digest: bytes
    rows: int
    rows_per_block: int

    @property
    def blocks(self) -> int:
        """How many blocks the rows make."""
        return -(-self.rows // self.rows_per_block)

    def rows_of(self, block: int) -> range:
        """Give the numbers of a block's rows, from 0; none for a block that the list has not."""
        start = block * self.rows_per_block
        return range(min(start, self.rows), min(start + self.rows_per_block, self.rows))
