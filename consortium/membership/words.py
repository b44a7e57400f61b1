"""
A rulebook's fingerprint as words that two people can read to each other: 24 for all of it, 12 for its first half.

The coding is BIP-39's: 11 bits a word, the last word carrying check bits (8 of SHA-256 over the 32 bytes, 4 over the
16), so that a wrong, missing or swapped word is found with probability 255/256 (15/16 for 12 words).

Strength. 24 words are the digest itself. With 12 words, somebody who wants another rulebook to pass for a *given* one
must try 2^128 documents; somebody who drafts both needs 2^64 for a pair with equal words, which is within reach of
the very rich only, and both drafts would still need the signatures of two controlling groups. A participant's
settings should hold 24 words or the digest; 12 are for a telephone call about a document that both sides have.
"""

import hashlib

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.membership.wordlist import WORDS

FULL_WORDS = 24
SHORT_WORDS = 12
_BITS = 11
_PER_LINE = 4
_INDEX = {word: place for place, word in enumerate(WORDS)}
_BY_PREFIX = {word[:4]: word for word in WORDS}


def words(digest: bytes, count: int = FULL_WORDS) -> tuple[str, ...]:
    """Give the 24 words of a 32-byte digest, or the 12 of its first 16 bytes."""
    if len(digest) != DIGEST_BYTES or count not in (FULL_WORDS, SHORT_WORDS):
        raise CreditError(Code.MALFORMED, "a digest of 32 bytes in 24 or 12 words")
    return _encode(digest[: count * 4 // 3])


def words_text(digest: bytes, count: int = FULL_WORDS) -> str:
    """Give the words four to a line, for a screen or a sheet of paper."""
    spelled = words(digest, count)
    return "\n".join(" ".join(spelled[start : start + _PER_LINE]) for start in range(0, count, _PER_LINE))


def parse_words(text: str) -> bytes:
    """
    Read 24 or 12 words back into 32 or 16 bytes; any case and spacing, each word in full or its first four letters.

    Raises CreditError(FINGERPRINT_MISTYPED) saying which word is unknown, or that the check bits do not fit.
    """
    given = text.lower().split()
    if len(given) not in (FULL_WORDS, SHORT_WORDS):
        raise CreditError(Code.FINGERPRINT_MISTYPED, f"{len(given)} words instead of 24 or 12")
    number = 0
    for place, word in enumerate(given, start=1):
        number = number << _BITS | _INDEX[_known(word, place)]
    check_bits = len(given) // 3
    data = (number >> check_bits).to_bytes(len(given) * 4 // 3, "big")
    if _check(data, check_bits) != number & ((1 << check_bits) - 1):
        raise CreditError(Code.FINGERPRINT_MISTYPED, "every word is known, but the last one does not check the others")
    return data


def check_fingerprint(digest: bytes, given: str) -> None:
    """
    Hold a digest to a fingerprint received out of band: 24 words, 12 words, or 64 hexadecimal digits.

    Raises CreditError(FINGERPRINT_MISTYPED) for what is none, (FINGERPRINT_MISMATCH) for that of another document.
    """
    expected = fingerprint_bytes(given)
    if digest[: len(expected)] != expected:
        raise CreditError(Code.FINGERPRINT_MISMATCH, f"compared {len(expected) * 8} bits")


def fingerprint_bytes(given: str) -> bytes:
    """Read words or hexadecimal digits; 32 bytes, or 16 for 12 words. Raises CreditError(FINGERPRINT_MISTYPED)."""
    compact = given.strip()
    if " " in compact or "\n" in compact:
        return parse_words(compact)
    try:
        data = bytes.fromhex(compact)
    except ValueError:
        data = b""
    if len(data) != DIGEST_BYTES:
        raise CreditError(Code.FINGERPRINT_MISTYPED, "neither words nor 64 hexadecimal digits")
    return data


def _encode(data: bytes) -> tuple[str, ...]:
    check_bits = len(data) // 4
    number = int.from_bytes(data, "big") << check_bits | _check(data, check_bits)
    count = (len(data) * 8 + check_bits) // _BITS
    return tuple(WORDS[number >> _BITS * place & (1 << _BITS) - 1] for place in reversed(range(count)))


def _check(data: bytes, bits: int) -> int:
    return hashlib.sha256(data).digest()[0] >> (8 - bits)


def _known(word: str, place: int) -> str:
    if word in _INDEX:
        return word
    if len(word) == 4 and word in _BY_PREFIX:
        return _BY_PREFIX[word]
    raise CreditError(Code.FINGERPRINT_MISTYPED, f"word {place} is not in the list")
