"""
A big tree in small pieces, as C2SP tlog-tiles cut it: what a log keeps so that any proof needs a few reads.

Row r of the tiles holds the nodes of tree level 8r; tile t of a row holds nodes 256t to 256t + 255. Nodes between
the rows are hashed when they are needed. Whoever appends keeps one unfinished tile a row: O(log n) memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.transparency.ranges import RangeProof
from consortium.transparency.tree import TreeHasher, consistency_ranges, inclusion_ranges, node_hash, subtrees

HEIGHT = 8
WIDTH = 1 << HEIGHT

ReadNodes = Callable[[int, int, int], Sequence[bytes]]
"""`read(row, start, count)` gives nodes start to start + count - 1 of a row; they lie in one tile."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of a row: its first nodes, 32 bytes each; 256 of them once it is full."""

    row: int
    index: int
    nodes: bytes


class TileBuilder:
    """
    Cuts a growing sequence of leaf hashes into tiles.

    `rows` are the unfinished tiles, lowest row first. Row 0 gives full tiles only, because the leaves themselves are
    kept elsewhere; the rows above give what they have.
    """

    def __init__(self, size: int = 0, rows: Sequence[Sequence[bytes]] = ()) -> None:
        self._rows = [list(row) for row in rows]
        self._size = size
        self._changed: dict[tuple[int, int], Tile] = {}
        if [len(row) for row in self._rows] != [size >> HEIGHT * row & WIDTH - 1 for row in range(len(rows))]:
            raise CreditError(Code.LOG_DAMAGED, "unfinished tiles do not fit the size")
        if size >> HEIGHT * max(len(rows), 1) or (size and not rows):
            raise CreditError(Code.LOG_DAMAGED, "a row of tiles is missing")

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        self._push(0, leaf)
        self._size += 1

    def take(self) -> list[Tile]:
        """Give the tiles that changed since they were taken last."""
        changed, self._changed = [*self._changed.values()], {}
        return changed

    def _push(self, row: int, node: bytes) -> None:
        if row == len(self._rows):
            self._rows.append([])
        nodes = self._rows[row]
        nodes.append(node)
        index = (self._size >> HEIGHT * row) // WIDTH
        if row or len(nodes) == WIDTH:
            self._changed[row, index] = Tile(row, index, b"".join(nodes))
        if len(nodes) == WIDTH:
            self._rows[row] = []
            self._push(row + 1, perfect_root(nodes))


def unfinished(size: int) -> list[tuple[int, int, int]]:
    """Give row, start and count of the unfinished tiles, lowest row first: what `TileBuilder` resumes from."""
    found, row = [], 0
    while size >> HEIGHT * row:
        count = (size >> HEIGHT * row) % WIDTH
        found.append((row, (size >> HEIGHT * row) - count, count))
        row += 1
    return found


@dataclass(frozen=True, slots=True)
class Prover:
    """Proofs about a tree of any size up to what is stored, from the nodes that `read` gives."""

    read: ReadNodes

    def node(self, level: int, index: int) -> bytes:
        """Give the root of a perfect subtree."""
        row, above = divmod(level, HEIGHT)
        return perfect_root(self.read(row, index << above, 1 << above))

    def subtree(self, start: int, end: int) -> bytes:
        """Give the hash of the leaves of a range as a tree of their own; `start` is a multiple of its split."""
        *larger, root = [self.node(level, index) for level, index in subtrees(start, end)]
        for node in reversed(larger):
            root = node_hash(node, root)
        return root

    def hasher(self, size: int) -> TreeHasher:
        """Give the tree's frontier at a size, to go on from."""
        return TreeHasher(size, [self.node(level, index) for level, index in subtrees(0, size)])

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove a leaf; raises CreditError(TREE_PROOF_INVALID) beyond the tree."""
        return [self.subtree(start, end) for start, end in inclusion_ranges(index, size)]

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Prove growth; raises CreditError(TREE_PROOF_INVALID) for sizes that do not fit."""
        return [self.subtree(start, end) for start, end in consistency_ranges(first, second)]

    def range(self, first: int, end: int, size: int) -> RangeProof:
        """Prove that some lines are all of a range."""
        if not 0 <= first <= end <= size:
            raise CreditError(Code.TREE_PROOF_INVALID, "bounds of the range")
        left = tuple(self.node(level, index) for level, index in subtrees(0, first))
        right = tuple(self.node(level, index) for level, index in subtrees(end, size))
        return RangeProof(first, end, size, left, right)


def perfect_root(nodes: Sequence[bytes]) -> bytes:
    """Hash 2^k nodes of one level to their common ancestor."""
    level = list(nodes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def cut(nodes: bytes) -> Iterator[bytes]:
    """Cut a tile's bytes into its nodes."""
    return (nodes[at : at + DIGEST_BYTES] for at in range(0, len(nodes), DIGEST_BYTES))
