"""Merkle trees: the stream, the proofs and the definition of RFC 6962 agree, and no changed proof passes."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.transparency.ranges import PathFinder, range_proof
from consortium.transparency.tree import (
    EMPTY_ROOT,
    TreeHasher,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tests.support.codes import refused

leaves = st.lists(st.binary(max_size=8), max_size=70)
some_leaves = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:k]) + definition(leaves[k:])).digest()


@given(leaves)
def test_the_stream_gives_the_root_of_the_definition(leaves: list[bytes]) -> None:
    assert tree_root(leaves) == definition(leaves)


@given(leaves, leaves)
def test_a_frontier_is_all_that_is_needed_to_go_on(first: list[bytes], more: list[bytes]) -> None:
    hasher = TreeHasher()
    for leaf in first:
        hasher.append(leaf)
    resumed = TreeHasher(hasher.size, hasher.frontier)
    for leaf in more:
        resumed.append(leaf)
    assert (resumed.root(), resumed.size) == (definition(first + more), len(first) + len(more))
    assert len(hasher.frontier) == len(first).bit_count()


@pytest.mark.parametrize(("size", "frontier"), [(1, []), (0, [bytes(32)]), (2, [bytes(31)]), (3, [bytes(32)])])
def test_a_frontier_that_does_not_fit_is_refused(size: int, frontier: list[bytes]) -> None:
    with refused(Code.TREE_PROOF_INVALID):
        TreeHasher(size, frontier)


@settings(max_examples=60)
@given(some_leaves, st.data())
def test_inclusion_proofs_verify_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    hashes = [leaf_hash(leaf) for leaf in leaves]
    proof, root = inclusion_proof(hashes, index), definition(leaves)
    verify_inclusion(hashes[index], index, len(leaves), proof, root)
    for wrong in (bytes(32), leaf_hash(b"not a leaf")):
        with refused(Code.TREE_PROOF_INVALID):
            verify_inclusion(wrong, index, len(leaves), proof, root)
    for other in range(len(leaves)):
        if hashes[other] != hashes[index]:
            with refused(Code.TREE_PROOF_INVALID):
                verify_inclusion(hashes[other], other, len(leaves), proof, root)
    for changed in (proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
        if changed != proof:
            with refused(Code.TREE_PROOF_INVALID):
                verify_inclusion(hashes[index], index, len(leaves), changed, root)


@settings(max_examples=60)
@given(some_leaves, st.data())
def test_consistency_proofs_verify_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(leaves)))
    hashes = [leaf_hash(leaf) for leaf in leaves]
    proof, first, second = consistency_proof(hashes, size), definition(leaves[:size]), definition(leaves)
    verify_consistency(size, len(leaves), proof, first, second)
    forked = definition([*leaves[: size - 1], b"another leaf"])
    with refused(Code.TREE_PROOF_INVALID):
        verify_consistency(size, len(leaves), proof, forked, second)
    for changed in (proof[:-1], [*proof, bytes(32)], [bytes(32), *proof[1:]]):
        if changed != proof:
            with refused(Code.TREE_PROOF_INVALID):
                verify_consistency(size, len(leaves), changed, first, second)


@settings(max_examples=200)
@given(some_leaves, st.data())
def test_paths_are_found_as_a_range_streams_by(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    first = data.draw(st.integers(0, len(leaves)))
    end = data.draw(st.integers(first, len(leaves)))
    wanted = data.draw(st.sets(st.integers(first, end - 1), max_size=6)) if end > first else set()
    finder = PathFinder(range_proof(hashes, first, end), wanted)
    for node in hashes[first:end]:
        finder.append_hash(node)
    assert finder.finish() == {index: tuple(inclusion_proof(hashes, index)) for index in wanted}


def test_proofs_beyond_the_tree_are_refused() -> None:
    hashes = [leaf_hash(b"a"), leaf_hash(b"b")]
    for index in (-1, 2):
        with refused(Code.TREE_PROOF_INVALID):
            inclusion_proof(hashes, index)
        with refused(Code.TREE_PROOF_INVALID):
            verify_inclusion(hashes[0], index, 2, [], hashes[1])
    for size in (0, 3):
        with refused(Code.TREE_PROOF_INVALID):
            consistency_proof(hashes, size)
    with refused(Code.TREE_PROOF_INVALID):
        verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
