"""Paillier keys for tests, made once for each process: small ones by default, one of full size where it matters."""

from collections.abc import Callable
from functools import cache

from consortium.hashing import Randomness
from consortium.sums.blinding import BlindingBase, FixedBaseTable
from consortium.sums.paillier import Ciphertext, PublicKey, encrypt
from consortium.sums.profiles import INSECURE_TEST_1024, Profile
from consortium.sums.secret import SecretKey
from tests.support.randomness import seeded


@cache
def secret_key(profile: Profile = INSECURE_TEST_1024, name: str = "first") -> SecretKey:
    """Make a key of that size; another for every name."""
    assert name
    return SecretKey.generate(profile)


@cache
def table(public_key: PublicKey) -> FixedBaseTable:
    return FixedBaseTable.build(BlindingBase.derive(public_key))


def encryptor(public_key: PublicKey, rng: Randomness | None = None) -> Callable[[int], Ciphertext]:
    """Encrypt with a fresh obfuscator each time."""
    draw = rng or seeded("obfuscators")
    return lambda number: encrypt(public_key, number, table(public_key).obfuscator_from_seed(draw(32)))
