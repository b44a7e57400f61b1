"""What the gateway's use-cases need of the world around them."""

from typing import Protocol

from consortium.sums.paillier import PublicKey
from consortium.sums.profiles import Profile


class ConsentUses(Protocol):
    """The count of queries under each consent record."""

    def use(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query once; gives the number of distinct queries under the record so far."""
        ...


class QueryKeys(Protocol):
    """The registry of requesters' Paillier keys."""

    def public_key(self, modulus: bytes, profile: Profile) -> PublicKey:
        """Give the checked key for a big-endian modulus; raises CreditError(PUBLIC_KEY_WEAK)."""
        ...
