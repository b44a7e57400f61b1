"""
The check of a reveal: a contributor shows what an exchange contained, and it must reproduce its signed messages.

c_i is rebuilt from X_i, corr_i, the pair keys towards U and the obfuscator's seed, byte for byte: the masks towards
members outside U are in c_i and corr_i alike and cancel. Each pair key is held to the *peer's* digest, so that a
mask cannot absorb a lie.

In vectors of words the key shared with the requester stands for the obfuscator's seed. It is held to the digest that
the contributor signed, and that the requester compared with its own before it took the answer.
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
from consortium.sums.word_masks import WordMasks, requester_digest, word_blind
from consortium.sums.words import WordSums, number_of, words_of, words_to_bytes


@dataclass(frozen=True, slots=True, repr=False)
class Reveal(Silent):
    """
    What a contributor opens: X_i, seed_i, the obfuscator's seed, k_ij for j in U, and the state of its book.

    In vectors of words there is no obfuscator's seed, and `requester_key` is k_i.
    """

    value: int
    seed: bytes
    obfuscator_seed: bytes
    pair_keys: Mapping[str, bytes]
    book: BookState
    requester_key: bytes = b""


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
    requester_digest: bytes = b""


def check_reveal(reveal: Reveal, stated: Stated, sums: PublicKey | WordSums) -> None:
    """Raise CreditError(REVEAL_INVALID) unless the reveal reproduces what was signed, byte for byte."""
    if frozenset(reveal.pair_keys) != stated.answering - {stated.member}:
        raise CreditError(Code.REVEAL_INVALID, "pair keys for other members than the answering ones")
    limit = 1 << 8 * sums.width if isinstance(sums, WordSums) else int(sums.n)
    if not 0 <= reveal.value < limit or not 0 <= stated.correction < limit:
        raise CreditError(Code.REVEAL_INVALID, "number or correction out of range")
    _check_pairs(reveal, stated)
    _check_commitment(reveal, stated, sums)
    if isinstance(sums, WordSums):
        _check_words(reveal, stated, sums)
    else:
        _check_ciphertext(reveal, stated, sums)


def _check_pairs(reveal: Reveal, stated: Stated) -> None:
    for peer, key in reveal.pair_keys.items():
        claimed = stated.peers_digests.get(peer, b"")
        if not compare_digest(claimed, stated.own_digests.get(peer, b"")):
            raise CreditError(Code.PAIR_MISMATCH, f"{stated.member} and {peer}: the reveal cannot tell who is wrong")
        if not compare_digest(pair_digest(stated.ctx, stated.member, peer, key), claimed):
            raise CreditError(Code.REVEAL_INVALID, f"pair key towards {peer}")


def _check_commitment(reveal: Reveal, stated: Stated, sums: PublicKey | WordSums) -> None:
    seeds = CtxSeeds(reveal.seed)
    width = sums.width if isinstance(sums, WordSums) else sums.profile.modulus_bytes
    opened = contribution_commitment(stated.ctx, reveal.value, width, seeds.commit_seed, reveal.book)
    if not compare_digest(opened, stated.commitment):
        raise CreditError(Code.REVEAL_INVALID, "commitment")
    if stated.everybody and _blind(seeds.blind_seed(reveal.value), sums) != stated.correction:
        raise CreditError(Code.REVEAL_INVALID, "correction")


def _blind(seed: bytes, sums: PublicKey | WordSums) -> int:
    return number_of(word_blind(seed, sums.count)) if isinstance(sums, WordSums) else blind(seed, int(sums.n))


def _check_words(reveal: Reveal, stated: Stated, sums: WordSums) -> None:
    opened = requester_digest(stated.ctx, stated.member, reveal.requester_key)
    if not compare_digest(opened, stated.requester_digest):
        raise CreditError(Code.REVEAL_INVALID, "key shared with the requester")
    masks = WordMasks(stated.member, reveal.pair_keys, reveal.requester_key, sums.count)
    shown = words_of(reveal.value, sums.count) + words_of(stated.correction, sums.count)
    hidden = shown + masks.among(masks.keys) + masks.towards_requester
    if not compare_digest(words_to_bytes(hidden), stated.ciphertext):
        raise CreditError(Code.REVEAL_INVALID, "contribution")


def _check_ciphertext(reveal: Reveal, stated: Stated, public_key: PublicKey) -> None:
    if not reveal.obfuscator_seed:
        raise CreditError(Code.REVEAL_INVALID, "no obfuscator's seed")
    n = int(public_key.n)
    within = PairMasks(stated.member, reveal.pair_keys, n).signed_sum(stated.answering - {stated.member})
    hidden = (reveal.value + stated.correction + within) % n
    obfuscator = BlindingBase.derive(public_key).obfuscator_from_seed(reveal.obfuscator_seed)
    if not compare_digest(encrypt(public_key, hidden, obfuscator).to_bytes(), stated.ciphertext):
        raise CreditError(Code.REVEAL_INVALID, "ciphertext")
