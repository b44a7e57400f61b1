"""Sets of rows as bitmaps: a bit each, the first row in the lowest bit of the first byte, the last byte's rest zero."""

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError

Truths = npt.NDArray[np.bool_]


def bitmap(truths: Truths) -> bytes:
    """Write a truth value for each row."""
    return np.packbits(truths, bitorder="little").tobytes()


def truths(bits: bytes, rows: int) -> Truths:
    """Read a bitmap of exactly so many rows; raises CreditError(MALFORMED)."""
    if len(bits) != -(-rows // 8):
        raise CreditError(Code.MALFORMED, "length of a bitmap")
    found = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little").astype(bool)
    if found[rows:].any():
        raise CreditError(Code.MALFORMED, "bits beyond the rows")
    return found[:rows]
