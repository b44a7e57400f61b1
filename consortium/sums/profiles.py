"""Named parameter profiles of the Paillier suite: every size follows from one of these names, never from an option."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """
    The sizes of one suite.

    `modulus_bits` is the exact length of n, `exponent_bits` the length of a blinding exponent (a multiple of
    `window` and of 8), `window` the bits that one row of a fixed-base table covers.
    """

    name: str
    modulus_bits: int
    exponent_bits: int
    window: int

    @property
    def modulus_bytes(self) -> int:
        """The length of an encoded modulus."""
        return self.modulus_bits // 8

    @property
    def ciphertext_bytes(self) -> int:
        """The length of an encoded ciphertext, an integer below n^2."""
        return 2 * self.modulus_bytes

    @property
    def prime_bits(self) -> int:
        """The exact length of both primes."""
        return self.modulus_bits // 2


PAILLIER_3072 = Profile("PAILLIER_3072", modulus_bits=3072, exponent_bits=512, window=8)
"""For real data: 128-bit security (NIST SP 800-57), exponents of four times the security level."""

INSECURE_TEST_1024 = Profile("INSECURE_TEST_1024", modulus_bits=1024, exponent_bits=256, window=4)
"""For tests only: a modulus of this size is within reach of a determined attacker."""

PROFILES = {profile.name: profile for profile in (PAILLIER_3072, INSECURE_TEST_1024)}
