"""
Proof that some consecutive lines are exactly leaves `first` to `end - 1` of a tree, no matter how many they are.

`left` are the roots of the perfect subtrees before the lines, `right` of those after them, from left to right: what
RFC 6962 inclusion proofs of the first and the last line hold as left and as right siblings, split where a right
sibling is no perfect subtree. With the lines' own hashes in between they give the root, so that no line can be missing,
added or exchanged. There are at most 2 * log2(size) of them, 32 bytes each. `size` itself is the signed checkpoint's
word, as in every proof of RFC 6962.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.transparency.tree import TreeHasher, inclusion_ranges, node_hash, subtrees


@dataclass(frozen=True, slots=True)
class RangeProof:
    """What to hash before and after the leaves from `first` up to `end` of a tree of `size` leaves."""

    first: int
    end: int
    size: int
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.end <= self.size:
            raise _invalid("bounds of the range")
        expected = len(subtrees(0, self.first)), len(subtrees(self.end, self.size))
        if (len(self.left), len(self.right)) != expected:
            raise _invalid("number of hashes")
        if any(len(node) != DIGEST_BYTES for node in (*self.left, *self.right)):
            raise _invalid("a hash that is not 32 bytes long")

    def hasher(self) -> TreeHasher:
        """Begin where the lines begin; each line is then appended."""
        return TreeHasher(self.first, self.left)

    def finish(self, hasher: TreeHasher, root: bytes) -> None:
        """Raise CreditError(TREE_PROOF_INVALID) unless what was appended leads to the root."""
        if hasher.size != self.end:
            raise _invalid(f"{hasher.size - self.first} lines, {self.end - self.first} expected")
        for (level, _), node in zip(subtrees(self.end, self.size), self.right, strict=True):
            hasher.append_subtree(level, node)
        if hasher.root() != root:
            raise _invalid("the lines do not lead to the root")


class PathFinder:
    """
    Inclusion proofs (RFC 6962, section 2.1.1) of a few leaves of a range, found as its leaves stream by.

    Memory holds the hashes of the proofs, never the range's.
    """

    def __init__(self, proof: RangeProof, wanted: Iterable[int]) -> None:
        self._proof = proof
        self._ranges = {index: inclusion_ranges(index, proof.size) for index in wanted}
        self._needed = {node for ranges in self._ranges.values() for span in ranges for node in subtrees(*span)}
        self._found: dict[tuple[int, int], bytes] = {}
        self._frontier: list[bytes] = []
        self._size = 0
        for (level, _), node in zip(subtrees(0, proof.first), proof.left, strict=True):
            self._add(level, node)

    def append_hash(self, node: bytes) -> None:
        """Add the range's next leaf by its hash."""
        self._add(0, node)

    def finish(self) -> dict[int, tuple[bytes, ...]]:
        """Give each wanted leaf's path; raises CreditError(TREE_PROOF_INVALID) where leaves were missing."""
        if self._size != self._proof.end:
            raise _invalid("another number of leaves")
        for (level, _), node in zip(subtrees(self._proof.end, self._proof.size), self._proof.right, strict=True):
            self._add(level, node)
        return {index: tuple(map(self._span, ranges)) for index, ranges in self._ranges.items()}

    def _add(self, level: int, node: bytes) -> None:
        at, self._size = self._size >> level, self._size + (1 << level)
        self._note(level, at, node)
        while at & 1:
            node, at, level = node_hash(self._frontier.pop(), node), at >> 1, level + 1
            self._note(level, at, node)
        self._frontier.append(node)

    def _note(self, level: int, at: int, node: bytes) -> None:
        if (level, at) in self._needed:
            self._found[level, at] = node

    def _span(self, span: tuple[int, int]) -> bytes:
        hasher = TreeHasher()
        for level, at in subtrees(*span):
            hasher.append_subtree(level, self._found[level, at])
        return hasher.root()


def verify_range(proof: RangeProof, lines: Iterable[bytes], root: bytes) -> None:
    """Verify that these are the lines of the range; raises CreditError(TREE_PROOF_INVALID)."""
    hasher = proof.hasher()
    for line in lines:
        hasher.append(line)
    proof.finish(hasher, root)


def range_proof(leaf_hashes: Sequence[bytes], first: int, end: int) -> RangeProof:
    """Prove a range of a tree that is in memory."""
    size = len(leaf_hashes)
    left = [_node(leaf_hashes, *at) for at in subtrees(0, first)]
    right = [_node(leaf_hashes, *at) for at in subtrees(end, size)]
    return RangeProof(first, end, size, tuple(left), tuple(right))


def _node(leaf_hashes: Sequence[bytes], level: int, index: int) -> bytes:
    hasher = TreeHasher()
    for node in leaf_hashes[index << level : (index + 1) << level]:
        hasher.append_hash(node)
    return hasher.root()


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.TREE_PROOF_INVALID, cause)
