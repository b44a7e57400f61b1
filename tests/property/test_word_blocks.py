"""Blocks of words: masks cancel whatever the sets and the rows left out, and rows are unpacked as one person is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.bitmaps import bitmap, truths
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.rules.blocks import block_total, check_correction_length, kept_rows
from consortium.sums.block_layout import unpack_rows
from consortium.sums.block_sums import block_stream
from consortium.sums.exchange import CtxSeeds
from consortium.sums.packing import Layout, Slot
from consortium.sums.word_blocks import BlockMasks, block_correction, masked_block, opened_block
from consortium.sums.words import MAXIMUM_WORDS, number_of, words_from_bytes, words_of, words_to_bytes
from participants.lender.portfolio.rows import ListTags
from tests.support.codes import refused

MEMBERS = ("a-one", "b-two", "c-three", "d-four")
rows_and_words = st.tuples(st.integers(1, 20), st.integers(1, 3))


def masks_of(count: int, seed: int) -> dict[str, BlockMasks]:
    rng = np.random.default_rng(seed)
    pairs = {frozenset((one, other)): rng.bytes(32) for one in MEMBERS for other in MEMBERS if one < other}
    return {
        own: BlockMasks(
            own, {peer: pairs[frozenset((own, peer))] for peer in MEMBERS if peer != own}, rng.bytes(32), count
        )
        for own in MEMBERS
    }


@given(rows_and_words, st.integers(0, 2**32), st.sets(st.sampled_from(MEMBERS), min_size=1), st.data())
@settings(max_examples=60, deadline=None)
def test_the_masks_of_whoever_answers_cancel(
    size: tuple[int, int], seed: int, some: set[str], data: st.DataObject
) -> None:
    (rows, words), answering = size, frozenset(some)
    left = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    kept = ~left if not left.all() else np.ones(rows, dtype=bool)
    rng, masks = np.random.default_rng(seed), masks_of(rows * words, seed)
    values = {own: rng.integers(0, 2**64, (rows, words), dtype=np.uint64) for own in MEMBERS}
    blinds = {own: CtxSeeds(rng.bytes(32)).blind_seed_of(words_to_bytes(values[own])) for own in MEMBERS}
    given_ = [words_to_bytes(masked_block(values[own], blinds[own], masks[own])) for own in sorted(answering)]
    taken = [words_to_bytes(block_correction(blinds[own], masks[own], answering, kept)) for own in sorted(answering)]
    total = block_total(given_, taken, kept, words, seeded=False)
    whole = answering == frozenset(MEMBERS) and kept.all()
    if whole:
        assert block_total(given_, [blinds[own] for own in sorted(answering)], kept, words, seeded=True) == total
    opened = opened_block(
        words_from_bytes(total, len(total) // 8), [masks[own].requester_key for own in answering], kept
    )
    wanted = sum((values[own] for own in answering), np.zeros((rows, words), dtype=np.uint64))[kept]
    assert (opened.reshape(-1, words) == wanted).all()
    seeded = bool(whole)
    check_correction_length(blinds["a-one"] if seeded else taken[0], kept, words, seeded=seeded)
    with refused(Code.TRANSCRIPT_INVALID):
        check_correction_length(taken[0] + b"x", kept, words, seeded=False)


slots = st.lists(st.integers(1, 2**40), min_size=1, max_size=12)


@given(slots, st.integers(1, 32), st.integers(1, 8), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_rows_are_unpacked_as_one_person_is(bounds: list[int], contributors: int, rows: int, seed: int) -> None:
    layout = Layout.build([Slot(f"s{i:02}", bound) for i, bound in enumerate(bounds)], 32, MAXIMUM_WORDS * 64, 64)
    rng = np.random.default_rng(seed)
    numbers = [
        sum(
            layout.pack({slot.name: int(rng.integers(0, slot.bound + 1)) for slot in layout.slots})
            for _ in range(contributors)
        )
        for _ in range(rows)
    ]
    words = np.stack([words_of(number, layout.words) for number in numbers])
    columns = unpack_rows(layout, words, contributors)
    for row, number in enumerate(numbers):
        assert {name: int(column[row]) for name, column in columns.items()} == layout.unpack(number, contributors)
    broken = words.copy()
    broken[int(rng.integers(rows)), int(rng.integers(layout.words))] ^= np.uint64(1 << int(rng.integers(64)))
    for row in range(rows):
        alone = broken[row : row + 1]
        try:
            one = layout.unpack(number_of(alone[0]), contributors)
        except CreditError as error:
            with refused(error.code):
                unpack_rows(layout, alone, contributors)
        else:
            assert {name: int(column[0]) for name, column in unpack_rows(layout, alone, contributors).items()} == one


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_bitmaps(rows: list[bool]) -> None:
    bits = bitmap(np.array(rows))
    assert truths(bits, len(rows)).tolist() == rows
    assert kept_rows(bits, len(rows)).tolist() == [not one for one in rows]
    with refused(Code.MALFORMED):
        truths(bits + b"\0", len(rows))
    if len(rows) % 8:
        with refused(Code.MALFORMED):
            truths(bits[:-1] + bytes([bits[-1] | 0x80]), len(rows))


tag = st.binary(min_size=2, max_size=2).map(lambda ends: ends[:1] * 9 + ends[1:] * 23)
"""Tags of which many share their first bytes."""


@given(st.sets(tag, min_size=1, max_size=30), st.lists(tag, max_size=30))
def test_tags_are_found_where_they_are(listed: set[bytes], wanted: list[bytes]) -> None:
    order = sorted(listed)
    tags = ListTags.of(np.frombuffer(b"".join(order), dtype=np.uint8).reshape(-1, 32))
    looked = np.frombuffer(b"".join(wanted), dtype=np.uint8).reshape(-1, 32)
    assert tags.positions(looked).tolist() == [order.index(one) if one in listed else -1 for one in wanted]
    if len(order) > 1:
        with refused(Code.LIST_INVALID):
            ListTags.of(tags.tags[::-1].copy())
    with refused(Code.LIST_INVALID):
        ListTags.of(np.concatenate([tags.tags, tags.tags[-1:]]))
    other = sorted(set(wanted) | {b"\xff" * 32})
    shares = ListTags.of(np.frombuffer(b"".join(other), dtype=np.uint8).reshape(-1, 32)).shares(tags)
    assert shares == bool(set(other) & listed)


def test_streams_differ_by_label_and_key() -> None:
    found = {
        block_stream(key, label, 4).tobytes()
        for key in (b"k" * 32, b"l" * 32)
        for label in (Label.MASK_WORDS, Label.BLIND_WORDS, Label.REQUESTER_WORDS)
    }
    assert len(found) == 6
    assert (
        block_stream(b"k" * 32, Label.MASK_WORDS, 9)[:4].tobytes()
        == block_stream(b"k" * 32, Label.MASK_WORDS, 4).tobytes()
    )
    with pytest.raises(OverflowError):
        words_of(1 << 64, 1)
