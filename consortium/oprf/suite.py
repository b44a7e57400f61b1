"""The suite ristretto255-SHA512 of RFC 9497 in its modes OPRF and VOPRF: context strings, limits, key derivation."""

from collections.abc import Sized
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.oprf import group
from consortium.silent import Silent

OUTPUT_BYTES = 64
MAX_BATCH = 4096  # RFC 9497 counts a batch in two bytes; this keeps one evaluation below half a second
MAX_INPUT_BYTES = 2**16 - 1
_IDENTIFIER = b"ristretto255-SHA512"
_KEY_ATTEMPTS = 256


@dataclass(frozen=True, slots=True)
class Suite:
    """One mode with its domain-separation tags (RFC 9497, sections 3.1 and 4.1)."""

    context: bytes
    group_dst: bytes
    scalar_dst: bytes
    derive_dst: bytes
    seed_dst: bytes


def _suite(mode: int) -> Suite:
    context = b"OPRFV1-" + bytes([mode]) + b"-" + _IDENTIFIER
    return Suite(
        context=context,
        group_dst=b"HashToGroup-" + context,
        scalar_dst=b"HashToScalar-" + context,
        derive_dst=b"DeriveKeyPair" + context,
        seed_dst=b"Seed-" + context,
    )


OPRF = _suite(0)
VOPRF = _suite(1)


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair(Silent):
    """A secret scalar and its public element."""

    secret: int
    public: bytes


def derive_key_pair(suite: Suite, seed: bytes, info: bytes) -> KeyPair:
    """Derive a key pair from a 32-byte seed and public info of at most 65535 bytes (RFC 9497, section 3.2.1)."""
    derive_input = seed + prefixed(info)
    for counter in range(_KEY_ATTEMPTS):
        secret = group.hash_to_scalar(derive_input + bytes([counter]), suite.derive_dst)
        if secret:
            return KeyPair(secret, group.scale_base(secret))
    raise CreditError(Code.INTERNAL, "no key after 256 attempts")


def prefixed(data: bytes) -> bytes:
    """Put the two-byte length before the data, as every transcript of the RFC does."""
    return len(data).to_bytes(2, "big") + data


def check_batch(*columns: Sized) -> None:
    """Raise CreditError(MALFORMED) unless all columns have one length between 1 and MAX_BATCH."""
    lengths = {len(column) for column in columns}
    if len(lengths) != 1 or not 1 <= lengths.pop() <= MAX_BATCH:
        raise CreditError(Code.MALFORMED, f"a batch must have 1 to {MAX_BATCH} elements, as many answers as questions")
