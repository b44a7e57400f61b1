"""
National identifiers whose form carries a check digit, by country; called by `normalise`.

python-stdnum knows the forms. Here is what it leaves to the caller: one spelling for each number, nothing that
changes with today's date, and numbers of companies kept out. Countries whose numbers have no check digit (or no
longer, as in Denmark and South Korea) are not in the list: a typing error there would be another person.
"""

import re
from collections.abc import Callable

from stdnum.be import nn as be_nn
from stdnum.bg import egn as bg_egn
from stdnum.br import cpf as br_cpf
from stdnum.cn import ric as cn_ric
from stdnum.ee import ik as ee_ik
from stdnum.es import dni as es_dni
from stdnum.es import nie as es_nie
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError
from stdnum.fi import hetu as fi_hetu
from stdnum.fr import nir as fr_nir
from stdnum.in_ import aadhaar as in_aadhaar
from stdnum.it import codicefiscale as it_codicefiscale
from stdnum.mx import curp as mx_curp
from stdnum.pl import pesel as pl_pesel
from stdnum.ro import cnp as ro_cnp
from stdnum.se import personnummer as se_personnummer
from stdnum.th import pin as th_pin
from stdnum.tr import tckimlik as tr_tckimlik
from stdnum.util import clean, isdigits
from stdnum.za import idnr as za_idnr

from consortium.errors import Code, CreditError

_CANONICAL = re.compile(r"[0-9A-Z+-]{6,20}")
_CHINA_LENGTH, _CHINA_LEGACY_LENGTH, _SWEDEN_LENGTH, _ITALY_LENGTH = 18, 15, 12, 16


def normalise_national_id(text: str, country: str) -> str:
    """
    Give the one spelling of a national ID; `text` is NFKC, `country` ISO 3166-1 alpha-2 in capitals.

    Raises CreditError: IDENTIFIER_UNSUPPORTED for a country that is not in COUNTRIES or a legacy form,
    IDENTIFIER_CHECKSUM, and IDENTIFIER_MALFORMED for everything else.
    """
    validate = _VALIDATORS.get(country)
    if validate is None:
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "a national ID of a country that is not supported")
    code = Code.IDENTIFIER_MALFORMED
    try:
        value = validate(text)
        if _CANONICAL.fullmatch(value) and len(set(value)) > 1:  # 111.111.111-11 has good check digits
            return value
    except InvalidChecksum:
        code = Code.IDENTIFIER_CHECKSUM
    except (ValidationError, ValueError, LookupError, TypeError):
        pass  # raised below, outside this handler: the new exception must not refer to the old one
    raise CreditError(code, f"national ID of {country}")


def _china(text: str) -> str:
    """
    Check a resident identity number (GB 11643-1999): length, check digit and date of birth.

    The place is not looked up: residence permits and old districts are missing in any table.
    """
    number = clean(text, " -").upper()
    if len(number) == _CHINA_LEGACY_LENGTH and isdigits(number):
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "the old number of 15 digits has no check digit: use that of 18")
    if len(number) != _CHINA_LENGTH:
        raise InvalidLength
    if not isdigits(number[:-1]):
        raise InvalidFormat
    if number[-1] != cn_ric.calc_check_digit(number):
        raise InvalidChecksum
    cn_ric.get_birth_date(number)
    return number


def _spain(text: str) -> str:
    """Take a citizen's DNI or a foreigner's NIE, which begins with a letter."""
    validate = es_nie.validate if text[:1].upper() in {"X", "Y", "Z"} else es_dni.validate
    return validate(text)


def _sweden(text: str) -> str:
    """Take the form with the full year only: the short one means another century at another time."""
    number = se_personnummer.validate(text).replace("-", "").replace("+", "")
    if len(number) != _SWEDEN_LENGTH:
        raise CreditError(Code.IDENTIFIER_UNSUPPORTED, "a Swedish number without the century: use the one of 12 digits")
    return number


def _italy(text: str) -> str:
    """Take a person's code of 16 characters; the 11 digits of a company are checked by the same function."""
    number = it_codicefiscale.validate(text)
    if len(number) != _ITALY_LENGTH:
        raise InvalidLength
    return number


_VALIDATORS: dict[str, Callable[[str], str]] = {
    "BE": be_nn.validate,
    "BG": bg_egn.validate,
    "BR": br_cpf.validate,
    "CN": _china,
    "EE": ee_ik.validate,
    "ES": _spain,
    "FI": fi_hetu.validate,
    "FR": fr_nir.validate,
    "IN": in_aadhaar.validate,
    "IT": _italy,
    "MX": mx_curp.validate,
    "PL": pl_pesel.validate,
    "RO": ro_cnp.validate,
    "SE": _sweden,
    "TH": th_pin.validate,
    "TR": tr_tckimlik.validate,
    "ZA": za_idnr.validate,
}

COUNTRIES = tuple(_VALIDATORS)
"""Countries whose national IDs can be used."""
