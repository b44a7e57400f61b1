"""From a normalised identifier to what the OPRF is asked about, and from its output to the tag that travels."""

from dataclasses import dataclass
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import keyed_hash, uint
from consortium.labels import Label
from consortium.model.identifiers import NormalisedIdentifier, SubjectKey, SubjectTag
from consortium.oprf.suite import OUTPUT_BYTES
from consortium.silent import Silent

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class LendersSecrets(Silent):
    """
    What lenders share and gateway, custodians and regulator never have; each secret 32 bytes.

    Pre-hash secret and tag key belong to a generation and change with the OPRF key; the sealing key belongs to an
    epoch and changes at once when a member leaves.
    """

    generation: int
    pre_hash_secret: bytes
    tag_key: bytes
    epoch: int
    sealing_key: bytes

    def __post_init__(self) -> None:
        secrets = (self.pre_hash_secret, self.tag_key, self.sealing_key)
        if any(len(secret) != SECRET_BYTES for secret in secrets) or len(set(secrets)) != len(secrets):
            raise CreditError(Code.SETTINGS_INVALID, "the lenders' secrets must be three different ones of 32 bytes")


class TokenSecrets(Protocol):
    """The part of the lenders' secrets that tags are made with."""

    @property
    def pre_hash_secret(self) -> bytes:
        """What identifiers are hashed under."""
        ...

    @property
    def tag_key(self) -> bytes:
        """What tags are made under."""
        ...


def pre_hash(secrets: TokenSecrets, identifier: NormalisedIdentifier) -> bytes:
    """
    Hash an identifier under the pre-hash secret to the 32-byte OPRF input; version, kind and country are part of it.

    Without it, whoever gets the shares of t holders could try out every identifier there is.
    """
    return keyed_hash(
        secrets.pre_hash_secret,
        Label.PRE_HASH,
        uint(identifier.version),
        uint(identifier.kind),
        identifier.country.encode(),
        identifier.value.encode(),
    )


def subject_tag(secrets: TokenSecrets, key: SubjectKey) -> SubjectTag:
    """Derive the tag by which books, ledgers and the regulator know the subject."""
    if len(key.value) != OUTPUT_BYTES:
        raise CreditError(Code.MALFORMED, "a subject key of the wrong length")
    return SubjectTag(keyed_hash(secrets.tag_key, Label.SUBJECT_TAG, key.value))
