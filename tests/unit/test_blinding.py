"""Obfuscators: the derived base, and a table that gives what the slow way gives."""

import gmpy2
import pytest
from gmpy2 import mpz
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.hashing import expand, transcript_hash, uniform_below
from consortium.labels import Label
from consortium.sums import blinding
from consortium.sums.blinding import BlindingBase, FixedBaseTable
from consortium.sums.paillier import PublicKey, encrypt
from consortium.sums.profiles import INSECURE_TEST_1024, Profile
from consortium.sums.secret import SecretKey
from tests.support.keys import secret_key, table

SEEDS = st.binary(min_size=32, max_size=32)


def test_the_base_follows_from_the_modulus_as_written(test_key: SecretKey) -> None:
    n = int(test_key.public_key.n)
    x = uniform_below(transcript_hash(Label.PAILLIER_BASE, n.to_bytes(128, "big")), Label.PAILLIER_BASE, n)
    assert BlindingBase.derive(test_key.public_key).value == pow(-x * x % n, n, n * n)


def test_h_is_a_non_residue_of_jacobi_symbol_one(test_key: SecretKey) -> None:
    n = test_key.public_key.n
    x = uniform_below(transcript_hash(Label.PAILLIER_BASE, n.to_bytes(128, "big")), Label.PAILLIER_BASE, int(n))
    h = -(mpz(x) ** 2)
    assert [gmpy2.legendre(h, test_key.phe.p), gmpy2.legendre(h, test_key.phe.q)] == [-1, -1]
    assert gmpy2.jacobi(h, n) == 1


def test_a_base_that_shares_a_factor_with_its_modulus_is_refused(
    test_key: SecretKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blinding, "uniform_below", lambda *_: 3 * test_key.phe.p)
    with pytest.raises(CreditError) as refusal:
        BlindingBase.derive(test_key.public_key)
    assert refusal.value.code is Code.PUBLIC_KEY_WEAK


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_table_gives_the_power(test_key: SecretKey, seed: bytes) -> None:
    key = test_key.public_key
    base = BlindingBase.derive(key)
    exponent = int.from_bytes(expand(seed, Label.OBFUSCATOR, 32), "big")
    expected = pow(int(base.value), exponent, int(key.n_squared))
    assert table(key).obfuscator_from_seed(seed).take() == expected
    assert base.obfuscator_from_seed(seed).take() == expected


@pytest.mark.parametrize("exponent", [1, 15, 16, 2**255, 2**256 - 1, 0xF0F0 << 96])
def test_the_table_gives_the_power_at_the_edges(
    test_key: SecretKey, exponent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blinding, "expand", lambda *_: exponent.to_bytes(32, "big"))
    slow = BlindingBase.derive(test_key.public_key).obfuscator_from_seed(bytes(32)).take()
    assert table(test_key.public_key).obfuscator_from_seed(bytes(32)).take() == slow


@pytest.mark.parametrize("window", [1, 2, 8])
def test_every_window_gives_the_same(test_key: SecretKey, window: int) -> None:
    profile = Profile("TEST", 1024, 64, window)
    base = BlindingBase.derive(PublicKey(test_key.public_key.n, profile))
    seed = b"w" * 32
    built = FixedBaseTable.build(base)
    assert built.obfuscator_from_seed(seed).take() == base.obfuscator_from_seed(seed).take()
    assert built.size_bytes == 64 // window * 2**window * 256


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_an_obfuscator_hides_zero(test_key: SecretKey, seed: bytes) -> None:
    ciphertext = encrypt(test_key.public_key, 0, table(test_key.public_key).obfuscator_from_seed(seed))
    assert ciphertext.value != 1
    assert test_key.decrypt(ciphertext) == 0


def test_two_keys_give_two_obfuscators_for_one_seed(test_key: SecretKey) -> None:
    keys = (test_key.public_key, secret_key(name="second").public_key)
    first, second = (table(key).obfuscator_from_seed(b"t" * 32).take() for key in keys)
    assert first != second


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_seeds_of_another_length_are_refused(test_key: SecretKey, length: int) -> None:
    for source in (table(test_key.public_key), BlindingBase.derive(test_key.public_key)):
        with pytest.raises(CreditError) as refusal:
            source.obfuscator_from_seed(bytes(length))
        assert refusal.value.code is Code.MALFORMED


def test_the_insecure_profile_says_so() -> None:
    assert INSECURE_TEST_1024.name.startswith("INSECURE_TEST")
