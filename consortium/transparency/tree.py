"""
Merkle trees of RFC 6962 (SHA-256): hashing as a stream, inclusion and consistency proofs, and their verification.

leaf hash = SHA-256(0x00 || leaf)        node hash = SHA-256(0x01 || left || right)        empty tree = SHA-256("")

Books and logs share this one form; no proof format of our own.
"""

import hashlib
from collections.abc import Iterable, Sequence

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into their parent (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class TreeHasher:
    """
    The root of a growing sequence of leaves, in memory for log2(size) hashes.

    `frontier` holds the roots of the perfect subtrees that the size's binary digits stand for, the largest first: all
    that is needed to go on from `size` leaves.
    """

    __slots__ = ("_frontier", "_size")

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        if len(frontier) != size.bit_count() or any(len(node) != DIGEST_BYTES for node in frontier):
            raise CreditError(Code.TREE_PROOF_INVALID, "the frontier does not fit the size")
        self._size = size
        self._frontier = list(frontier)

    @property
    def size(self) -> int:
        """The number of leaves so far."""
        return self._size

    @property
    def frontier(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, the largest first."""
        return tuple(self._frontier)

    def append(self, leaf: bytes) -> None:
        """Add a leaf."""
        self.append_hash(leaf_hash(leaf))

    def append_hash(self, node: bytes) -> None:
        """Add a leaf by its hash."""
        size, frontier = self._size, self._frontier
        while size & 1:
            node = node_hash(frontier.pop(), node)
            size >>= 1
        frontier.append(node)
        self._size += 1

    def append_subtree(self, level: int, node: bytes) -> None:
        """Add 2^level leaves at once, by the root of their tree; raises where they do not begin at a multiple of it."""
        size = self._size >> level
        if size << level != self._size:
            raise CreditError(Code.TREE_PROOF_INVALID, "a subtree that does not begin at a multiple of its size")
        while size & 1:
            node = node_hash(self._frontier.pop(), node)
            size >>= 1
        self._frontier.append(node)
        self._size += 1 << level

    def root(self) -> bytes:
        """Give the root of the leaves so far, 32 bytes."""
        if not self._frontier:
            return EMPTY_ROOT
        *larger, root = self._frontier
        for node in reversed(larger):
            root = node_hash(node, root)
        return root


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Hash a sequence of leaves to the root of their tree."""
    hasher = TreeHasher()
    for leaf in leaves:
        hasher.append(leaf)
    return hasher.root()


def subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """
    Give the perfect subtrees that cover the leaves from `start` up to `end`, from left to right.

    Each is (level, index): the 2^level leaves from index * 2^level on. From 0 they are the frontier of `end` leaves.
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append((level, start >> level))
        start += 1 << level
    return found


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Give the leaf ranges whose hashes prove leaf `index` (RFC 6962, section 2.1.1), from the leaf upwards."""
    if not 0 <= index < size:
        raise CreditError(Code.TREE_PROOF_INVALID, "index beyond the tree")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """Give the leaf ranges whose hashes prove growth from `first` > 0 leaves (RFC 6962, section 2.1.2)."""
    if not 0 < first <= second:
        raise CreditError(Code.TREE_PROOF_INVALID, "size beyond the tree")
    path = []
    start, end, known = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, known = middle, False
    if not known:
        path.append((start, end))
    return path[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that the tree holds leaf `index` (RFC 6962, section 2.1.1); the path from the leaf upwards."""
    return [_subtree(leaf_hashes, start, end) for start, end in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], size: int) -> list[bytes]:
    """Prove that the tree grew from its first `size` > 0 leaves (RFC 6962, section 2.1.2)."""
    return [_subtree(leaf_hashes, start, end) for start, end in consistency_ranges(size, len(leaf_hashes))]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """
    Verify that the tree of `size` leaves with this root holds a leaf, given by its *hash* (RFC 9162, section 2.1.3.2).

    Raises CreditError(TREE_PROOF_INVALID).
    """
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise _invalid("index beyond the tree")
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise _invalid("too long")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            at, last = _skip_right_edge(at, last)
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last or node != root:
        raise _invalid("does not lead to the root")


def verify_consistency(first_size: int, second_size: int, proof: Sequence[bytes], first: bytes, second: bytes) -> None:
    """
    Verify that the tree with root `second` grew from the non-empty one with root `first` (RFC 9162, 2.1.4.2).

    Raises CreditError(TREE_PROOF_INVALID).
    """
    _check_hashes((first, second, *proof))
    if not 0 < first_size <= second_size:
        raise _invalid("sizes")
    if first_size == second_size:
        if proof or first != second:
            raise _invalid("one size with two roots, or a proof of nothing")
        return
    path = list(proof) if first_size & (first_size - 1) else [first, *proof]
    if not path:
        raise _invalid("too short")
    at, last = first_size - 1, second_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if _follow_both(path, at, last) != (first, second):
        raise _invalid("does not lead to the roots")


def _follow_both(path: list[bytes], at: int, last: int) -> tuple[bytes, bytes]:
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            raise _invalid("too long")
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            at, last = _skip_right_edge(at, last)
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise _invalid("too short")
    return old, new


def _skip_right_edge(at: int, last: int) -> tuple[int, int]:
    """Climb from a left child on the right edge, which has no sibling, to the next right child."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _split(size: int) -> int:
    """Give the largest power of two below `size` >= 2."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(leaf_hashes: Sequence[bytes], start: int, end: int) -> bytes:
    hasher = TreeHasher()
    for node in leaf_hashes[start:end]:
        hasher.append_hash(node)
    return hasher.root()


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(node) != DIGEST_BYTES for node in hashes):
        raise _invalid("a hash that is not 32 bytes long")


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.TREE_PROOF_INVALID, cause)
