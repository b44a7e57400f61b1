"""
The suite `MASKED_SUM`: contributions hidden by masks alone, one of them shared with the requester.

The gateway never imports this module. All vectors have one length, all sums are word by word modulo 2^64:

y_i    = X_i + b_i + r_i + sum_{j > i} s_ij - sum_{j < i} s_ij      over the whole roster
corr_i = b_i + sum_{j not in U} (+-) s_ij
sum_{i in U} (y_i - corr_i - r_i)   =   sum_{i in U} X_i.

`r_i` keeps the sum from the gateway, as Paillier does in the other suites; the requester alone can take all of them
off. Towards requester and gateway together the pairwise masks protect, as there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from consortium.errors import Code, CreditError
from consortium.hashing import derive, expand, transcript_hash
from consortium.labels import Label
from consortium.silent import Silent
from consortium.sums.exchange import CtxSeeds
from consortium.sums.words import WORD_BYTES, Words, added, words_from_bytes, words_of


def key_for_requester(mask_key: X25519PrivateKey, ephemeral: bytes, ctx: bytes, member: str) -> bytes:
    """Derive k_i, 32 bytes, as the contributor; raises CreditError(PUBLIC_KEY_WEAK) for a key of small order."""
    shared = _agreed(mask_key, ephemeral)
    return _pair_key(shared, ephemeral, mask_key.public_key().public_bytes_raw(), ctx, member)


def key_of_member(ephemeral: X25519PrivateKey, mask_key: bytes, ctx: bytes, member: str) -> bytes:
    """Derive k_i as the requester, from the member's mask key; raises CreditError(PUBLIC_KEY_WEAK)."""
    shared = _agreed(ephemeral, mask_key)
    return _pair_key(shared, ephemeral.public_key().public_bytes_raw(), mask_key, ctx, member)


def requester_digest(ctx: bytes, member: str, key: bytes) -> bytes:
    """Digest k_i: the contributor signs it, the requester compares, and a later reveal is held to it."""
    return transcript_hash(Label.REQUESTER_DIGEST, ctx, member.encode(), key)


@dataclass(frozen=True, slots=True, repr=False)
class WordMasks(Silent):
    """One member's masks for one ctx: k_ij towards every other member of the roster, k_i, and the vectors' length."""

    own: str
    keys: Mapping[str, bytes]
    requester_key: bytes
    count: int

    def among(self, members: Iterable[str]) -> Words:
        """Sum +s_ij over members after `own` in the roster's order and -s_ij over those before."""
        return added((self._signed(peer) for peer in members), self.count)

    def _signed(self, peer: str) -> Words:
        mask = word_stream(self.keys[peer], Label.MASK_WORDS, self.count)
        return mask if peer > self.own else -mask

    @property
    def towards_requester(self) -> Words:
        """r_i."""
        return requester_mask(self.requester_key, self.count)


def requester_mask(key: bytes, count: int) -> Words:
    """Give r_i: what hides a contribution from everybody but the requester."""
    return word_stream(key, Label.REQUESTER_WORDS, count)


def word_blind(seed: bytes, count: int) -> Words:
    """Give b_i from its sub-seed."""
    return word_stream(seed, Label.BLIND_WORDS, count)


def masked_words(value: int, seeds: CtxSeeds, masks: WordMasks) -> Words:
    """y_i: the number under all masks."""
    blind = word_blind(seeds.blind_seed(value), masks.count)
    return words_of(value, masks.count) + blind + masks.towards_requester + masks.among(masks.keys)


def words_correction(value: int, seeds: CtxSeeds, masks: WordMasks, answering: frozenset[str]) -> Words:
    """corr_i for the answering set U: the blind of the number and the masks towards everybody outside U."""
    return word_blind(seeds.blind_seed(value), masks.count) + masks.among(masks.keys.keys() - answering)


def unmasked(total: Words, keys: Iterable[bytes]) -> Words:
    """Take the requester's masks off a sum, as the requester."""
    return total - added((requester_mask(key, len(total)) for key in keys), len(total))


def _agreed(own: X25519PrivateKey, peer: bytes) -> bytes:
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError as error:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "ephemeral or mask key") from error


def _pair_key(shared: bytes, ephemeral: bytes, mask_key: bytes, ctx: bytes, member: str) -> bytes:
    """
    Bind k_i to both keys, the exchange and the member.

    Its label is not that of k_ij: a requester that shows somebody's mask key as its own shares no mask of that member.
    """
    return derive(shared, Label.REQUESTER_PAIR, ephemeral, mask_key, ctx, member.encode())


def word_stream(key: bytes, label: Label, count: int) -> Words:
    """Stretch a secret of at least 32 bytes to `count` words; the same secret gives others under every label."""
    return words_from_bytes(expand(key, label, count * WORD_BYTES), count)
