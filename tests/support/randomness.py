"""Randomness for tests: reproducible streams, and the nonces that a published vector prescribes."""

import hashlib
from collections.abc import Iterable
from itertools import count

from consortium.hashing import Randomness


def seeded(seed: str) -> Randomness:
    """A reproducible stream of bytes, another for every seed."""
    counter = count()
    return lambda length: hashlib.shake_256(f"{seed}/{next(counter)}".encode()).digest(length)


def scripted(scalars: Iterable[bytes]) -> Randomness:
    """Randomness that makes `random_scalar` give these little-endian scalars, in order."""
    remaining = iter(scalars)
    return lambda length: next(remaining).ljust(length, b"\0")
