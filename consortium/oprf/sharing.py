"""
One key held by n holders, any t of whom evaluate together: Shamir shares and their public keys.

Holder j (1 to n) has the value at j of a polynomial of degree t-1 whose value at 0 is the key; Lagrange
interpolation works on the values as well as on elements multiplied by them (Shamir 1979; Boldyreva 2003).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from consortium.errors import Code, CreditError
from consortium.oprf import group
from consortium.silent import Silent

MAX_HOLDERS = 255


@dataclass(frozen=True, slots=True)
class ShareKey:
    """What everybody knows of a share: the holder's index and the generator multiplied by the share."""

    holder: int
    public: bytes

    def __post_init__(self) -> None:
        _check_holder(self.holder)
        group.check_element(self.public)


@dataclass(frozen=True, slots=True, repr=False)
class KeyShare(Silent):
    """What only the holder knows: its index and its share of the key, a scalar other than zero."""

    holder: int
    secret: int
    key: ShareKey = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.secret < group.ORDER:
            raise CreditError(Code.MALFORMED, "a key share out of range")
        object.__setattr__(self, "key", ShareKey(self.holder, group.scale_base(self.secret)))


@dataclass(frozen=True, slots=True)
class ThresholdKey:
    """Threshold and the share keys of all holders, by index; exists only if they belong to one key."""

    threshold: int
    share_keys: tuple[ShareKey, ...]
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_share_keys(self.share_keys, self.threshold)
        object.__setattr__(self, "share_keys", tuple(sorted(self.share_keys, key=lambda key: key.holder)))
        object.__setattr__(self, "public", derive_public_key(self.share_keys[: self.threshold]))

    def share_key(self, holder: int) -> ShareKey:
        """Look up a holder's share key; CreditError(MALFORMED) for an index that nobody has."""
        for key in self.share_keys:
            if key.holder == holder:
                return key
        raise CreditError(Code.MALFORMED, f"no key holder has the index {holder}")


def lagrange(holders: Sequence[int], at: int = 0) -> list[int]:
    """
    Give the Lagrange coefficients that interpolate at the point `at` from the values at distinct `holders`.

    Raises CreditError(MALFORMED) for an index that occurs twice.
    """
    if len(set(holders)) != len(holders):
        raise CreditError(Code.MALFORMED, "a holder index occurs twice")
    numerators = [_product(at - other for other in holders if other != holder) for holder in holders]
    denominators = [_product(holder - other for other in holders if other != holder) for holder in holders]
    inverses = group.invert_all(denominators)
    return [n * inverse % group.ORDER for n, inverse in zip(numerators, inverses, strict=True)]


def interpolate(share_keys: Sequence[ShareKey], at: int) -> bytes:
    """Interpolate share keys in the exponent at a point that is none of their indexes; at least one key."""
    coefficients = lagrange([key.holder for key in share_keys], at)
    return group.linear_combination(coefficients, [key.public for key in share_keys])


def derive_public_key(share_keys: Sequence[ShareKey]) -> bytes:
    """Give the public key that `threshold` share keys determine: their polynomial's value at 0."""
    return interpolate(share_keys, 0)


def check_share_keys(share_keys: Sequence[ShareKey], threshold: int) -> None:
    """
    Refuse share keys unless all of them lie on one polynomial of degree exactly threshold - 1.

    Off the polynomial, two sets of holders would give one person two subject keys, a mark that whoever chose the
    share keys could follow; below the degree, fewer holders than the threshold would hold the key. Raises
    CreditError(SHARE_KEYS_INCONSISTENT) for that, for an index that occurs twice and for a threshold that is not
    1 to the number of holders.
    """
    if not 1 <= threshold <= len(share_keys) <= MAX_HOLDERS:
        raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "the threshold must be 1 to the number of holders")
    if len({key.holder for key in share_keys}) != len(share_keys):
        raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "a holder index occurs twice")
    basis, others = share_keys[:threshold], share_keys[threshold:]
    for key in others:
        if interpolate(basis, key.holder) != key.public:
            raise CreditError(Code.SHARE_KEYS_INCONSISTENT, f"the share key of holder {key.holder} is off")
    if threshold > 1 and interpolate(basis[:-1], basis[-1].holder) == basis[-1].public:
        raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "fewer holders than the threshold would suffice")
    if interpolate(basis, 0) == group.IDENTITY:
        raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "the key is zero")


def evaluate_polynomial(coefficients: Sequence[int], at: int) -> int:
    """Evaluate a polynomial over the scalars, constant term first (Horner's rule)."""
    return reduce(lambda value, coefficient: (value * at + coefficient) % group.ORDER, reversed(coefficients), 0)


def _product(factors: Iterable[int]) -> int:
    return reduce(lambda left, right: left * right % group.ORDER, factors, 1)


def _check_holder(holder: int) -> None:
    if not 1 <= holder <= MAX_HOLDERS:
        raise CreditError(Code.MALFORMED, f"a holder index must be 1 to {MAX_HOLDERS}")
