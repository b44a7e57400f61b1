"""The encryption side of requesters' keys: each checked once against all others known, obfuscators from the pool."""

from collections import OrderedDict

from consortium.sums.paillier import Obfuscator, PublicKey, public_key_from_bytes
from consortium.sums.profiles import Profile
from participants.keys.obfuscators import ObfuscatorPool

DEFAULT_KEYS = 1024


class PooledEncryptor:
    """
    Requesters' keys with a pool of obfuscators; remembers at most `capacity` keys, the oldest go first.

    A key that shares a factor with a remembered one is refused, whichever came first.
    """

    def __init__(self, pool: ObfuscatorPool, capacity: int = DEFAULT_KEYS) -> None:
        self._pool = pool
        self._capacity = capacity
        self._keys: OrderedDict[bytes, PublicKey] = OrderedDict()

    def public_key(self, modulus: bytes, profile: Profile) -> PublicKey:
        """Give the checked key for a big-endian modulus; raises CreditError(PUBLIC_KEY_WEAK)."""
        known = self._keys.get(modulus)
        if known is not None and known.profile == profile:
            return known
        key = public_key_from_bytes(modulus, profile, (int(other.n) for other in self._keys.values()))
        self._keys[modulus] = key
        if len(self._keys) > self._capacity:
            self._keys.popitem(last=False)
        return key

    def obfuscator(self, key: PublicKey) -> Obfuscator:
        """Give an obfuscator that was never used."""
        return self._pool.take(key)
