"""
Pairwise masks: what hides each contribution from the gateway and the requester together.

The gateway never imports this module. Notation as in `docs/protocol.md`: members i and j of the roster share
`K_ij` for a UTC day and `k_ij` for one ctx; `s_ij` is added by the member that comes first in the roster and
subtracted by the other, so that the masks of everybody who answers cancel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from consortium.errors import Code, CreditError
from consortium.hashing import derive, transcript_hash, uint, uniform_below
from consortium.labels import Label

PAIR_KEY_BYTES = 32


def pair_day_key(own: X25519PrivateKey, peer: bytes, day: int) -> bytes:
    """Derive K_ij from the two mask keys for the UTC day of issue (epoch days); refuses small-order peer keys."""
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError as error:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "mask key") from error
    return derive(shared, Label.PAIR_DAY, *sorted((own.public_key().public_bytes_raw(), peer)), uint(day))


def pair_ctx_key(day_key: bytes, ctx: bytes, first: str, second: str) -> bytes:
    """
    Derive k_ij for one ctx, 32 bytes, the same at both ends.

    The members' ids are part of it: a member that certifies another's mask key as its own would otherwise share a
    mask with that member, and two equal masks of opposite signs cancel.
    """
    low, high = sorted((first, second))
    return derive(day_key, Label.PAIR_CTX, ctx, low.encode(), high.encode(), length=PAIR_KEY_BYTES)


def pair_digest(ctx: bytes, first: str, second: str, pair_key: bytes) -> bytes:
    """d_ij: both members state it, the gateway compares, and a later reveal is held to the peer's."""
    low, high = sorted((first, second))
    return transcript_hash(Label.PAIR_DIGEST, ctx, low.encode(), high.encode(), pair_key)


def mask(pair_key: bytes, modulus: int) -> int:
    """s_ij: an integer below the modulus, within 2^-128 of uniform."""
    return uniform_below(pair_key, Label.MASK_STREAM, modulus)


@dataclass(frozen=True, slots=True, repr=False)
class PairMasks:
    """One member's masks towards every other member of the roster for one ctx."""

    own: str
    keys: Mapping[str, bytes]
    modulus: int

    def signed_sum(self, members: frozenset[str] | set[str]) -> int:
        """Sum +s_ij over members after `own` in the roster's order and -s_ij over those before, mod n."""
        total = 0
        for peer in members:
            value = mask(self.keys[peer], self.modulus)
            total += value if peer > self.own else -value
        return total % self.modulus

    def __repr__(self) -> str:
        return "<PairMasks>"


def blind(seed: bytes, modulus: int) -> int:
    """b_i: the scalar that a contributor puts on its number in round 1 and takes off in round 2."""
    return uniform_below(seed, Label.BLIND_STREAM, modulus)
