"""The one way to hash, derive and expand: length-prefixed fields under a label, so that no two inputs collide."""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consortium.labels import Label

DIGEST_BYTES = 32
UNIFORM_SLACK_BITS = 128  # a stream this much longer than the modulus is uniform to within 2^-128

Randomness = Callable[[int], bytes]
"""`rng(k)` gives k fresh, independent, uniform bytes; `secrets.token_bytes` outside tests."""


def uint(value: int, width: int = 8) -> bytes:
    """Encode a non-negative integer big-endian in `width` bytes; OverflowError where it does not fit."""
    return value.to_bytes(width, "big")


_PREFIXES = {label: uint(len(label)) + label.value for label in Label}


def encode_fields(label: Label, *fields: bytes) -> bytes:
    """Encode label and fields injectively: the number of fields, then each with its 8-byte length."""
    parts = [_PREFIXES[label], len(fields).to_bytes(8, "big")]
    for field in fields:
        parts += (len(field).to_bytes(8, "big"), field)
    return b"".join(parts)


def transcript_hash(label: Label, *fields: bytes) -> bytes:
    """Hash the labelled fields to 32 bytes (SHA-256)."""
    return hashlib.sha256(encode_fields(label, *fields)).digest()


def keyed_hash(key: bytes, label: Label, *fields: bytes) -> bytes:
    """Authenticate the labelled fields to 32 bytes (HMAC-SHA-256, RFC 2104)."""
    return hmac.digest(key, encode_fields(label, *fields), "sha256")


def derive(key: bytes, label: Label, *context: bytes, length: int = 32) -> bytes:
    """Derive `length` bytes from a secret with HKDF-SHA-256 (RFC 5869); info is the labelled context."""
    return HKDF(hashes.SHA256(), length, salt=None, info=encode_fields(label, *context)).derive(key)


def expand(seed: bytes, label: Label, length: int) -> bytes:
    """Stretch a secret seed of at least 32 bytes to `length` pseudo-random bytes (SHAKE-256, FIPS 202)."""
    return hashlib.shake_256(encode_fields(label, seed)).digest(length)


def uniform_below(seed: bytes, label: Label, bound: int) -> int:
    """Map a seed to an integer in [0, bound), within 2^-128 of uniform (128 bits more than the bound, reduced)."""
    length = (bound.bit_length() + UNIFORM_SLACK_BITS + 7) // 8
    return int.from_bytes(expand(seed, label, length), "big") % bound
