"""The gateway's memory within one process."""

from consortium.sums.paillier import PublicKey, public_key_from_bytes
from consortium.sums.profiles import Profile


class MemoryConsentUses:
    """Consent uses that last as long as the process."""

    def __init__(self) -> None:
        self._queries: dict[bytes, set[bytes]] = {}

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query once."""
        queries = self._queries.setdefault(consent_digest, set())
        queries.add(query_digest)
        return len(queries)


class MemoryQueryKeys:
    """Requesters' keys, each checked against all the others."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PublicKey] = {}

    def public_key(self, modulus: bytes, profile: Profile) -> PublicKey:
        """Give the checked key; raises CreditError(PUBLIC_KEY_WEAK)."""
        known = self._keys.get(modulus)
        if known is None or known.profile != profile:
            others = (int(key.n) for key in self._keys.values())
            known = self._keys[modulus] = public_key_from_bytes(modulus, profile, others)
        return known
