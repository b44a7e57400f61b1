"""Masks and blinds: whoever answers, what is left is the sum, and what is missing is noise."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.hashing import uniform_below
from consortium.labels import Label
from consortium.sums.exchange import CtxSeeds, correction, masked
from consortium.sums.masks import PairMasks, pair_ctx_key, pair_day_key, pair_digest
from consortium.sums.pairs import differing_pairs, members_to_leave_out
from tests.support.codes import refused

MEMBERS = ("ada", "ben", "cid", "dot", "eve")
CTX = b"c" * 32


def masks_of_everybody(n: int, seed: bytes) -> dict[str, PairMasks]:
    private = {m: X25519PrivateKey.from_private_bytes((m.encode() + seed)[:32].ljust(32, b".")) for m in MEMBERS}
    public = {member: key.public_key().public_bytes_raw() for member, key in private.items()}
    return {
        own: PairMasks(
            own,
            {
                peer: pair_ctx_key(pair_day_key(private[own], public[peer], 20_000), CTX, own, peer)
                for peer in MEMBERS
                if peer != own
            },
            n,
        )
        for own in MEMBERS
    }


@settings(max_examples=40)
@given(
    values=st.lists(st.integers(0, 2**200), min_size=5, max_size=5),
    answering=st.sets(st.sampled_from(MEMBERS), min_size=1),
    seed=st.binary(min_size=8, max_size=8),
)
def test_what_is_left_is_the_sum_of_those_that_answer(values: list[int], answering: set[str], seed: bytes) -> None:
    n = 2**256 + 297
    masks = masks_of_everybody(n, seed)
    seeds = {member: CtxSeeds.derive(member.encode() * 11, CTX) for member in MEMBERS}
    hidden = {m: masked(value, seeds[m], masks[m]) for m, value in zip(MEMBERS, values, strict=True)}
    numbers = dict(zip(MEMBERS, values, strict=True))
    corrections = {m: correction(numbers[m], seeds[m], masks[m], frozenset(answering)) for m in answering}
    total = sum(hidden[m] - corrections[m] for m in answering) % n
    assert total == sum(v for m, v in zip(MEMBERS, values, strict=True) if m in answering)
    if len(answering) > 1:
        member = next(iter(answering))
        assert (hidden[member] - corrections[member]) % n != values[MEMBERS.index(member)]


def test_both_ends_of_a_pair_agree_and_days_and_exchanges_differ() -> None:
    masks = masks_of_everybody(2**64, b"12345678")
    assert masks["ada"].keys["ben"] == masks["ben"].keys["ada"]
    assert len({masks["ada"].keys[peer] for peer in MEMBERS[1:]}) == 4
    one, two = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    peer = two.public_key().public_bytes_raw()
    assert pair_day_key(one, peer, 1) != pair_day_key(one, peer, 2)
    key = pair_day_key(one, peer, 1)
    assert pair_ctx_key(key, b"a", "ada", "ben") != pair_ctx_key(key, b"b", "ada", "ben")
    assert pair_ctx_key(key, CTX, "ada", "ben") == pair_ctx_key(key, CTX, "ben", "ada")


def test_one_mask_key_under_two_names_gives_two_masks() -> None:
    """A member that certifies another's mask key as its own shares no mask with that member."""
    own, copied = X25519PrivateKey.generate(), X25519PrivateKey.generate().public_key().public_bytes_raw()
    day_key = pair_day_key(own, copied, 1)
    assert pair_ctx_key(day_key, CTX, "ben", "ada") != pair_ctx_key(day_key, CTX, "ben", "cid")


def test_a_peer_key_of_small_order_is_refused() -> None:
    with refused(Code.PUBLIC_KEY_WEAK):
        pair_day_key(X25519PrivateKey.generate(), bytes(32), 1)


@given(seed=st.binary(min_size=32, max_size=32), bound=st.integers(1, 2**300))
def test_uniform_stays_below_its_bound(seed: bytes, bound: int) -> None:
    assert 0 <= uniform_below(seed, Label.MASK_STREAM, bound) < bound


@pytest.mark.parametrize(
    ("liars", "left_out"),
    [(set(), set()), ({"cid"}, {"cid"}), ({"cid", "dot"}, {"cid", "dot"})],
)
def test_who_states_wrong_digests_is_left_out(liars: set[str], left_out: set[str]) -> None:
    digests = {
        own: {
            peer: b"lie-" + own.encode() if own in liars else pair_digest(CTX, own, peer, b"k" * 32)
            for peer in MEMBERS
            if peer != own
        }
        for own in MEMBERS
    }
    assert members_to_leave_out(differing_pairs(MEMBERS, digests)) == left_out


def test_one_pair_that_differs_leaves_both_out() -> None:
    assert members_to_leave_out([("ada", "ben")]) == {"ada", "ben"}
