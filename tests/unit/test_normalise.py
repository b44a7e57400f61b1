"""What the normaliser accepts, unifies and refuses, by kind of identifier."""

# ruff: noqa: RUF001  look-alike characters are what is tested here

import pytest

from consortium.errors import Code, CreditError
from consortium.model.identifiers import NORMALISATION_VERSION, IdentifierKind, RawIdentifier
from participants.lender.national_ids import COUNTRIES
from participants.lender.normalise import normalise
from tests.support.national_ids import VALID_IDS

NATIONAL_ID, PHONE, EMAIL = IdentifierKind
FULL_WIDTH = {ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)}


def canonical(kind: IdentifierKind, text: str, country: str = "CN") -> tuple[str, str]:
    identifier = normalise(RawIdentifier(kind, text, country))
    assert (identifier.kind, identifier.version) == (kind, NORMALISATION_VERSION)
    return identifier.country, identifier.value


def refused(code: Code, kind: IdentifierKind, text: str, country: str = "CN") -> None:
    with pytest.raises(CreditError) as caught:
        normalise(RawIdentifier(kind, text, country))
    assert caught.value.code is code
    _is_silent(caught.value, text)


def _is_silent(error: BaseException, text: str) -> None:
    """Neither the error nor anything that it refers to holds the identifier."""
    assert error.__context__ is None
    assert error.__cause__ is None
    if len(text) > 2:
        assert text not in f"{error!r} {error} {error.args}"


# national IDs


def test_every_supported_country_has_an_example() -> None:
    assert set(COUNTRIES) == set(VALID_IDS)


@pytest.mark.parametrize("country", VALID_IDS)
def test_a_valid_national_id_in_any_spelling(country: str) -> None:
    typed, value = VALID_IDS[country]
    for text in (typed, value, f"  {typed}\n", typed.upper(), value.translate(FULL_WIDTH)):
        assert canonical(NATIONAL_ID, text, country) == (country, value)
    assert canonical(NATIONAL_ID, typed, country.lower()) == (country, value)


@pytest.mark.parametrize("country", VALID_IDS)
def test_one_wrong_digit_fails_the_check_digit(country: str) -> None:
    _, value = VALID_IDS[country]
    place = max(i for i, c in enumerate(value[:-1]) if c.isdigit())
    wrong = value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]
    refused(Code.IDENTIFIER_CHECKSUM, NATIONAL_ID, wrong, country)


@pytest.mark.parametrize("country", VALID_IDS)
@pytest.mark.parametrize("change", ["", "1", "@", "\0", "é"])
def test_a_national_id_of_another_form_is_malformed(country: str, change: str) -> None:
    _, value = VALID_IDS[country]
    with pytest.raises(CreditError) as caught:
        normalise(RawIdentifier(NATIONAL_ID, value[:-3] + change if change else "", country))
    assert caught.value.code in {Code.IDENTIFIER_MALFORMED, Code.IDENTIFIER_UNSUPPORTED}
    _is_silent(caught.value, value)


def test_chinese_numbers_are_checked_for_digit_and_date_but_not_place() -> None:
    assert canonical(NATIONAL_ID, "360426199101010071") == ("CN", "360426199101010071")
    assert canonical(NATIONAL_ID, "360426 19910101 0071") == ("CN", "360426199101010071")
    assert canonical(NATIONAL_ID, "810000199408230021") == ("CN", "810000199408230021")  # a residence permit
    refused(Code.IDENTIFIER_CHECKSUM, NATIONAL_ID, "360426199101010072")
    refused(Code.IDENTIFIER_CHECKSUM, NATIONAL_ID, "36042619910101007X")
    refused(Code.IDENTIFIER_MALFORMED, NATIONAL_ID, "110105194902310026")  # 31 February, good check digit
    refused(Code.IDENTIFIER_MALFORMED, NATIONAL_ID, "X10105194912310021")
    refused(Code.IDENTIFIER_UNSUPPORTED, NATIONAL_ID, "110105491231002")  # the old form has no check digit


def test_spain_has_citizens_and_foreigners() -> None:
    assert canonical(NATIONAL_ID, "x-2482300w", "ES") == ("ES", "X2482300W")
    refused(Code.IDENTIFIER_CHECKSUM, NATIONAL_ID, "X2482300A", "ES")


def test_what_is_ambiguous_or_a_company_is_refused() -> None:
    refused(Code.IDENTIFIER_UNSUPPORTED, NATIONAL_ID, "880320-0016", "SE")  # which century?
    refused(Code.IDENTIFIER_MALFORMED, NATIONAL_ID, "00743110157", "IT")  # a company's VAT number
    refused(Code.IDENTIFIER_MALFORMED, NATIONAL_ID, "111.111.111-11", "BR")  # everybody's placeholder


@pytest.mark.parametrize("country", ["XX", "", "DK", "KR", "China", "C N"])
def test_other_countries_are_unsupported(country: str) -> None:
    refused(Code.IDENTIFIER_UNSUPPORTED, NATIONAL_ID, "11010519491231002X", country)


# phones


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "138 0013-8000",
        "+86 138 0013 8000",
        "0086 13800138000",
        "１３８００１３８０００",
        "+86‐13800138000",
    ],
)
def test_spellings_of_one_phone_number(text: str) -> None:
    assert canonical(PHONE, text) == ("", "+8613800138000")


def test_the_default_country_serves_national_numbers_only() -> None:
    assert canonical(PHONE, "+86 13800138000", "US") == ("", "+8613800138000")
    assert canonical(PHONE, "+86 13800138000", "??") == ("", "+8613800138000")
    assert canonical(PHONE, "07400 123456", "gb") == ("", "+447400123456")
    refused(Code.IDENTIFIER_UNSUPPORTED, PHONE, "13800138000", "??")
    refused(Code.IDENTIFIER_MALFORMED, PHONE, "13800138000", "GB")


def test_mobile_numbers_only() -> None:
    refused(Code.IDENTIFIER_UNSUPPORTED, PHONE, "010-62771234")
    refused(Code.IDENTIFIER_UNSUPPORTED, PHONE, "+44 20 7946 0958")
    assert canonical(PHONE, "+1 650-253-0000") == ("", "+16502530000")  # fixed or mobile, who knows


NO_PHONES = """|1|+|12345|138001380001|1380013800a|tel:13800138000|13800138000;ext=5|13800138000 x 5|+99913800138000"""
TWO_LINES = "1380013\n8000"


@pytest.mark.parametrize("text", [*NO_PHONES.split("|"), TWO_LINES, "1" * 41, "1" * 400, "138\u200b00138000", "\ud800"])
def test_what_is_no_phone_number_is_malformed(text: str) -> None:
    refused(Code.IDENTIFIER_MALFORMED, PHONE, text)


# e-mail addresses


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Jane.Doe+x@Example.COM", "jane.doe+x@example.com"),
        (" a@b.com\n", "a@b.com"),
        ("ａ＠ｂ．ｃｏｍ", "a@b.com"),
        ("a@b。com", "a@b.com"),
        ("\u212a@x.com", "k@x.com"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
        ("a@BÜCHER.de", "a@xn--bcher-kva.de"),
        ("a@bu\u0308cher.de", "a@xn--bcher-kva.de"),
        ("a@XN--BCHER-KVA.de", "a@xn--bcher-kva.de"),
        ("小明@例子.cn".replace("小明", "ming"), "ming@xn--fsqu00a.cn"),
        ("a" * 64 + "@b.com", "a" * 64 + "@b.com"),
        ("o'neil@sub.b-c.co.uk", "o'neil@sub.b-c.co.uk"),
    ],
)
def test_spellings_of_an_address(text: str, value: str) -> None:
    assert canonical(EMAIL, text) == ("", value)


NO_ADDRESSES = """|@|a|a@|@b.com|a@b|a@@b.com|a@b@c.com|a b@c.com|a@b c.com|.a@b.com|a.@b.com|a..b@c.com|"a"@b.com
a(x)@b.com|a@-b.com|a@b-.com|a@b..com|a@.b.com|a@b.com.|a@1.2.3.4|a@[1.2.3.4]|a@b.1|a@b_c.com"""
CONTROLS = ["a\t@b.com", "a\0@b.com", "a@x\u200b.com", "a@\ud800.com", "a@b\u2028.com"]
TOO_LONG = ["a" * 65 + "@b.com", f"a@{'b' * 64}.com", f"{'a' * 64}@{'b.' * 95}com", f"a@{'b.' * 130}com", "a" * 400]


@pytest.mark.parametrize("text", [*NO_ADDRESSES.replace("\n", "|").split("|"), *CONTROLS, *TOO_LONG])
def test_what_is_no_address_is_malformed(text: str) -> None:
    refused(Code.IDENTIFIER_MALFORMED, EMAIL, text)


@pytest.mark.parametrize("text", ["é@b.com", "小明@b.com", "a@straße.de", "a@STRASSE\u1e9e.de", "a@βός.com"])
def test_what_systems_read_differently_is_unsupported(text: str) -> None:
    refused(Code.IDENTIFIER_UNSUPPORTED, EMAIL, text)


def test_an_unknown_kind_is_unsupported() -> None:
    refused(Code.IDENTIFIER_UNSUPPORTED, 7, "13800138000")  # type: ignore[arg-type]
