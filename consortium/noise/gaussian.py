"""
The discrete Gaussian, sampled exactly: integers only, no float and no approximation anywhere.

Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 to 3. The randomness
is an argument; it must be fresh for every answer and gone once the answer is durable, never from the audit secret (R).
How long a draw takes depends on it, so it is not for anybody to time one draw.
"""

from math import isqrt

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.silent import Silent

BLOCK_BYTES = 256
MAX_VARIANCE = 2**80
"""Beyond, a sum of a few shares would not be sure to fit words of 64 bits."""


class Source(Silent):
    """Uniform integers from random bytes, which are fetched in blocks and used once."""

    __slots__ = ("_bits", "_left", "_rng")

    def __init__(self, rng: Randomness) -> None:
        self._rng = rng
        self._bits = self._left = 0

    def below(self, bound: int) -> int:
        """Give a uniform integer from 0 to `bound` - 1, by rejection; `bound` is at least 1."""
        width = (bound - 1).bit_length()
        while True:
            found = self._take(width)
            if found < bound:
                return found

    def _take(self, width: int) -> int:
        if width > self._left:
            self._bits = int.from_bytes(self._rng(max(BLOCK_BYTES, width // 8 + 1)), "big")
            self._left = 8 * max(BLOCK_BYTES, width // 8 + 1)
        self._left -= width
        found = self._bits >> self._left
        self._bits &= (1 << self._left) - 1
        return found


def discrete_gaussian(source: Source, numerator: int, denominator: int = 1) -> int:
    """
    Draw from the discrete Gaussian around 0 with the parameter sigma^2 = numerator / denominator (algorithm 3).

    Raises CreditError(MALFORMED) unless 0 < sigma^2 <= MAX_VARIANCE.
    """
    if not 0 < numerator <= MAX_VARIANCE * denominator:
        raise CreditError(Code.MALFORMED, "variance of the noise")
    scale = isqrt(numerator // denominator) + 1
    while True:
        drawn = discrete_laplace(source, scale)
        distance = abs(drawn) * denominator * scale - numerator
        if bernoulli_exp(source, distance * distance, 2 * numerator * denominator * scale * scale):
            return drawn


def discrete_laplace(source: Source, scale: int) -> int:
    """Draw from the discrete Laplace distribution: P(x) proportional to exp(-|x| / scale) (algorithm 2)."""
    while True:
        low = source.below(scale)
        if not bernoulli_exp(source, low, scale):
            continue
        high = 0
        while bernoulli_exp(source, 1, 1):
            high += 1
        value, negative = low + scale * high, source.below(2)
        if value or not negative:
            return -value if negative else value


def bernoulli_exp(source: Source, numerator: int, denominator: int) -> bool:
    """Give True with probability exp(-numerator / denominator) (algorithm 1)."""
    while numerator > denominator:
        if not _bernoulli_exp_unit(source, 1, 1):
            return False
        numerator -= denominator
    return _bernoulli_exp_unit(source, numerator, denominator)


def _bernoulli_exp_unit(source: Source, numerator: int, denominator: int) -> bool:
    """Decide the same for at most 1: by the parity of the first failure among Bernoulli(x / k), k = 1, 2, ..."""
    k = 1
    while source.below(denominator * k) < numerator:
        k += 1
    return k % 2 == 1
