"""
The two modular powers of the sums: one for public exponents, one for secret; both let other threads run.

Where the machine has OpenSSL's libcrypto, which most Pythons bring along for `ssl`, its Montgomery ladder with
constant memory access does the secret powers in little more than half of GMP's time. GMP does them everywhere else,
with the same results.
"""

import ctypes
from functools import cache

import gmpy2
from gmpy2 import mpz

LIBCRYPTO = "libcrypto.so.3"


def public_power(base: mpz, exponent: mpz, modulus: mpz) -> mpz:
    """Compute base^exponent mod modulus in a time that depends on the exponent, which must be public."""
    with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):
        return gmpy2.powmod(base, exponent, modulus)


def secret_power(base: mpz, exponent: mpz, modulus: mpz) -> mpz:
    """
    Compute base^exponent mod an odd modulus, 0 <= base < modulus, by a method that does not show the exponent.

    Time and memory access depend on the sizes of the operands only, not on the value of the exponent, which must
    be positive.
    """
    library = openssl()
    return library.power(base, exponent, modulus) if library else gmp_secret_power(base, exponent, modulus)


def gmp_secret_power(base: mpz, exponent: mpz, modulus: mpz) -> mpz:
    """Compute as `secret_power` by GMP's side-channel-silent method (`mpz_powm_sec`)."""
    with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):
        return gmpy2.powmod_sec(base, exponent, modulus)


class OpenSsl:
    """OpenSSL's numbers (BN_bin2bn(3), BN_mod_exp_mont_consttime), cleared after use."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name in ("BN_bin2bn", "BN_new", "BN_CTX_secure_new"):
            getattr(library, name).restype = ctypes.c_void_p

    def power(self, base: mpz, exponent: mpz, modulus: mpz) -> mpz:
        """Compute as `secret_power`; raises ArithmeticError where OpenSSL refuses."""
        library, size = self._library, (modulus.bit_length() + 7) // 8
        numbers = [self._number(value) for value in (base, exponent, modulus)]
        result, scratch = (ctypes.c_void_p(make()) for make in (library.BN_new, library.BN_CTX_secure_new))
        output = ctypes.create_string_buffer(size)
        try:
            done = library.BN_mod_exp_mont_consttime(result, *numbers, scratch, None)
            if done != 1 or library.BN_bn2binpad(result, output, size) != size:
                raise ArithmeticError("BN_mod_exp_mont_consttime")
            return mpz.from_bytes(output.raw, "big")
        finally:
            for number in (*numbers, result):
                library.BN_clear_free(number)
            library.BN_CTX_free(scratch)

    def _number(self, value: mpz) -> ctypes.c_void_p:
        data = bytes(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        return ctypes.c_void_p(self._library.BN_bin2bn(data, len(data), None))


@cache
def openssl() -> OpenSsl | None:
    """Give OpenSSL 3 where this machine has it."""
    try:
        return OpenSsl(ctypes.CDLL(LIBCRYPTO))
    except (OSError, AttributeError):
        return None
