"""Ed25519 (RFC 8032) signatures over labelled fields, and the port behind which a signing key lives."""

from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.hashing import encode_fields
from consortium.labels import Label
from consortium.model.identifiers import Silent
from consortium.oprf.group import is_ed25519_signature, is_edwards_point

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """A private identity key, wherever it is kept."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, label: Label, *fields: bytes) -> bytes:
        """Sign the labelled fields; gives 64 bytes."""
        ...


class Ed25519Signer(Silent):
    """A signer over a key in memory."""

    __slots__ = ("_key", "public")

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, label: Label, *fields: bytes) -> bytes:
        """Sign the labelled fields; gives 64 bytes."""
        return self._key.sign(encode_fields(label, *fields))


def verify_signature(public: bytes, signature: bytes, label: Label, *fields: bytes) -> None:
    """Raise CreditError(SIGNATURE_INVALID) unless the signature is that key's over these labelled fields."""
    if not is_ed25519_signature(public, signature, encode_fields(label, *fields)):
        raise CreditError(Code.SIGNATURE_INVALID, f"signature over {label.value.decode()}")


@lru_cache(maxsize=4096)
def check_identity_key(public: bytes) -> None:
    """Raise CreditError(PUBLIC_KEY_WEAK) unless an Ed25519 key is a canonical point of prime order."""
    if not is_edwards_point(public):
        raise CreditError(Code.PUBLIC_KEY_WEAK, "identity key")
