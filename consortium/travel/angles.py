"""
Sines in whole numbers, so that every machine gets the same bits and an inspection can repeat a table byte for byte.

Angles are microdegrees (10^-6 degree) or, inside, radians times 2^64; sines are multiples of 2^-30.
"""

MICRODEGREES = 1_000_000
HALF_TURN = 180 * MICRODEGREES
UNIT_BITS = 30
UNIT = 1 << UNIT_BITS
"""What stands for 1 in sines and unit vectors: steps of 6 mm on the earth."""
_SHIFT = 64
_PI = 57_952_155_664_616_982_739
"""Pi times 2^64, rounded down."""


def sine(angle: int) -> int:
    """Give the sine of microdegrees, in units of 2^-30, rounded to the nearest."""
    return sine_of_radians(angle * _PI // HALF_TURN)


def cosine(angle: int) -> int:
    """Give the cosine of microdegrees, in units of 2^-30."""
    return sine(angle + HALF_TURN // 2)


def radians(numerator: int, denominator: int) -> int:
    """Give the angle of an arc over its radius as radians times 2^64, rounded down."""
    return (numerator << _SHIFT) // denominator


def sine_of_radians(angle: int) -> int:
    """Give the sine of radians times 2^64, in units of 2^-30: Taylor's series after a reduction to half a turn."""
    angle = (angle + _PI) % (2 * _PI) - _PI
    square, term, total, place = angle * angle >> _SHIFT, angle, angle, 1
    while term not in (0, -1):
        term = -(term * square >> _SHIFT) // ((place + 1) * (place + 2))
        total, place = total + term, place + 2
    half = 1 << (_SHIFT - UNIT_BITS - 1)
    return (total + half) >> (_SHIFT - UNIT_BITS)
