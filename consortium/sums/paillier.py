"""
Paillier encryption with g = n + 1: public keys, ciphertexts and the sums that anybody can form.

Contributors encrypt here, the gateway multiplies, the requester and the regulator multiply again to check; the
secret key is in `secret`, the making of obfuscators in `blinding`. Ciphertexts are those of python-paillier (phe).
Source: P. Paillier, "Public-Key Cryptosystems Based on Composite Degree Residuosity Classes", 1999.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

import gmpy2
from gmpy2 import mpz

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from consortium.sums.profiles import Profile

SMALL_FACTOR_BOUND = 2**16


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey(Silent):
    """
    A modulus n of exactly the profile's size; make one of a stranger's number with `check_public_key` only.

    Raises CreditError(PUBLIC_KEY_WEAK) for a wrong size, a negative or an even number.
    """

    n: mpz
    profile: Profile
    n_squared: mpz = field(init=False, compare=False)

    def __post_init__(self) -> None:
        n = mpz(self.n)
        if n < 0 or n.bit_length() != self.profile.modulus_bits:
            raise CreditError(Code.PUBLIC_KEY_WEAK, f"modulus is not of {self.profile.modulus_bits} bits")
        if gmpy2.is_even(n):
            raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus is even")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "n_squared", n * n)

    def to_bytes(self) -> bytes:
        """Encode n big-endian in the profile's fixed length (384 bytes at 3072 bits)."""
        return bytes(self.n.to_bytes(self.profile.modulus_bytes, "big"))


@dataclass(frozen=True, slots=True, repr=False)
class Ciphertext(Silent):
    """A number under a key: 0 < value < n^2, coprime to n. What comes from outside comes through `from_bytes`."""

    public_key: PublicKey
    value: mpz

    @classmethod
    def from_bytes(cls, public_key: PublicKey, data: bytes) -> "Ciphertext":
        """
        Read the fixed-length big-endian encoding (768 bytes at 3072 bits).

        Raises CreditError(CIPHERTEXT_INVALID) for another length, for 0, for n^2 and above, and for a value that
        shares a factor with n.
        """
        if len(data) != public_key.profile.ciphertext_bytes:
            raise CreditError(Code.CIPHERTEXT_INVALID, "length")
        value = mpz.from_bytes(data, "big")
        if not 0 < value < public_key.n_squared:
            raise CreditError(Code.CIPHERTEXT_INVALID, "out of range")
        if gmpy2.gcd(value, public_key.n) != 1:
            raise CreditError(Code.CIPHERTEXT_INVALID, "not coprime to the modulus")
        return cls(public_key, value)

    def to_bytes(self) -> bytes:
        """Encode in the profile's fixed length, so that equal ciphertexts have equal bytes."""
        return bytes(self.value.to_bytes(self.public_key.profile.ciphertext_bytes, "big"))


class Obfuscator(Silent):
    """
    A random n-th residue under one key, good for one encryption, and the 32-byte seed that it came from.

    The seed stays readable after use, since a reveal shows it; the value is given out once. It cannot be copied
    or pickled: a copy would be a second use.
    """

    __slots__ = ("_unused", "public_key", "seed")

    def __init__(self, public_key: PublicKey, value: mpz, seed: bytes) -> None:
        self.public_key = public_key
        self.seed = seed
        self._unused = [(value, value % public_key.n)]  # the division is done here, ahead of the encryption

    def take(self) -> mpz:
        """Give the value out, once; raises CreditError(OBFUSCATOR_REUSED) ever after, whichever thread asks."""
        return self.take_with_residue()[0]

    def take_with_residue(self) -> tuple[mpz, mpz]:
        """Give the value and the value mod n out; as `take`."""
        try:
            return self._unused.pop()  # one bytecode-level operation: two threads cannot both succeed
        except IndexError:
            raise CreditError(Code.OBFUSCATOR_REUSED, "second use") from None

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an obfuscator is neither copied nor stored")


def check_public_key(n: int, profile: Profile, known: Iterable[int] = ()) -> PublicKey:
    """
    Accept a stranger's modulus, given the moduli already registered (its own among them is no harm).

    Raises CreditError(PUBLIC_KEY_WEAK) unless n has exactly the profile's size, is odd, composite, no perfect
    power, has no prime factor below 2^16 and shares none with another known modulus. That it is a product of two
    large random primes cannot be seen from n; a bad one endangers what its own owner asks for.
    """
    public_key = PublicKey(mpz(n), profile)
    _check_factors(public_key.n)
    if any(other != n and gmpy2.gcd(public_key.n, other) != 1 for other in known):
        raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus shares a factor with another key")
    return public_key


def public_key_from_bytes(data: bytes, profile: Profile, known: Iterable[int] = ()) -> PublicKey:
    """Read a stranger's encoded modulus as `check_public_key` does; another length is PUBLIC_KEY_WEAK too."""
    if len(data) != profile.modulus_bytes:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "encoded modulus has another length")
    return check_public_key(int.from_bytes(data, "big"), profile, known)


def encrypt(public_key: PublicKey, plaintext: int, obfuscator: Obfuscator) -> Ciphertext:
    """
    Encrypt 0 <= plaintext < n as (1 + n * plaintext) * obfuscator mod n^2, using the obfuscator up.

    Raises CreditError: ATTRIBUTES_DO_NOT_FIT for a plaintext out of range, OBFUSCATOR_REUSED for a used
    obfuscator, CIPHERTEXT_INVALID for one of another key.
    """
    if not 0 <= plaintext < public_key.n:
        raise CreditError(Code.ATTRIBUTES_DO_NOT_FIT, "plaintext is not below the modulus")
    if obfuscator.public_key.n != public_key.n:
        raise CreditError(Code.CIPHERTEXT_INVALID, "obfuscator of another key")
    return Ciphertext(public_key, _times_plain(public_key, obfuscator.take_with_residue(), plaintext))


def add(first: Ciphertext, second: Ciphertext) -> Ciphertext:
    """Form the ciphertext of the sum mod n; raises CreditError(CIPHERTEXT_INVALID) if the keys differ."""
    return product((first, second))


def add_plain(ciphertext: Ciphertext, number: int) -> Ciphertext:
    """Form the ciphertext of (plaintext + number) mod n, any integer: c * (1 + n * number) mod n^2."""
    return Ciphertext(ciphertext.public_key, times_plain(ciphertext.public_key, ciphertext.value, number))


def product(ciphertexts: Iterable[Ciphertext]) -> Ciphertext:
    """Form the ciphertext of the sum of all, at least one; CIPHERTEXT_INVALID for none or for different keys."""
    terms = list(ciphertexts)
    if not terms:
        raise CreditError(Code.CIPHERTEXT_INVALID, "no ciphertext to add")
    public_key, value = terms[0].public_key, terms[0].value
    for other in terms[1:]:
        if other.public_key.n != public_key.n:
            raise CreditError(Code.CIPHERTEXT_INVALID, "ciphertexts of different keys")
        value = value * other.value % public_key.n_squared
    return Ciphertext(public_key, value)


def times_plain(public_key: PublicKey, value: mpz, number: int) -> mpz:
    """
    Compute value * (1 + n * number) mod n^2 for 0 <= value < n^2.

    Written as value + n * (value * number mod n), which needs products of half the length and is below 2 n^2.
    """
    return _times_plain(public_key, (value, value % public_key.n), number)


def _times_plain(public_key: PublicKey, factor: tuple[mpz, mpz], number: int) -> mpz:
    """As `times_plain`, with value and value mod n at hand."""
    (value, residue), n, n_squared = factor, public_key.n, public_key.n_squared
    shifted = value + n * (residue * number % n)
    return shifted if shifted < n_squared else shifted - n_squared


def _check_factors(n: mpz) -> None:
    if gmpy2.gcd(n, _small_primes()) != 1:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus has a small factor")
    if gmpy2.is_power(n):
        raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus is a perfect power")
    if gmpy2.is_prime(n):  # never false for a prime, so that no prime passes
        raise CreditError(Code.PUBLIC_KEY_WEAK, "modulus is prime")


@cache
def _small_primes() -> mpz:
    return gmpy2.primorial(SMALL_FACTOR_BOUND)
