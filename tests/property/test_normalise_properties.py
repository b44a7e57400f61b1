"""Properties of the normaliser: idempotent, total, silent, blind to spelling."""

# ruff: noqa: PT017  refused or not, both are right; how is the property

import inspect
import re
import unicodedata
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier
from participants.lender import national_ids
from participants.lender import normalise as normaliser
from participants.lender.national_ids import COUNTRIES
from participants.lender.normalise import normalise
from tests.support.national_ids import VALID_IDS

some = settings(max_examples=100, deadline=None)
many = settings(max_examples=300, deadline=None)

kinds = st.sampled_from(IdentifierKind)
countries = st.sampled_from([*COUNTRIES, "US", "GB", "XX", ""])
EXAMPLES = [text for pair in VALID_IDS.values() for text in pair] + [
    "13800138000",
    "+447400123456",
    "Jane.Doe@Example.com",
    "a@bücher.de",
]
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: list[Form] = ["NFC", "NFD", "NFKC", "NFKD"]
CAUSES = {
    cause
    for module in (normaliser, national_ids)
    for cause in re.findall(r'CreditError\(Code\.\w+, "([^"]+)"\)', inspect.getsource(module))
} | {f"national ID of {country}" for country in COUNTRIES}
REFUSALS = {Code.IDENTIFIER_MALFORMED, Code.IDENTIFIER_CHECKSUM, Code.IDENTIFIER_UNSUPPORTED}


def _try(raw: RawIdentifier) -> NormalisedIdentifier | None:
    try:
        return normalise(raw)
    except CreditError as error:
        assert error.code in REFUSALS
        assert error.__context__ is None
        assert error.cause in CAUSES, "a cause is a fixed sentence, so that nothing of the identifier is in it"
        return None


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A valid identifier with a few characters changed, put in or left out."""
    text = list(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text) - 1))
        text[place] = draw(st.sampled_from(["", " ", "-", "\uff10", "@", "é", "\0", text[place] * 2]) | st.characters())
    return "".join(text)


@many
@given(kinds, st.text(max_size=40) | mangled(), countries)
def test_anything_is_normalised_or_refused_in_silence_and_only_once(
    kind: IdentifierKind, text: str, country: str
) -> None:
    identifier = _try(RawIdentifier(kind, text, country))
    if identifier is not None:
        assert identifier.value.isascii()
        again = RawIdentifier(identifier.kind, identifier.value, identifier.country)
        assert normalise(again) == identifier


@some
@given(st.sampled_from(EXAMPLES), kinds, countries, st.sampled_from(FORMS), st.booleans())
def test_unicode_forms_and_spaces_around_make_no_difference(
    text: str,
    kind: IdentifierKind,
    country: str,
    form: Form,
    spaced: bool,  # noqa: FBT001
) -> None:
    other = unicodedata.normalize(form, text)
    other = f"\u3000{other} \n" if spaced else other
    assert _try(RawIdentifier(kind, other, country)) == _try(RawIdentifier(kind, text, country))


@some
@given(st.from_regex(r"1[38][0-9]{9}", fullmatch=True), st.integers(1, 10))
def test_chinese_mobile_numbers_in_any_grouping(digits: str, cut: int) -> None:
    number = normalise(RawIdentifier(IdentifierKind.PHONE, digits))
    assert number.value == f"+86{digits}"
    for grouped in (f"+86 {digits[:cut]}-{digits[cut:]}", f"({digits[:cut]}) {digits[cut:]}", f"86{digits}"):
        assert _try(RawIdentifier(IdentifierKind.PHONE, grouped)) == number


@some
@given(st.from_regex(r"[1-8][0-9]{5}19[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{3}", fullmatch=True))
def test_every_chinese_number_has_exactly_one_check_digit(body: str) -> None:
    accepted = [
        digit for digit in "0123456789X" if _try(RawIdentifier(IdentifierKind.NATIONAL_ID, body + digit)) is not None
    ]
    assert len(accepted) == 1
