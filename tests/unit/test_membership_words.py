"""Fingerprints in words: round trip, typing errors, and the published vectors of the coding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.membership.wordlist import WORDS
from consortium.membership.words import check_fingerprint, parse_words, words, words_text
from tests.support.codes import refused

DIGEST = bytes(range(32))


def test_the_list_is_the_published_one() -> None:
    assert (len(WORDS), WORDS[0], WORDS[1], WORDS[-1]) == (2048, "abandon", "ability", "zoo")
    assert list(WORDS) == sorted(set(WORDS))
    assert len({word[:4] for word in WORDS}) == 2048


@pytest.mark.parametrize(
    ("data", "text"),
    [  # from the test vectors of BIP-39
        (bytes(32), "abandon " * 23 + "art"),
        (b"\xff" * 32, "zoo " * 23 + "vote"),
        (
            b"\x7f" * 32,
            "legal winner thank year wave sausage worth useful " * 2
            + "legal winner thank year wave sausage worth title",
        ),
    ],
)
def test_published_vectors(data: bytes, text: str) -> None:
    assert " ".join(words(data)) == text.strip()
    assert parse_words(text) == data


def test_the_short_form_is_the_first_half() -> None:
    short = words(b"\x80" * 16 + b"x" * 16, 12)
    assert " ".join(short) == "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
    assert parse_words(" ".join(short)) == b"\x80" * 16


@given(st.binary(min_size=32, max_size=32), st.sampled_from([12, 24]))
def test_every_digest_survives_its_words(digest: bytes, count: int) -> None:
    text = words_text(digest, count)
    assert parse_words(text.upper()) == digest[: count * 4 // 3]
    assert parse_words(" ".join(word[:4] for word in text.split())) == digest[: count * 4 // 3]
    check_fingerprint(digest, text)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 23), st.sampled_from(WORDS))
def test_a_wrong_word_is_another_fingerprint_or_none(digest: bytes, place: int, wrong: str) -> None:
    spelled = list(words(digest))
    if spelled[place] == wrong:
        return
    spelled[place] = wrong
    with refused(Code.FINGERPRINT_MISTYPED, Code.FINGERPRINT_MISMATCH):
        check_fingerprint(digest, " ".join(spelled))


def test_most_typing_errors_are_found_without_the_document() -> None:
    spelled, found = list(words(DIGEST)), 0
    for wrong in WORDS[:512]:
        try:
            parse_words(" ".join([wrong, *spelled[1:]]))
        except CreditError:
            found += 1
    assert found > 500


@pytest.mark.parametrize(
    "text", ["", "zoo", "zoo " * 23, "zoo " * 25, "z\u00f6o " * 24, "12" * 31, "xy" * 32, "zoozoo " * 24]
)
def test_what_is_no_fingerprint(text: str) -> None:
    with refused(Code.FINGERPRINT_MISTYPED):
        check_fingerprint(DIGEST, text)


def test_hexadecimal_digits_and_other_lengths() -> None:
    check_fingerprint(DIGEST, DIGEST.hex().upper())
    with refused(Code.FINGERPRINT_MISMATCH):
        check_fingerprint(DIGEST, bytes(32).hex())
    for digest, count in ((b"x", 24), (DIGEST, 8)):
        with refused(Code.MALFORMED):
            words(digest, count)
