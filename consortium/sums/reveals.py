"""
The check of a reveal: a contributor shows what an exchange contained, and it must reproduce its signed messages.

c_i is rebuilt from X_i, corr_i, the pair keys towards U and the obfuscator's seed, byte for byte: the masks towards
members outside U are in c_i and corr_i alike and cancel. Each pair key is held to the *peer's* digest, so that a
mask cannot absorb a lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from consortium.errors import Code, CreditError
from consortium.model.identifiers import Silent
from consortium.sums.blinding import BlindingBase
from consortium.sums.exchange import BookState, CtxSeeds, contribution_commitment
from consortium.sums.masks import PairMasks, blind, pair_digest
from consortium.sums.paillier import PublicKey, encrypt


@dataclass(frozen=True, slots=True, repr=False)
class Reveal(Silent):
    """What a contributor opens: X_i, seed_i, the obfuscator's seed, k_ij for j in U, and the state of its book."""

    value: int
    seed: bytes
    obfuscator_seed: bytes
    pair_keys: Mapping[str, bytes]
    book: BookState


@dataclass(frozen=True, slots=True)
class Stated:
    """What the contributor had signed, and what its peers signed about the same pairs."""

    member: str
    ctx: bytes
    answering: frozenset[str]
    everybody: bool
    """Whether U is the whole roster; then corr_i is b_i alone and is checked as well."""
    ciphertext: bytes
    correction: int
    commitment: bytes
    own_digests: Mapping[str, bytes]
    peers_digests: Mapping[str, bytes]


def check_reveal(reveal: Reveal, stated: Stated, public_key: PublicKey) -> None:
    """Raise CreditError(REVEAL_INVALID) unless the reveal reproduces what was signed, byte for byte."""
    if frozenset(reveal.pair_keys) != stated.answering - {stated.member}:
        raise CreditError(Code.REVEAL_INVALID, "pair keys for other members than the answering ones")
    if not 0 <= reveal.value < public_key.n:
        raise CreditError(Code.REVEAL_INVALID, "number out of range")
    _check_pairs(reveal, stated)
    _check_commitment(reveal, stated, public_key)
    _check_ciphertext(reveal, stated, public_key)


def _check_pairs(reveal: Reveal, stated: Stated) -> None:
    for peer, key in reveal.pair_keys.items():
        claimed = stated.peers_digests.get(peer, b"")
        if not compare_digest(claimed, stated.own_digests.get(peer, b"")):
            raise CreditError(Code.PAIR_MISMATCH, f"{stated.member} and {peer}: the reveal cannot tell who is wrong")
        if not compare_digest(pair_digest(stated.ctx, stated.member, peer, key), claimed):
            raise CreditError(Code.REVEAL_INVALID, f"pair key towards {peer}")


def _check_commitment(reveal: Reveal, stated: Stated, public_key: PublicKey) -> None:
    seeds, width = CtxSeeds(reveal.seed), public_key.profile.modulus_bytes
    opened = contribution_commitment(stated.ctx, reveal.value, width, seeds.commit_seed, reveal.book)
    if not compare_digest(opened, stated.commitment):
        raise CreditError(Code.REVEAL_INVALID, "commitment")
    if stated.everybody and blind(seeds.blind_seed(reveal.value), int(public_key.n)) != stated.correction:
        raise CreditError(Code.REVEAL_INVALID, "correction")


def _check_ciphertext(reveal: Reveal, stated: Stated, public_key: PublicKey) -> None:
    n = int(public_key.n)
    within = PairMasks(stated.member, reveal.pair_keys, n).signed_sum(stated.answering - {stated.member})
    hidden = (reveal.value + stated.correction + within) % n
    obfuscator = BlindingBase.derive(public_key).obfuscator_from_seed(reveal.obfuscator_seed)
    if not compare_digest(encrypt(public_key, hidden, obfuscator).to_bytes(), stated.ciphertext):
        raise CreditError(Code.REVEAL_INVALID, "ciphertext")
