"""A trusted dealer of key shares, for tests of what follows; the consortium itself has none."""

from consortium.hashing import Randomness
from consortium.oprf import group
from consortium.oprf.sharing import KeyShare, ThresholdKey, evaluate_polynomial


def deal(secret: int, threshold: int, holders: int, rng: Randomness) -> tuple[list[KeyShare], ThresholdKey]:
    """
    Share a scalar among `holders` (1 to 255), any `threshold` of whom can evaluate under it (Shamir 1979).

    Gives the shares of holders 1 to n and the public description of the key. The dealer sees the key: whoever
    runs this could evaluate alone. Raises CreditError(SHARE_KEYS_INCONSISTENT) for a threshold out of range.
    """
    coefficients = [secret, *(group.random_scalar(rng) for _ in range(threshold - 1))]
    shares = [KeyShare(holder, evaluate_polynomial(coefficients, holder)) for holder in range(1, holders + 1)]
    return shares, ThresholdKey(threshold, tuple(share.key for share in shares))


def deal_new(threshold: int, holders: int, rng: Randomness) -> tuple[list[KeyShare], ThresholdKey]:
    """Draw a key and share it; as `deal`."""
    return deal(group.random_scalar(rng), threshold, holders, rng)
