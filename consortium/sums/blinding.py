"""
Obfuscators: short-exponent blinding from a base that everybody derives from the modulus alone.

x in Z_n is the hash of n, h = -x^2 mod n, h_s = h^n mod n^2, an obfuscator is h_s^r with r of 512 bits (Damgard,
Jurik, Nielsen, "A generalization of Paillier's public-key system with applications to electronic voting", 2010).
The base is never imported, and whoever gets a revealed seed recomputes the obfuscator byte for byte.
`BlindingBase` does so slowly and without preparation, `FixedBaseTable` fast; both give the same bytes.

Constant time: the slow way uses `secret_power`. The table does the same number of multiplications for every
exponent, but *which* entries it reads depends on the secret exponent; a co-resident observer of the cache could see
that, which the threat model leaves out. Each exponent is used once, so observations do not add up over encryptions.
"""

from dataclasses import dataclass
from typing import NamedTuple

import gmpy2
from gmpy2 import mpz

from consortium.errors import Code, CreditError
from consortium.hashing import expand, transcript_hash, uniform_below
from consortium.labels import Label
from consortium.silent import Silent
from consortium.sums.paillier import Obfuscator, PublicKey, times_plain
from consortium.sums.powers import public_power, secret_power
from consortium.sums.profiles import Profile

SEED_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class BlindingBase(Silent):
    """h_s of one key, and the slow way to an obfuscator: for verifiers, and until a table is ready."""

    public_key: PublicKey
    value: mpz

    @classmethod
    def derive(cls, public_key: PublicKey) -> "BlindingBase":
        """
        Derive h_s from n alone (about 30 ms at 3072 bits).

        Raises CreditError(PUBLIC_KEY_WEAK) where the hash shares a factor with n, which only a crooked n allows.
        """
        n = public_key.n
        x = uniform_below(transcript_hash(Label.PAILLIER_BASE, public_key.to_bytes()), Label.PAILLIER_BASE, int(n))
        if gmpy2.gcd(x, n) != 1:
            raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus shares a factor with its own base")
        return cls(public_key, public_power(-mpz(x) * x % n, n, public_key.n_squared))

    def obfuscator_from_seed(self, seed: bytes) -> Obfuscator:
        """Compute h_s^r for the exponent of a 32-byte seed; raises CreditError(MALFORMED) for another length."""
        exponent = mpz(_exponent(self.public_key.profile, seed))
        return Obfuscator(self.public_key, secret_power(self.value, exponent, self.public_key.n_squared), seed)


class _Power(NamedTuple):
    """A power of h_s as unit * (1 + n * slope) mod n^2 with unit, slope < n, and unit^-1 mod n."""

    unit: mpz
    slope: mpz
    inverse: mpz


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FixedBaseTable(Silent):
    """
    All powers h_s^(d * 2^(window * i)): an obfuscator costs one multiplication for each window of the exponent.

    Entries are kept as unit * (1 + n * slope). The slopes of a product only add up, so each multiplication is of
    double by single length instead of double by double, about half the time; one step at the end puts the sum in.
    At 3072 bits with window 8: 64 rows of 256 entries, 12.6 MB of numbers, about 17 MB of memory.
    """

    public_key: PublicKey
    units: tuple[tuple[mpz, ...], ...]
    slopes: tuple[tuple[mpz, ...], ...]

    @classmethod
    def build(cls, base: BlindingBase) -> "FixedBaseTable":
        """Build row by row, each entry from the one before it (about 0.2 s at 3072 bits)."""
        public_key, profile = base.public_key, base.public_key.profile
        slope, unit = gmpy2.f_divmod(base.value, public_key.n)
        inverse = gmpy2.invert(unit, public_key.n)
        power = _Power(unit, slope * inverse % public_key.n, inverse)
        rows: list[list[_Power]] = []
        for _ in range(profile.exponent_bits // profile.window):
            *row, power = _powers(power, 2**profile.window, public_key.n)
            rows.append(row)
        units = tuple(tuple(entry.unit for entry in row) for row in rows)
        return cls(public_key, units, tuple(tuple(entry.slope for entry in row) for row in rows))

    @property
    def size_bytes(self) -> int:
        """The bytes of the numbers in the table, without Python's own overhead."""
        return sum(map(len, self.units)) * self.public_key.profile.ciphertext_bytes

    def obfuscator_from_seed(self, seed: bytes) -> Obfuscator:
        """Compute h_s^r as `BlindingBase.obfuscator_from_seed` does, to the byte."""
        public_key, profile = self.public_key, self.public_key.profile
        exponent = _exponent(profile, seed)
        value, slope, digit_mask = mpz(1), mpz(0), 2**profile.window - 1
        for units, slopes in zip(self.units, self.slopes, strict=True):
            digit = exponent & digit_mask
            value = value * units[digit] % public_key.n_squared
            slope += slopes[digit]
            exponent >>= profile.window
        return Obfuscator(public_key, times_plain(public_key, value, slope), seed)


def _exponent(profile: Profile, seed: bytes) -> int:
    if len(seed) != SEED_BYTES:
        raise CreditError(Code.MALFORMED, "an obfuscator's seed is not of 32 bytes")
    return int.from_bytes(expand(seed, Label.OBFUSCATOR, profile.exponent_bits // 8), "big")


def _powers(base: _Power, count: int, n: mpz) -> list[_Power]:
    """List base^0 .. base^count."""
    powers = [_Power(mpz(1), mpz(0), mpz(1))]
    for _ in range(count):
        powers.append(_multiply(powers[-1], base, n))
    return powers


def _multiply(first: _Power, second: _Power, n: mpz) -> _Power:
    """Use unit * unit' = quotient * n + rest = rest * (1 + n * quotient / rest) mod n^2."""
    quotient, unit = gmpy2.f_divmod(first.unit * second.unit, n)
    inverse = first.inverse * second.inverse % n
    return _Power(unit, (first.slope + second.slope + quotient * inverse) % n, inverse)
