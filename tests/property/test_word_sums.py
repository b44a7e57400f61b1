"""Vectors of words under masks: whoever answers, what the requester opens is the sum, and nobody else can open it."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.hashing import expand
from consortium.labels import Label
from consortium.sums.exchange import CtxSeeds
from consortium.sums.masks import pair_ctx_key, pair_day_key
from consortium.sums.packing import Layout, Slot
from consortium.sums.word_masks import (
    WordMasks,
    key_for_requester,
    key_of_member,
    masked_words,
    requester_digest,
    requester_mask,
    unmasked,
    word_blind,
    words_correction,
)
from consortium.sums.words import (
    MAXIMUM_WORDS,
    WORD_BITS,
    WORD_BYTES,
    WordSums,
    added,
    number_of,
    words_from_bytes,
    words_of,
    words_to_bytes,
)
from tests.support.codes import refused

MEMBERS = ("ada", "ben", "cid", "dot", "eve")
CTX = b"c" * 32
LARGEST = 1 << 47


def private(name: str, seed: bytes = b"") -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes((name.encode() + seed)[:32].ljust(32, b"."))


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


EPHEMERAL = private("ephemeral")


def masks_of(own: str, seed: bytes, count: int, ephemeral: X25519PrivateKey = EPHEMERAL) -> WordMasks:
    key = private(own, seed)
    keys = {
        peer: pair_ctx_key(pair_day_key(key, public(private(peer, seed)), 20_000), CTX, own, peer)
        for peer in MEMBERS
        if peer != own
    }
    return WordMasks(own, keys, key_for_requester(key, public(ephemeral), CTX, own), count)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    bounds = draw(st.lists(st.integers(1, LARGEST), min_size=1, max_size=30))
    slots = [Slot(f"s{number:02}", bound) for number, bound in enumerate(bounds)]
    return Layout.build(slots, len(MEMBERS), MAXIMUM_WORDS * WORD_BITS, WORD_BITS)


@settings(max_examples=60, deadline=None)
@given(layout=layouts(), data=st.data(), seed=st.binary(min_size=8, max_size=8))
def test_the_requester_opens_the_sum_of_those_that_answer(layout: Layout, data: st.DataObject, seed: bytes) -> None:
    answering = frozenset(data.draw(st.sets(st.sampled_from(MEMBERS), min_size=1)))
    values = {member: {slot.name: data.draw(st.integers(0, slot.bound)) for slot in layout.slots} for member in MEMBERS}
    count, total, corrections, keys = layout.words, [], [], []
    for member in sorted(answering):
        number, seeds = layout.pack(values[member]), CtxSeeds.derive(member.encode() * 11, CTX)
        masks = masks_of(member, seed, count)
        total.append(masked_words(number, seeds, masks))
        corrections.append(words_correction(number, seeds, masks, answering))
        keys.append(key_of_member(EPHEMERAL, public(private(member, seed)), CTX, member))
    hidden = added(total, count) - added(corrections, count)
    opened = layout.unpack(number_of(unmasked(hidden, keys)), len(answering))
    assert opened == {slot.name: sum(values[m][slot.name] for m in answering) for slot in layout.slots}
    stranger = [key_of_member(private("stranger"), public(private(m, seed)), CTX, m) for m in sorted(answering)]
    assert number_of(unmasked(hidden, stranger)) != number_of(unmasked(hidden, keys))
    assert number_of(hidden) != number_of(unmasked(hidden, keys)), "what the gateway has is not the sum"


@given(layout=layouts())
def test_no_slot_crosses_the_end_of_a_word(layout: Layout) -> None:
    largest = layout.pack({slot.name: slot.bound for slot in layout.slots}) * layout.roster_maximum
    assert number_of(added([words_of(largest // layout.roster_maximum, layout.words)] * 5, layout.words)) == largest
    for slot in layout.slots:
        place = layout.pack({one.name: slot.bound if one is slot else 0 for one in layout.slots})
        words = words_of(place, layout.words)
        assert sum(int(word) > 0 for word in words) == 1
    assert layout.bits <= layout.words * WORD_BITS < layout.bits + WORD_BITS


@given(first=st.binary(min_size=32, max_size=32), second=st.binary(min_size=32, max_size=32), count=st.integers(1, 9))
def test_words_wrap_each_for_itself(first: bytes, second: bytes, count: int) -> None:
    one, other = (words_from_bytes(expand(seed, Label.MASK_WORDS, count * 8), count) for seed in (first, second))
    expected = [(int(a) + int(b)) % 2**64 for a, b in zip(one, other, strict=True)]
    assert [int(word) for word in added([one, other], count)] == expected
    assert words_to_bytes(words_of(number_of(one), count)) == words_to_bytes(one)


def test_bits_between_the_slots_are_refused() -> None:
    layout = Layout.build([Slot("a", 2**40), Slot("b", 2**40)], 5, 2 * WORD_BITS, WORD_BITS)
    good = layout.pack({"a": 7, "b": 9})
    assert layout.words == 2
    assert layout.unpack(good) == {"a": 7, "b": 9}
    for bit in range(layout.width(layout.slots[0]), WORD_BITS):
        with refused(Code.SUM_INVALID):
            layout.unpack(good | 1 << bit)
    with refused(Code.SUM_INVALID):
        layout.unpack(good | 1 << 2 * WORD_BITS)


def test_a_slot_wider_than_a_word_and_too_many_words_do_not_fit() -> None:
    with refused(Code.ATTRIBUTES_DO_NOT_FIT):
        Layout.build([Slot("a", 2**53 - 1)], 2**11, MAXIMUM_WORDS * WORD_BITS, WORD_BITS)
    slots = [Slot(f"s{number}", 2**50) for number in range(MAXIMUM_WORDS)]
    assert Layout.build(slots, 5, MAXIMUM_WORDS * WORD_BITS, WORD_BITS).words == MAXIMUM_WORDS
    with refused(Code.ATTRIBUTES_DO_NOT_FIT):
        Layout.build([*slots, Slot("more", 2**50)], 5, MAXIMUM_WORDS * WORD_BITS, WORD_BITS)


def test_word_layouts_have_a_description_of_their_own() -> None:
    slots = [Slot("a", 3), Slot("b", 5)]
    plain, words = Layout.build(slots, 5, 64), Layout.build(slots, 5, 64, WORD_BITS)
    assert plain.describe() != words.describe()
    assert plain.words == 0


@pytest.mark.parametrize("length", [0, 7, 8, 15, 17, 24])
def test_a_vector_of_another_length_is_refused(length: int) -> None:
    with refused(Code.CIPHERTEXT_INVALID):
        words_from_bytes(bytes(length), 2)


def test_a_key_of_small_order_is_refused_on_both_sides() -> None:
    with refused(Code.PUBLIC_KEY_WEAK):
        key_for_requester(private("ada"), bytes(32), CTX, "ada")
    with refused(Code.PUBLIC_KEY_WEAK):
        key_of_member(EPHEMERAL, bytes(32), CTX, "ada")
    with refused(Code.PUBLIC_KEY_WEAK):
        key_for_requester(private("ada"), b"short", CTX, "ada")


def test_keys_towards_the_requester_differ_by_member_exchange_and_key() -> None:
    ada, ben = private("ada"), private("ben")
    key = key_for_requester(ada, public(EPHEMERAL), CTX, "ada")
    assert key == key_of_member(EPHEMERAL, public(ada), CTX, "ada")
    others = {
        key_for_requester(ada, public(EPHEMERAL), b"d" * 32, "ada"),
        key_for_requester(ada, public(EPHEMERAL), CTX, "ben"),
        key_for_requester(ben, public(EPHEMERAL), CTX, "ada"),
        key_for_requester(ada, public(private("other")), CTX, "ada"),
    }
    assert len(others | {key}) == 5
    assert requester_digest(CTX, "ada", key) != requester_digest(CTX, "ben", key)


def test_a_requester_that_shows_a_members_mask_key_shares_no_mask_of_its() -> None:
    """Two equal masks of opposite signs cancel: the key towards the requester is never a key towards a peer."""
    ada, ben = private("ada"), private("ben")
    pair = pair_ctx_key(pair_day_key(ada, public(ben), 20_000), CTX, "ada", "ben")
    towards = key_for_requester(ada, public(ben), CTX, "ada")
    assert towards != pair
    streams = {
        words_to_bytes(requester_mask(pair, 3)),
        words_to_bytes(word_blind(pair, 3)),
        words_to_bytes(WordMasks("ada", {"ben": pair}, pair, 3).among({"ben"})),
        words_to_bytes(requester_mask(towards, 3)),
    }
    assert len(streams) == 4, "the same key gives other words in every role"


def test_another_number_under_the_same_masks_is_hidden_by_another_blind() -> None:
    masks, seeds = masks_of("ada", b"", 1), CtxSeeds(b"s" * 32)
    assert (number_of(masked_words(107, seeds, masks)) - number_of(masked_words(100, seeds, masks))) % 2**64 != 7


def test_the_width_of_a_vector() -> None:
    assert WordSums(3).width == 3 * WORD_BYTES
