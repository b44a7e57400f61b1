"""What others need for a counter: one number of one lender, encrypted, added over the lenders, and opened."""

import secrets
import time

import numpy as np
import paillier as pypaillier  # type: ignore[import-untyped]  # pypaillier ships no types

NUMBERS = 64
SLOTS = 8192
PLAIN_MODULUS = 1_032_193
"""The largest prime of 20 bits with which 8,192 numbers fit into one ciphertext."""


def pypaillier_seconds() -> float:
    """Give the seconds of wall clock for one number of one lender, encrypted in a batch on all cores."""
    modulus = _modulus()
    key = pypaillier.PublicKey.from_n(modulus)
    numbers = [secrets.randbelow(1 << 40) for _ in range(NUMBERS)]
    pypaillier.encrypt_integers(key, numbers[:4])
    start = time.perf_counter()
    pypaillier.encrypt_integers(key, numbers)
    return (time.perf_counter() - start) / NUMBERS


def _modulus() -> bytes:
    """Give a modulus of 3072 bits; whoever only encrypts needs no secret of it."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    return rsa.generate_private_key(65537, 3072).public_key().public_numbers().n.to_bytes(384, "big")


def bfv_seconds(lenders: int) -> float | None:
    """Give the seconds for one number of one lender in BFV; None where TenSEAL is not installed."""
    try:
        import tenseal  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
    except ImportError:
        return None
    context = tenseal.context(tenseal.SCHEME_TYPE.BFV, poly_modulus_degree=SLOTS, plain_modulus=PLAIN_MODULUS)
    numbers = np.random.default_rng(3).integers(0, 1000, (lenders, SLOTS)).tolist()
    start = time.perf_counter()
    first, *others = [tenseal.bfv_vector(context, one) for one in numbers]
    for other in others:
        first += other
    opened = first.decrypt()
    seconds = time.perf_counter() - start
    assert opened == np.sum(numbers, axis=0).tolist()
    return seconds / (SLOTS * lenders)
