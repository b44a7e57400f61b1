"""The secret power is the same by OpenSSL and by GMP, and the same as Python's own."""

import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.sums.powers import gmp_secret_power, openssl, secret_power

NUMBERS = st.integers(0, 2**1024)


@settings(max_examples=200)
@given(base=NUMBERS, exponent=st.integers(1, 2**512), modulus=st.integers(1, 2**1024))
def test_every_method_computes_the_same_power(base: int, exponent: int, modulus: int) -> None:
    odd = 2 * modulus + 1
    expected = pow(base, exponent, odd)
    operands = mpz(base % odd), mpz(exponent), mpz(odd)
    assert gmp_secret_power(*operands) == expected
    assert secret_power(*operands) == expected


def test_openssl_refuses_an_even_modulus() -> None:
    library = openssl()
    if library is None:
        pytest.skip("this machine has no libcrypto.so.3")
    with pytest.raises(ArithmeticError):
        library.power(mpz(3), mpz(5), mpz(10))
