"""Keys and ciphertexts at the border: what is refused, and the single use of obfuscators."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import gmpy2
import pytest
from gmpy2 import mpz

from consortium.errors import Code, CreditError
from consortium.sums.paillier import (
    Ciphertext,
    Obfuscator,
    PublicKey,
    add,
    check_public_key,
    encrypt,
    product,
    public_key_from_bytes,
)
from consortium.sums.profiles import INSECURE_TEST_1024, PAILLIER_3072
from consortium.sums.secret import SecretKey
from tests.support.keys import encryptor, secret_key, table

PROFILE = INSECURE_TEST_1024
BITS = PROFILE.modulus_bits


def prime_of(bits: int, start: int = 0) -> mpz:
    """A prime of exactly that many bits, in the upper eighth so that products of up to four have full length."""
    return gmpy2.next_prime((mpz(7) << (bits - 3)) + start)


def cofactor(factor: mpz) -> mpz:
    """A prime that fills a factor up to a modulus of exactly the profile's size."""
    return gmpy2.next_prime((mpz(7) << (BITS - 3)) // factor)


P, Q = prime_of(512), prime_of(512, 10**6)
SMALL = gmpy2.prev_prime(2**16)
MIDDLE = gmpy2.next_prime(2**16)

CROOKED = {
    "zero": mpz(0),
    "one bit short": (mpz(1) << (BITS - 1)) - 1,
    "one bit long": (mpz(1) << BITS) + 1,
    "negative": -P * Q,
    "even": P * Q + 1,
    "prime": prime_of(BITS),
    "square": P * P,
    "fourth power": prime_of(256) ** 4,
    "small factor": SMALL * cofactor(SMALL),
    "smallest odd factor": 3 * cofactor(mpz(3)),
}


@pytest.mark.parametrize("name", CROOKED)
def test_crooked_moduli_are_refused(name: str) -> None:
    with pytest.raises(CreditError) as refusal:
        check_public_key(CROOKED[name], PROFILE)
    assert refusal.value.code is Code.PUBLIC_KEY_WEAK


def test_crooked_moduli_have_the_right_size_where_size_is_not_their_fault() -> None:
    assert {name for name, n in CROOKED.items() if n.bit_length() == BITS} == {
        "negative", "even", "prime", "square", "fourth power", "small factor", "smallest odd factor",
    }  # fmt: skip


def test_a_cube_is_refused() -> None:
    size = PROFILE.modulus_bits
    root = gmpy2.next_prime(gmpy2.iroot(mpz(7) << (size - 3), 3)[0])
    assert (root**3).bit_length() == size
    with pytest.raises(CreditError, match="perfect power"):
        check_public_key(root**3, PROFILE)


def test_a_sound_modulus_is_accepted_beside_itself_and_others() -> None:
    other = secret_key(name="second").public_key.n
    assert check_public_key(P * Q, PROFILE, known=[P * Q, other]) == PublicKey(P * Q, PROFILE)


def test_a_factor_just_above_the_bound_is_not_looked_for() -> None:
    n = MIDDLE * cofactor(MIDDLE)
    assert check_public_key(n, PROFILE).n == n


def test_a_shared_factor_is_refused() -> None:
    sibling = P * prime_of(512, 10**9)
    assert check_public_key(sibling, PROFILE).n == sibling
    with pytest.raises(CreditError, match="shares a factor"):
        check_public_key(sibling, PROFILE, known=[secret_key().public_key.n, P * Q])


def test_a_key_of_the_test_size_is_refused_under_the_real_profile(test_key: SecretKey) -> None:
    with pytest.raises(CreditError, match="3072 bits"):
        check_public_key(int(test_key.public_key.n), PAILLIER_3072)


def test_encoded_moduli_have_one_length(test_key: SecretKey) -> None:
    data = test_key.public_key.to_bytes()
    assert len(data) == 128
    assert public_key_from_bytes(data, PROFILE) == test_key.public_key
    for other in (data[1:], b"\0" + data, b""):
        with pytest.raises(CreditError) as refusal:
            public_key_from_bytes(other, PROFILE)
        assert refusal.value.code is Code.PUBLIC_KEY_WEAK


def test_ciphertexts_out_of_range_or_with_a_factor_of_the_modulus_are_refused(test_key: SecretKey) -> None:
    key, size = test_key.public_key, PROFILE.ciphertext_bytes
    prime = mpz(test_key.phe.p)
    top = (1 << 8 * size) - 1
    for value in (0, key.n, 2 * key.n, key.n * (key.n - 1), prime, key.n_squared - prime, key.n_squared, top):
        with pytest.raises(CreditError) as refusal:
            Ciphertext.from_bytes(key, int(value).to_bytes(size, "big"))
        assert refusal.value.code is Code.CIPHERTEXT_INVALID, value


def test_the_smallest_and_the_largest_ciphertext_are_read(test_key: SecretKey) -> None:
    key, size = test_key.public_key, PROFILE.ciphertext_bytes
    for value in (1, key.n_squared - 1):
        data = int(value).to_bytes(size, "big")
        assert Ciphertext.from_bytes(key, data).to_bytes() == data


def test_ciphertexts_of_another_length_are_refused(test_key: SecretKey) -> None:
    data = encryptor(test_key.public_key)(7).to_bytes()
    for other in (b"", data[1:], data[:-1], b"\0" + data, data + b"\0"):
        with pytest.raises(CreditError, match="length"):
            Ciphertext.from_bytes(test_key.public_key, other)


def test_plaintexts_out_of_range_are_refused_and_leave_the_obfuscator_unused(test_key: SecretKey) -> None:
    key = test_key.public_key
    obfuscator = table(key).obfuscator_from_seed(b"o" * 32)
    for plaintext in (-1, int(key.n)):
        with pytest.raises(CreditError) as refusal:
            encrypt(key, plaintext, obfuscator)
        assert refusal.value.code is Code.ATTRIBUTES_DO_NOT_FIT
    assert test_key.decrypt(encrypt(key, int(key.n) - 1, obfuscator)) == key.n - 1


def test_an_obfuscator_serves_once_and_keeps_its_seed(test_key: SecretKey) -> None:
    key = test_key.public_key
    obfuscator = table(key).obfuscator_from_seed(b"s" * 32)
    encrypt(key, 1, obfuscator)
    with pytest.raises(CreditError) as refusal:
        encrypt(key, 1, obfuscator)
    assert refusal.value.code is Code.OBFUSCATOR_REUSED
    assert obfuscator.seed == b"s" * 32


def test_only_one_of_many_threads_gets_the_obfuscator(test_key: SecretKey) -> None:
    def attempt(obfuscator: Obfuscator) -> bool:
        try:
            obfuscator.take()
        except CreditError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for number in range(50):
            obfuscator = table(test_key.public_key).obfuscator_from_seed(number.to_bytes(32, "big"))
            assert sum(threads.map(attempt, [obfuscator] * 8)) == 1


def test_an_obfuscator_is_not_copied(test_key: SecretKey) -> None:
    obfuscator = table(test_key.public_key).obfuscator_from_seed(b"c" * 32)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither copied nor stored"):
            duplicate(obfuscator)


def test_keys_do_not_mix(test_key: SecretKey) -> None:
    key, other = test_key.public_key, secret_key(name="second").public_key
    with pytest.raises(CreditError, match="another key"):
        encrypt(key, 1, table(other).obfuscator_from_seed(b"k" * 32))
    with pytest.raises(CreditError, match="different keys"):
        add(encryptor(key)(1), encryptor(other)(1))
    with pytest.raises(CreditError, match="another key"):
        test_key.decrypt(encryptor(other)(1))


def test_a_product_of_nothing_is_refused() -> None:
    with pytest.raises(CreditError, match="no ciphertext"):
        product(iter(()))


def test_nothing_prints(test_key: SecretKey) -> None:
    key = test_key.public_key
    obfuscator = table(key).obfuscator_from_seed(b"\xab" * 32)
    ciphertext = encryptor(key)(5)
    for silent in (key, test_key, obfuscator, ciphertext, table(key)):
        for text in (repr(silent), str(silent), f"{silent}", f"{silent:>200}", repr([silent])):
            assert text.strip("[]") == f"<{type(silent).__name__}>"
