"""
What a noised statistic costs: zero-concentrated differential privacy (zCDP), and what it means as (epsilon, delta).

Bun and Steinke (2016) for zCDP; Canonne, Kamath and Steinke (2020), corollary 13, for the conversion; Kairouz, Liu and
Steinke (2021), section 4, for noise that is a sum of shares. Every figure is rounded towards the worse.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import exp, inf, log, log1p, nextafter, pi

from consortium.errors import Code, CreditError

STEPS = 200
ORDERS = (1 + 1e-9, 1e9)
"""Between these the best order of the conversion is looked for."""


@dataclass(frozen=True, slots=True)
class Noise:
    """
    How a statistic is noised: `variance` is what the sum has with `contributors` - `colluders` honest shares.

    Every contributor adds a share of variance / (contributors - colluders). Raises CreditError(MALFORMED) where nobody
    honest is left or the variance is no positive number.
    """

    variance: Fraction
    contributors: int
    colluders: int

    def __post_init__(self) -> None:
        if self.honest < 1 or self.variance <= 0:
            raise CreditError(Code.MALFORMED, "noise without an honest share or without variance")

    @property
    def honest(self) -> int:
        """How many shares are counted on."""
        return self.contributors - self.colluders

    @property
    def share(self) -> Fraction:
        """The variance of one contributor's share."""
        return self.variance / self.honest

    def total_variance(self, answered: int) -> Fraction:
        """Give the variance of a sum with so many shares in it: what a reader has to reckon with."""
        return self.share * answered


def rho_of(sensitivity_square: int, variance: Fraction) -> Fraction:
    """Give the zCDP parameter of discrete Gaussian noise: (L2 sensitivity)^2 / (2 variance)."""
    if sensitivity_square < 0 or variance <= 0:
        raise CreditError(Code.MALFORMED, "sensitivity or variance")
    return Fraction(sensitivity_square) / (2 * variance)


def variance_for(sensitivity_square: int, rho: Fraction) -> Fraction:
    """Give the least variance that keeps a release within `rho`."""
    if rho <= 0:
        raise CreditError(Code.MALFORMED, "rho")
    return Fraction(sensitivity_square) / (2 * rho)


def sum_distance(noise: Noise) -> float:
    """
    Bound how far the sum of the honest shares is from one discrete Gaussian, as a max divergence.

    10 * sum over k from 1 to n - 1 of exp(-2 pi^2 share k / (k + 1)): below 10^-38 from shares of variance 9 on.
    """
    share = float(noise.share)
    return 10 * sum(exp(-2 * pi * pi * share * k / (k + 1)) for k in range(1, noise.honest))


def delta_of(rho: Fraction, epsilon: float) -> float:
    """Give the least delta found for which rho-zCDP is (epsilon, delta)-DP; an upper bound for any order tried."""
    if rho == 0:
        return 0.0
    low, high = (log(order - 1) for order in ORDERS)
    for _ in range(STEPS):  # the exponent is convex in the order
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if _log_delta(rho, epsilon, exp(left)) < _log_delta(rho, epsilon, exp(right)):
            high = right
        else:
            low = left
    return min(1.0, nextafter(exp(_log_delta(rho, epsilon, exp(low))), inf))


def epsilon_of(rho: Fraction, delta: float) -> float:
    """
    Give the least epsilon found for which rho-zCDP is (epsilon, delta)-DP.

    Raises CreditError(MALFORMED) unless 0 < delta < 1.
    """
    if not 0 < delta < 1:
        raise CreditError(Code.MALFORMED, "delta lies between 0 and 1")
    low, high = 0.0, 1.0
    while delta_of(rho, high) > delta:
        high *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        if delta_of(rho, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def _log_delta(rho: Fraction, epsilon: float, above_one: float) -> float:
    """Give log of exp((a - 1)(a rho - epsilon)) / a * (1 - 1/a)^(a - 1), a being 1 + `above_one`."""
    order = 1 + above_one
    try:
        shrink = above_one * log1p(-1 / order) if order > 1 else -inf
        return above_one * (order * float(rho) - epsilon) + shrink - log(order)
    except (OverflowError, ValueError):
        return inf
