"""
Many exact draws of the discrete Gaussian at once: the sampler of `gaussian`, on vectors, with lazy comparisons.

A trial that succeeds with probability exp(-g) compares a uniform number with it. The number's first 53 bits decide
unless they fall within a margin around the floating-point value of exp(-g) that is far wider than its error; then more
bits are drawn and the comparison is made in decimals of growing length. So no draw depends on rounding: the
distribution is exactly that of algorithm 3 of Canonne, Kamath and Steinke (2020), at the speed of numpy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from math import isqrt

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.noise.gaussian import MAX_VARIANCE

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Choices = npt.NDArray[np.bool_]

UNIT_BITS = 53
RELATIVE_MARGIN = 2.0**-38
"""Of the value; what is computed here is off by less than 2^-44 of it, as `_gamma` says."""
ABSOLUTE_MARGIN = 2.0**-51
FIRST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class _Exponent:
    """
    A vector of g: as floats, and exactly (of one place) where a comparison needs it.

    `margin` is relative to exp(-g) and at least as large as the floats' errors.
    """

    floats: Floats
    exact: Callable[[int], Fraction]


class VectorSource:
    """Uniform numbers in vectors, from random bytes that are used once; `margin` is widened by tests only."""

    __slots__ = ("_rng", "margin", "undecided")

    def __init__(self, rng: Randomness, margin: float = 0.0) -> None:
        self._rng = rng
        self.margin = margin
        self.undecided = 0

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Give uniform words of 64 bits."""
        return np.frombuffer(self._rng(8 * count), dtype=np.uint64)

    def below(self, bound: int, count: int) -> Integers:
        """Give uniform integers from 0 to `bound` - 1 (at most 2^62), by rejection."""
        shift = np.uint64(64 - max(1, (bound - 1).bit_length()))
        found = self.words(count) >> shift
        while (again := np.flatnonzero(found >= np.uint64(bound))).size:
            found[again] = self.words(again.size) >> shift
        return found.astype(np.int64)

    def signs(self, count: int) -> Choices:
        """Give fair choices."""
        return (self.words(count) >> np.uint64(63)).astype(np.bool_)

    def exp_trials(self, exponent: _Exponent) -> Choices:
        """Give True with probability exp(-g) at each place."""
        bits = self.words(exponent.floats.size) >> np.uint64(64 - UNIT_BITS)
        uniform, chance = bits.astype(np.float64) / 2.0**UNIT_BITS, np.exp(-exponent.floats)
        margin = chance * RELATIVE_MARGIN + ABSOLUTE_MARGIN + self.margin
        found = uniform < chance
        for place in np.flatnonzero(np.abs(uniform - chance) <= margin):
            self.undecided += 1
            found[place] = self._compare(int(bits[place]), exponent.exact(int(place)))
        return found

    def _compare(self, bits: int, exponent: Fraction) -> bool:
        """Say whether a number that begins with these 53 bits is below exp(-g): with as many bits as it takes."""
        known, digits = UNIT_BITS, FIRST_DIGITS
        while True:
            context = Context(prec=digits + 10)
            ratio = context.divide(Decimal(-exponent.numerator), Decimal(exponent.denominator))
            chance, error = context.exp(ratio), Decimal(10) ** (-digits + 2)
            low = context.divide(Decimal(bits), Decimal(2**known))
            high = context.divide(Decimal(bits + 1), Decimal(2**known))
            if high < chance - error:
                return True
            if low > chance + error:
                return False
            bits = bits << 64 | int.from_bytes(self._rng(8), "big")
            known, digits = known + 64, digits + 20


def discrete_gaussians(source: VectorSource, variance: Fraction, count: int) -> Integers:
    """
    Draw `count` independent integers from the discrete Gaussian around 0 with the parameter sigma^2 = `variance`.

    Raises CreditError(MALFORMED) unless 0 < variance <= MAX_VARIANCE.
    """
    if not 0 < variance <= MAX_VARIANCE:
        raise CreditError(Code.MALFORMED, "variance of the noise")
    drawn = np.zeros(count, dtype=np.int64)
    open_places = np.arange(count)
    while open_places.size:
        tried = _laplace(source, isqrt(variance.numerator // variance.denominator) + 1, open_places.size)
        kept = source.exp_trials(_gamma(tried, variance))
        drawn[open_places[kept]] = tried[kept]
        open_places = open_places[~kept]
    return drawn


def _gamma(tried: Integers, variance: Fraction) -> _Exponent:
    """
    Give (|y| - sigma^2 / t)^2 / (2 sigma^2), t being floor(sigma) + 1.

    With d the difference and s sigma, d is off by less than 2^-52 (|d| + s), so g by less than 2^-50 (g + sqrt(g)) and
    exp(-g) by less than 2^-44 of itself wherever it is above 2^-60 (there g < 42).
    """
    scale = isqrt(variance.numerator // variance.denominator) + 1
    distance = np.abs(tried).astype(np.float64) - float(variance / scale)

    def exact(place: int) -> Fraction:
        away = abs(int(tried[place])) - variance / scale
        return away * away / (2 * variance)

    return _Exponent(distance * distance / (2 * float(variance)), exact)


def _laplace(source: VectorSource, scale: int, count: int) -> Integers:
    """Draw from the discrete Laplace distribution, P(x) proportional to exp(-|x| / scale) (algorithm 2)."""
    drawn = np.zeros(count, dtype=np.int64)
    open_places = np.arange(count)
    while open_places.size:
        low = source.below(scale, open_places.size)
        kept = source.exp_trials(_over(low, scale))
        places, low = open_places[kept], low[kept]
        value, negative = low + scale * _geometric(source, places.size), source.signs(places.size)
        good = (value != 0) | ~negative
        drawn[places[good]] = np.where(negative, -value, value)[good]
        rejected = np.ones(open_places.size, dtype=np.bool_)
        rejected[np.flatnonzero(kept)[good]] = False
        open_places = open_places[rejected]
    return drawn


def _over(values: Integers, scale: int) -> _Exponent:
    return _Exponent(values / float(scale), lambda place: Fraction(int(values[place]), scale))


def _geometric(source: VectorSource, count: int) -> Integers:
    """Count successes of probability exp(-1) before the first failure."""
    found = np.zeros(count, dtype=np.int64)
    going = np.arange(count)
    while going.size:
        one = _Exponent(np.ones(going.size), lambda _: Fraction(1))
        going = going[source.exp_trials(one)]
        found[going] += 1
    return found
