"""Secret keys: how they are made, kept and refused."""

from concurrent.futures import ThreadPoolExecutor

import gmpy2
import pytest
from gmpy2 import mpz

from consortium.errors import Code, CreditError
from consortium.sums.paillier import Ciphertext
from consortium.sums.profiles import INSECURE_TEST_1024, PAILLIER_3072, Profile
from consortium.sums.secret import SMOOTHNESS_BOUND, SecretKey
from tests.support.keys import encryptor, secret_key

PROFILE = INSECURE_TEST_1024


def safe_prime_like(bits: int, residue: int, start: int = 0) -> mpz:
    """The next prime = residue mod 4 with (p-1)/2 free of small factors (but for twos)."""
    prime, primorial = (mpz(3) << (bits - 2)) + start, gmpy2.primorial(SMOOTHNESS_BOUND) // 2
    while True:
        prime = gmpy2.next_prime(prime)
        if prime % 4 == residue and gmpy2.gcd(prime >> 1, primorial) == 1:
            return prime


def refused(p: mpz, q: mpz, profile: Profile = PROFILE) -> bool:
    with pytest.raises(CreditError) as refusal:
        SecretKey.from_primes(int(p), int(q), profile)
    return refusal.value.code is Code.PUBLIC_KEY_WEAK


def test_primes_have_the_promised_form(test_key: SecretKey) -> None:
    p, q = mpz(test_key.phe.p), mpz(test_key.phe.q)
    assert p * q == test_key.public_key.n == test_key.phe.public_key.n
    assert test_key.public_key.n.bit_length() == 1024
    for prime in (p, q):
        assert gmpy2.is_prime(prime)
        assert prime % 4 == 3
        assert all(prime // 2 % factor for factor in range(2, SMOOTHNESS_BOUND))
    assert gmpy2.gcd(p - 1, q - 1) == 2


def test_keys_differ() -> None:
    assert secret_key().public_key.n != secret_key(name="second").public_key.n


def test_a_stored_key_decrypts_as_before(test_key: SecretKey) -> None:
    stored = test_key.to_bytes()
    again = SecretKey.from_bytes(stored, PROFILE)
    assert len(stored) == 128
    assert again.to_bytes() == stored
    assert again.public_key == test_key.public_key
    assert again.decrypt(encryptor(test_key.public_key)(987654321)) == 987654321


def test_a_damaged_key_is_refused(test_key: SecretKey) -> None:
    stored = bytearray(test_key.to_bytes())
    stored[40] ^= 4
    for data in (bytes(stored), test_key.to_bytes()[1:], test_key.to_bytes() + b"\0", b"", bytes(128)):
        with pytest.raises(CreditError) as refusal:
            SecretKey.from_bytes(data, PROFILE)
        assert refusal.value.code is Code.PUBLIC_KEY_WEAK
    with pytest.raises(CreditError):
        SecretKey.from_bytes(test_key.to_bytes(), PAILLIER_3072)


def test_primes_of_another_form_are_refused(test_key: SecretKey) -> None:
    p, q = mpz(test_key.phe.p), mpz(test_key.phe.q)
    smooth = gmpy2.next_prime(p)
    while gmpy2.gcd(smooth >> 1, gmpy2.primorial(SMOOTHNESS_BOUND)) == 1 or smooth % 4 == 1:
        smooth = gmpy2.next_prime(smooth)
    assert refused(p, p)  # equal
    assert refused(p, smooth)  # a small subgroup
    assert refused(p, safe_prime_like(512, 1))  # 1 mod 4
    assert refused(p, safe_prime_like(514, 3))  # not half the size
    assert refused(safe_prime_like(511, 3), safe_prime_like(513, 3))  # nor these, though n has the size
    assert refused(p, q + 4 * gmpy2.primorial(SMOOTHNESS_BOUND))  # composite, or else too lucky
    near = safe_prime_like(512, 3)
    assert refused(near, safe_prime_like(512, 3, int(near - (mpz(3) << 510)) + 1))  # too close together


def test_far_primes_of_that_form_are_accepted() -> None:
    p, q = safe_prime_like(512, 3), safe_prime_like(512, 3, 1 << 500)
    assert SecretKey.from_primes(int(p), int(q), PROFILE).public_key.n == p * q


def test_primes_with_a_common_factor_in_p_minus_one_are_refused() -> None:
    shared = gmpy2.next_prime(2**100)

    def prime_over(start: int) -> mpz:
        multiple = ((mpz(3) << 510) + start) // (2 * shared) | 1
        primorial = gmpy2.primorial(SMOOTHNESS_BOUND)
        while not gmpy2.is_prime(2 * shared * multiple + 1) or gmpy2.gcd(multiple, primorial) != 1:
            multiple += 2
        return 2 * shared * multiple + 1

    p, q = prime_over(0), prime_over(1 << 500)
    assert [p % 4, q % 4, p.bit_length(), q.bit_length()] == [3, 3, 512, 512]
    assert refused(p, q)


def test_two_threads_give_what_one_gives(test_key: SecretKey) -> None:
    with ThreadPoolExecutor(1) as executor:
        for number in (0, 1, 2**1000, int(test_key.public_key.n) - 1):
            ciphertext = encryptor(test_key.public_key)(number)
            assert test_key.decrypt(ciphertext, executor) == test_key.decrypt(ciphertext) == number


def test_every_valid_ciphertext_decrypts_as_phe_decrypts_it(test_key: SecretKey) -> None:
    key = test_key.public_key
    for value in (1, 2, key.n + 1, key.n_squared - 1, key.n_squared - 2):
        ciphertext = Ciphertext.from_bytes(key, int(value).to_bytes(256, "big"))
        assert test_key.decrypt(ciphertext) == test_key.phe.raw_decrypt(int(value))
