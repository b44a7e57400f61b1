"""
The group ristretto255 (RFC 9496) on 32-byte encodings, by libsodium; the one module that imports `rbcl`.

Elements are `bytes` of length 32, scalars are `int` modulo the prime order. libsodium multiplies in constant time;
arithmetic on scalars is Python's and is not, which the threat model states. Calls release the interpreter lock.
"""

import hashlib
from collections.abc import Iterable, Sequence
from ctypes import CDLL, c_char, c_ulonglong
from pathlib import Path

from rbcl import _sodium
from rbcl._sodium import lib_path

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness

ORDER = 2**252 + 27742317777372353535851937790883648493
ELEMENT_BYTES = 32
SCALAR_BYTES = 32
ED25519_KEY_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
UNIFORM_BYTES = 64  # what a scalar or an element is made from: 260 bits more than the order
IDENTITY = bytes(ELEMENT_BYTES)

_SODIUM: CDLL = _sodium
_ElementBuffer = c_char * ELEMENT_BYTES
_SHA512_BLOCK = hashlib.sha512(bytes(128))  # the state after RFC 9380's Z_pad, the same for every message


def _remove_library_file(path: Path, mappings: Path = Path("/proc/self/maps")) -> None:
    """
    Unlink the copy of libsodium that `rbcl` wrote for this process and never removes.

    Linux keeps a mapped file alive without its name. The file goes only while this process has it mapped under
    that very name (an unlinked one is listed as "(deleted)"), so it cannot be a file of another process; where
    there is no such list the file stays.
    """
    if not mappings.exists():
        return
    name = str(path.resolve())
    if any(line.endswith(f" {name}") for line in mappings.read_text(errors="replace").splitlines()):
        path.unlink(missing_ok=True)


_remove_library_file(Path(lib_path))


def check_element(element: bytes) -> None:
    """Raise CreditError(MALFORMED) unless `element` is the canonical encoding of an element other than the identity."""
    if not _fits(element) or element == IDENTITY or _SODIUM.crypto_core_ristretto255_is_valid_point(element) != 1:
        raise CreditError(Code.MALFORMED, "not a group element, or the identity")


def is_edwards_point(encoded: bytes) -> bool:
    """Say whether 32 bytes are a canonical point of edwards25519 in the subgroup of prime order, an Ed25519 key."""
    return bool(len(encoded) == ELEMENT_BYTES and _SODIUM.crypto_core_ed25519_is_valid_point(encoded) == 1)


def is_ed25519_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    """
    Say whether 64 bytes are an Ed25519 signature (RFC 8032) by a key of 32 bytes over a message.

    libsodium refuses keys and commitments of small order and scalars that are not reduced, and takes half as long as
    OpenSSL; signatures of both are alike.
    """
    if len(public) != ED25519_KEY_BYTES or len(signature) != ED25519_SIGNATURE_BYTES:
        return False
    length = c_ulonglong(len(message))
    return bool(_SODIUM.crypto_sign_ed25519_verify_detached(signature, message, length, public) == 0)


def scale(scalar: int, element: bytes) -> bytes:
    """Multiply an element by a scalar; CreditError(MALFORMED) for a bad encoding or where the identity results."""
    result = _ElementBuffer()
    encoded = encode_scalar(scalar)
    if not _fits(element) or _SODIUM.crypto_scalarmult_ristretto255(result, encoded, element) != 0:
        raise CreditError(Code.MALFORMED, "a multiplication by zero, of a bad encoding or of the identity")
    return result.raw


def scale_base(scalar: int) -> bytes:
    """Multiply the generator by a scalar; CreditError(MALFORMED) for a multiple of the order."""
    result = _ElementBuffer()
    if _SODIUM.crypto_scalarmult_ristretto255_base(result, encode_scalar(scalar)) != 0:
        raise CreditError(Code.MALFORMED, "the generator multiplied by zero")
    return result.raw


def add(left: bytes, right: bytes) -> bytes:
    """Add two elements; the identity is allowed in and out. CreditError(MALFORMED) for a bad encoding."""
    result = _ElementBuffer()
    fit = _fits(left) and _fits(right)
    if not fit or _SODIUM.crypto_core_ristretto255_add(result, left, right) != 0:
        raise CreditError(Code.MALFORMED, "an addition of a bad encoding")
    return result.raw


def linear_combination(scalars: Iterable[int], elements: Iterable[bytes]) -> bytes:
    """Sum the products scalar * element of two sequences of one length; at least one product, no factor zero."""
    products = (scale(scalar, element) for scalar, element in zip(scalars, elements, strict=True))
    total = next(products)
    for product in products:
        total = add(total, product)
    return total


def encode_scalar(scalar: int) -> bytes:
    """Encode a scalar, reduced modulo the order, in 32 little-endian bytes."""
    return (scalar % ORDER).to_bytes(SCALAR_BYTES, "little")


def decode_scalar(data: bytes) -> int:
    """Decode 32 little-endian bytes; CreditError(MALFORMED) unless they are below the order."""
    scalar = int.from_bytes(data, "little")
    if len(data) != SCALAR_BYTES or scalar >= ORDER:
        raise CreditError(Code.MALFORMED, "not a canonical scalar")
    return scalar


def random_scalar(rng: Randomness) -> int:
    """Draw a uniform scalar other than zero from 64 bytes of `rng` (RFC 9497, section 4.7.2)."""
    while True:
        scalar = int.from_bytes(rng(UNIFORM_BYTES), "little") % ORDER
        if scalar:
            return scalar


def invert_all(scalars: Sequence[int]) -> list[int]:
    """Invert non-zero scalars with one inversion and three multiplications each (Montgomery's trick)."""
    prefixes = [1]
    for scalar in scalars:
        prefixes.append(prefixes[-1] * scalar % ORDER)
    suffix = pow(prefixes[-1], -1, ORDER)
    inverses = []
    for scalar, prefix in zip(reversed(scalars), reversed(prefixes[:-1]), strict=True):
        inverses.append(suffix * prefix % ORDER)
        suffix = suffix * scalar % ORDER
    return inverses[::-1]


def hash_to_scalar(message: bytes, dst: bytes) -> int:
    """Hash to a scalar: expand_message_xmd with SHA-512, little-endian, reduced (RFC 9497, section 4.1)."""
    return int.from_bytes(_expand_message(message, dst), "little") % ORDER


def hash_to_group(message: bytes, dst: bytes) -> bytes:
    """Hash to an element (RFC 9380, appendix B); CreditError(MALFORMED) in the unreachable case of the identity."""
    result = _ElementBuffer()
    _SODIUM.crypto_core_ristretto255_from_hash(result, _expand_message(message, dst))
    if result.raw == IDENTITY:
        raise CreditError(Code.MALFORMED, "an input that hashes to the identity")
    return result.raw


def _fits(element: bytes) -> bool:
    """Check the length, which libsodium cannot see, and the top bit, which 1.0.18 ignores (RFC 9496, 4.3.1)."""
    return len(element) == ELEMENT_BYTES and element[-1] < 0x80


def _expand_message(message: bytes, dst: bytes) -> bytes:
    """expand_message_xmd (RFC 9380, section 5.3.1) with SHA-512 to 64 bytes: one block of output."""
    suffix = dst + bytes([len(dst)])
    first = _SHA512_BLOCK.copy()
    first.update(message + UNIFORM_BYTES.to_bytes(2, "big") + b"\0" + suffix)
    return hashlib.sha512(first.digest() + b"\1" + suffix).digest()
