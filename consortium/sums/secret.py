"""
Paillier secret keys: making, storing and decrypting; only requesters import this, the gateway never.

The key is a python-paillier (phe) private key, so a stock phe user can hold it and read our sums; decryption here
does the same with exponents that do not show in time (`secret_power`) and, with an executor, both primes at once.
The divisions by p and q around the powers are GMP's ordinary ones, whose time depends a little on the operands.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa
from gmpy2 import mpz
from phe import PaillierPrivateKey, PaillierPublicKey

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from consortium.sums.paillier import Ciphertext, PublicKey
from consortium.sums.powers import secret_power
from consortium.sums.profiles import Profile

SMOOTHNESS_BOUND = 64
"""(p-1)/2 has no prime factor below this: one prime in eleven passes. A larger bound mostly costs time."""

MINIMUM_DISTANCE_SLACK_BITS = 100
"""p and q differ by at least 2^(prime bits - 100), as FIPS 186-5 section A.1.3 wants."""

_RSA_EXPONENT = 65537


@dataclass(frozen=True, slots=True, repr=False)
class _Half(Silent):
    """What decryption needs of one prime: p, p^2, p - 1 and ((g^(p-1) mod p^2) - 1) / p inverted mod p."""

    prime: mpz
    square: mpz
    exponent: mpz
    inverse: mpz

    @classmethod
    def prepare(cls, prime: mpz, other: mpz) -> "_Half":
        # g^(p-1) = (1 + n)^(p-1) = 1 + n (p-1) = 1 - n mod p^2, and n / p is the other prime
        return cls(prime, prime * prime, prime - 1, gmpy2.invert(-other, prime))

    def decrypt(self, value: mpz) -> mpz:
        """Give the plaintext mod p (Paillier 1999, section 7)."""
        power = secret_power(value % self.square, self.exponent, self.square)
        return (power - 1) // self.prime * self.inverse % self.prime


class SecretKey(Silent):
    """Two primes that have passed `from_primes`, with what decryption needs of them."""

    __slots__ = ("_high", "_low", "_low_inverse", "phe", "public_key")

    def __init__(self, low: mpz, high: mpz, profile: Profile) -> None:
        self.public_key = PublicKey(low * high, profile)
        self._low = _Half.prepare(low, high)
        self._high = _Half.prepare(high, low)
        self._low_inverse = gmpy2.invert(low, high)
        self.phe = PaillierPrivateKey(PaillierPublicKey(int(low * high)), int(low), int(high))

    @classmethod
    def generate(cls, profile: Profile) -> "SecretKey":
        """
        Make a key from OpenSSL's randomness: at 3072 bits about 2 s on average, with a tail beyond 6 s.

        Primes are taken from as many RSA keys as it needs for two that fit; the GIL is free most of the time.
        """
        found: list[mpz] = []
        while True:
            for prime in filter(_is_suitable, _openssl_primes(profile)):
                for other in found:
                    if _fit_together(prime, other, profile):
                        return cls(min(prime, other), max(prime, other), profile)
                found.append(prime)

    @classmethod
    def from_primes(cls, p: int, q: int, profile: Profile) -> "SecretKey":
        """
        Accept two primes as `generate` makes them.

        Raises CreditError(PUBLIC_KEY_WEAK) unless both are prime, 3 mod 4, of half the profile's size, with
        (p-1)/2 and (q-1)/2 free of factors below 64, gcd(p-1, q-1) = 2, far apart, and n of the exact size.
        """
        low, high = sorted((mpz(p), mpz(q)))
        suitable = all(_is_suitable(prime) and gmpy2.is_prime(prime) for prime in (low, high))
        if not (suitable and _fit_together(low, high, profile)):
            raise CreditError(Code.PUBLIC_KEY_WEAK, "the primes are not as key generation makes them")
        return cls(low, high, profile)

    @classmethod
    def from_bytes(cls, data: bytes, profile: Profile) -> "SecretKey":
        """Read what `to_bytes` wrote, checking it as `from_primes` does."""
        half = profile.prime_bits // 8
        if len(data) != 2 * half:
            raise CreditError(Code.PUBLIC_KEY_WEAK, "a stored secret key of another length")
        return cls.from_primes(int.from_bytes(data[:half], "big"), int.from_bytes(data[half:], "big"), profile)

    def to_bytes(self) -> bytes:
        """Encode both primes, the smaller first, big-endian in fixed length: the secret itself, for a sealed store."""
        half = self.public_key.profile.prime_bits // 8
        return bytes(self._low.prime.to_bytes(half, "big") + self._high.prime.to_bytes(half, "big"))

    def decrypt(self, ciphertext: Ciphertext, executor: Executor | None = None) -> int:
        """
        Give the plaintext in [0, n), with a thread executor both primes at once.

        Raises CreditError(CIPHERTEXT_INVALID) for a ciphertext under another key.
        """
        if ciphertext.public_key.n != self.public_key.n:
            raise CreditError(Code.CIPHERTEXT_INVALID, "ciphertext of another key")
        if executor is None:
            return self._combine(self._low.decrypt(ciphertext.value), self._high.decrypt(ciphertext.value))
        low = executor.submit(self._low.decrypt, ciphertext.value)
        high = self._high.decrypt(ciphertext.value)
        return self._combine(low.result(), high)

    def _combine(self, low: mpz, high: mpz) -> int:
        return int(low + self._low.prime * ((high - low) * self._low_inverse % self._high.prime))


def _openssl_primes(profile: Profile) -> tuple[mpz, mpz]:
    numbers = rsa.generate_private_key(_RSA_EXPONENT, profile.modulus_bits).private_numbers()
    return mpz(numbers.p), mpz(numbers.q)


def _is_suitable(prime: mpz) -> bool:
    """Look for factors of (p-1)/2 below the bound; 2 is one of them, so what passes is 3 mod 4."""
    return bool(gmpy2.gcd(prime >> 1, _small_primes()) == 1)


def _fit_together(p: mpz, q: mpz, profile: Profile) -> bool:
    return bool(
        p.bit_length() == q.bit_length() == profile.prime_bits
        and (p * q).bit_length() == profile.modulus_bits
        and abs(p - q).bit_length() > profile.prime_bits - MINIMUM_DISTANCE_SLACK_BITS
        and gmpy2.gcd(p - 1, q - 1) == 2
    )


@cache
def _small_primes() -> mpz:
    return gmpy2.primorial(SMOOTHNESS_BOUND)
