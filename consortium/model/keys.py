"""Certified keys: daily mask keys and query keys that a member's identity key vouches for."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash, uint
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.model.signing import verify_signature

SECONDS_PER_DAY = 86_400
_PROBE = X25519PrivateKey.from_private_bytes(b"\x40" * 32)


class KeyType(IntEnum):
    """What a certified key is for; the values are those of the wire."""

    MASK = 1
    QUERY = 2
    EPHEMERAL = 3


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """The statement about a key: whose, what for, its digest, and the Unix seconds [from, until) it holds."""

    member: MemberId
    type: KeyType
    key_digest: bytes
    valid_from: int
    valid_until: int


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A public key with the exact bytes of its certificate and the signature over them."""

    key: bytes
    certificate: KeyCertificate
    raw_certificate: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """The labelled digest of the key."""
        return key_digest(self.certificate.type, self.key)


def key_digest(key_type: KeyType, key: bytes) -> bytes:
    """Digest a public key under its type."""
    return transcript_hash(Label.KEY_DIGEST, uint(key_type), key)


def check_certified_key(
    certified: CertifiedKey, member: MemberId, key_type: KeyType, identity_key: bytes, at: int
) -> None:
    """Raise CERTIFICATE_INVALID or SIGNATURE_INVALID unless this is that member's key of this type at that time."""
    certificate = certified.certificate
    if certificate.member != member or certificate.type is not key_type:
        raise CreditError(Code.CERTIFICATE_INVALID, f"{key_type.name} key of {member}: wrong member or type")
    if certificate.key_digest != certified.digest:
        raise CreditError(Code.CERTIFICATE_INVALID, f"{key_type.name} key of {member}: another key")
    if not certificate.valid_from <= at < certificate.valid_until:
        raise CreditError(Code.CERTIFICATE_INVALID, f"{key_type.name} key of {member}: not valid at the time of issue")
    _verify_once(identity_key, certified.signature, certified.raw_certificate)


@lru_cache(maxsize=4096)
def _verify_once(identity_key: bytes, signature: bytes, raw: bytes) -> None:
    """Verify a certificate's signature; the same certificate comes with every query, and failures are not kept."""
    verify_signature(identity_key, signature, Label.KEY_CERTIFICATE, raw)


@lru_cache(maxsize=4096)
def check_mask_key(key: bytes) -> None:
    """Raise CreditError(PUBLIC_KEY_WEAK) for a mask key that nobody could agree on a secret with."""
    check_x25519_key(key)


def check_x25519_key(key: bytes) -> None:
    """Raise CreditError(PUBLIC_KEY_WEAK) for a key that nobody could agree on a secret with (RFC 7748, 6.1)."""
    try:
        _PROBE.exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError as error:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "mask key or ephemeral key") from error


def utc_day(seconds: int) -> int:
    """Give the UTC day (days since 1970) of a Unix time."""
    return seconds // SECONDS_PER_DAY
