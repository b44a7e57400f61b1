"""
Sines in whole numbers, so that every machine gets the same bits and an inspection can repeat a table byte for byte.

Angles are microdegrees (10^-6 degree) or, inside, radians times 2^64; sines are multiples of 2^-30.
"""

from collections.abc import Sequence

MICRODEGREES = 1_000_000
HALF_TURN = 180 * MICRODEGREES
UNIT_BITS = 30
UNIT = 1 << UNIT_BITS
"""What stands for 1 in sines and unit vectors: steps of 6 mm on the earth."""
_SHIFT = 64
_ONE = 1 << _SHIFT
_PI = 57_952_155_664_616_982_739
"""Pi times 2^64, rounded down."""

SineAndCosine = tuple[int, int]


def sine(angle: int) -> int:
    """Give the sine of microdegrees, in units of 2^-30, rounded to the nearest."""
    return circle(angle)[0]


def cosine(angle: int) -> int:
    """Give the cosine of microdegrees, in units of 2^-30."""
    return circle(angle)[1]


def circle(angle: int) -> SineAndCosine:
    """Give sine and cosine of microdegrees, in units of 2^-30."""
    return _rounded(_circle(angle * _PI // HALF_TURN))


def circles(angles: Sequence[int]) -> list[SineAndCosine]:
    """Give sine and cosine of several microdegrees near each other, by small turns from the first one."""
    base_sine, base_cosine = _circle(angles[0] * _PI // HALF_TURN)
    found = []
    for angle in angles:
        turn_sine, turn_cosine = _circle((angle - angles[0]) * _PI // HALF_TURN)
        up = base_sine * turn_cosine + base_cosine * turn_sine >> _SHIFT
        along = base_cosine * turn_cosine - base_sine * turn_sine >> _SHIFT
        found.append(_rounded((up, along)))
    return found


def radians(numerator: int, denominator: int) -> int:
    """Give the angle of an arc over its radius as radians times 2^64, rounded down."""
    return (numerator << _SHIFT) // denominator


def sine_of_radians(angle: int) -> int:
    """Give the sine of radians times 2^64, in units of 2^-30."""
    return _rounded(_circle(angle))[0]


def _circle(angle: int) -> SineAndCosine:
    """Give sine and cosine of radians, all times 2^64: both series at once, after a reduction to half a turn."""
    angle = (angle + _PI) % (2 * _PI) - _PI
    sums, term, place = [_ONE, angle, 0, 0], angle, 1
    while term not in (0, -1):
        place += 1
        term = (term * angle >> _SHIFT) // place
        sums[place & 3] += term
    return sums[1] - sums[3], sums[0] - sums[2]


def _rounded(pair: SineAndCosine) -> SineAndCosine:
    half, drop = 1 << (_SHIFT - UNIT_BITS - 1), _SHIFT - UNIT_BITS
    return (pair[0] + half) >> drop, (pair[1] + half) >> drop
