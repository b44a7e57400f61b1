"""Made-up identifiers with good check digits: a pure function of a number and a seed, no two numbers alike."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from math import gcd

from consortium.silent import Silent

DISTRICTS = ("110105", "120101", "310104", "320106", "330106", "350203", "370202", "420106", "440305", "610113")
FIRST_BIRTH, BIRTH_DAYS = date(1983, 1, 1), 8_300  # up to 2005
SEQUENCES = 999  # 001 to 999 for those born on one day in one district
PREFIXES = tuple(
    f"1{second}{third}"
    for second, thirds in (("3", "0123456789"), ("5", "01235678"), ("8", "012356789"))
    for third in thirds
)
TAIWAN_PREFIXES = ("0910", "0911", "0912", "0920", "0933", "0955", "0988")
SUBSCRIBERS, TAIWAN_SUBSCRIBERS = 10**8, 10**6
FIRST_NAMES = (
    "an",
    "bo",
    "chen",
    "dan",
    "fei",
    "gang",
    "hui",
    "jie",
    "lan",
    "mei",
    "ning",
    "ping",
    "qing",
    "tao",
    "yu",
)
FAMILY_NAMES = ("cao", "deng", "feng", "guo", "han", "jiang", "lin", "ma", "qian", "sun", "tang", "wei", "xu", "zhao")
DOMAINS = ("example.com", "example.net", "example.org")  # reserved for documentation (RFC 2606)

_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))  # ISO 7064, MOD 11-2
_CHECK_CHARACTERS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Spread:
    """An affine permutation of 0 .. size-1: neighbouring numbers land far apart, and no two on one place."""

    factor: int
    offset: int
    size: int

    @classmethod
    def draw(cls, rng: random.Random, size: int) -> "Spread":
        """Draw one."""
        factor = 0
        while gcd(factor, size) != 1:
            factor = rng.randrange(size // 3, size)
        return cls(factor, rng.randrange(size), size)

    def place(self, number: int) -> int:
        """Give the place of a number."""
        return (self.factor * number + self.offset) % self.size


class IdentifierMint(Silent):
    """Makes a resident identity number, a mobile number and an e-mail address for any number; all made up."""

    __slots__ = ("_emails", "_ids", "_phones", "_taiwan_phones")

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"identifiers/{seed}")
        self._ids = Spread.draw(rng, len(DISTRICTS) * BIRTH_DAYS * SEQUENCES)
        self._phones = Spread.draw(rng, len(PREFIXES) * SUBSCRIBERS)
        self._taiwan_phones = Spread.draw(rng, len(TAIWAN_PREFIXES) * TAIWAN_SUBSCRIBERS)
        self._emails = Spread.draw(rng, 10**6)

    def national_id(self, number: int) -> str:
        """Give an 18-character resident identity number (GB 11643-1999)."""
        rest, sequence = divmod(self._ids.place(number), SEQUENCES)
        district, days = divmod(rest, BIRTH_DAYS)
        born = FIRST_BIRTH + timedelta(days=days)
        digits = f"{DISTRICTS[district]}{born:%Y%m%d}{sequence + 1:03d}"
        return digits + check_character(digits)

    def phone(self, number: int) -> str:
        """Give an 11-digit mobile number of mainland China."""
        prefix, subscriber = divmod(self._phones.place(number), SUBSCRIBERS)
        return f"{PREFIXES[prefix]}{subscriber:08d}"

    def taiwan_phone(self, number: int) -> str:
        """Give a 10-digit mobile number of Taiwan."""
        prefix, subscriber = divmod(self._taiwan_phones.place(number), TAIWAN_SUBSCRIBERS)
        return f"{TAIWAN_PREFIXES[prefix]}{subscriber:06d}"

    def email(self, number: int) -> str:
        """Give an e-mail address in a domain that nobody owns; `number` below a million."""
        place = self._emails.place(number)
        first, family = FIRST_NAMES[place % len(FIRST_NAMES)], FAMILY_NAMES[place % len(FAMILY_NAMES)]
        return f"{first}.{family}{place}@{DOMAINS[place % len(DOMAINS)]}"


def check_character(digits: str) -> str:
    """Give the check character of the first 17 digits of a resident identity number (ISO 7064, MOD 11-2)."""
    return _CHECK_CHARACTERS[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]
