"""
From an identifier as typed to the one canonical form that every lender computes alike; the first step of tokenising.

The canonical form depends on the identifier alone, never on the clock, the place or the software's language: what
is ambiguous without these is refused. No exception, nor any that it came from, holds the identifier.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier
from participants.lender.national_ids import normalise_national_id

MAX_TEXT = 320  # of the raw text; the longest e-mail address has 254 characters
MAX_LOCAL, MAX_DOMAIN, MAX_ADDRESS = 64, 253, 254  # RFC 5321, section 4.5.3.1, and RFC 3696, erratum 1690
_ANYWHERE = ""  # the country of what is unique in the world

_PHONE = re.compile(r"[+0-9 ().\-/\u2010-\u2015]{3,40}")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_DEVIATIONS = re.compile("[\u00df\u03c2\u200c\u200d]")  # IDNA 2003 and 2008 send these to different domains


def normalise(raw: RawIdentifier) -> NormalisedIdentifier:
    """
    Bring an identifier into canonical form and check it.

    National IDs by their own check digits (`national_ids`); phone numbers to E.164, mobile ones only; e-mail
    addresses to lower case with the domain in IDNA. The country stays part of a national ID only. Normalising the
    result again changes nothing. Raises CreditError: IDENTIFIER_MALFORMED, IDENTIFIER_CHECKSUM or
    IDENTIFIER_UNSUPPORTED.
    """
    if len(raw.text) > MAX_TEXT:
        raise CreditError(Code.IDENTIFIER_MALFORMED, "more characters than any identifier has")
    text = unicodedata.normalize("NFKC", raw.text).strip()
    country = raw.country.upper()
    match raw.kind:
        case IdentifierKind.NATIONAL_ID:
            return NormalisedIdentifier(raw.kind, country, normalise_national_id(text, country))
        case IdentifierKind.PHONE:
            return NormalisedIdentifier(raw.kind, _ANYWHERE, _phone(text, country))
        case IdentifierKind.EMAIL:
            return NormalisedIdentifier(raw.kind, _ANYWHERE, _email(text))
        case _:
            raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "an unknown kind of identifier")


def _phone(text: str, country: str) -> str:
    if not _PHONE.fullmatch(text):
        raise CreditError(Code.IDENTIFIER_MALFORMED, "characters that no phone number has")
    if not text.startswith("+") and country not in phonenumbers.SUPPORTED_REGIONS:
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "a national phone number of an unknown country")
    number = _parsed(text, country)
    if number is None or not phonenumbers.is_valid_number(number):
        raise CreditError(Code.IDENTIFIER_MALFORMED, "not a phone number in use")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "a phone number that is not a mobile one")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except NumberParseException:
        return None


def _email(text: str) -> str:
    local, at, domain = text.partition("@")
    if not at or "@" in domain or any(c.isspace() or unicodedata.category(c)[0] == "C" for c in text):
        raise CreditError(Code.IDENTIFIER_MALFORMED, "an e-mail address has one @ and no spaces")
    local, domain = _local_part(local), _domain(domain)
    if len(local) + 1 + len(domain) > MAX_ADDRESS:
        raise CreditError(Code.IDENTIFIER_MALFORMED, "an e-mail address that is too long")
    return f"{local}@{domain}"


def _local_part(text: str) -> str:
    """Lower the case: no provider in use tells cases apart, and people do not either."""
    if not text.isascii():
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "an e-mail address with other than ASCII before the @")
    local = text.lower()
    if len(local) > MAX_LOCAL or not _LOCAL.fullmatch(local):
        raise CreditError(Code.IDENTIFIER_MALFORMED, "the part of an e-mail address before the @")
    return local


def _domain(text: str) -> str:
    if _DEVIATIONS.search(text.lower()):
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "a domain that IDNA 2003 and 2008 read differently")
    domain = _to_ascii(text)
    if len(domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
        raise CreditError(Code.IDENTIFIER_MALFORMED, "the domain of an e-mail address")
    return domain


def _to_ascii(text: str) -> str:
    """Encode a domain by IDNA 2003 (RFC 3490); empty where that fails."""
    try:
        return text.lower().encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
