"""The states of an identifier on its way to a tag, each a type of its own; none of them prints its content."""

from dataclasses import dataclass
from enum import IntEnum

from consortium.silent import Silent

__all__ = [
    "NORMALISATION_VERSION",
    "PLACES",
    "IdentifierKind",
    "NormalisedIdentifier",
    "RawIdentifier",
    "Secret",
    "Silent",
    "SubjectKey",
    "SubjectTag",
]


class IdentifierKind(IntEnum):
    """The kinds by strength; the value is also the place in a query (0, 1, 2)."""

    NATIONAL_ID = 0
    PHONE = 1
    EMAIL = 2


PLACES = len(IdentifierKind)
NORMALISATION_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class RawIdentifier(Silent):
    """An identifier as somebody typed it; `country` is ISO 3166-1 alpha-2 (of the ID, or the phone's default)."""

    kind: IdentifierKind
    text: str
    country: str = "CN"


@dataclass(frozen=True, slots=True, repr=False)
class NormalisedIdentifier(Silent):
    """An identifier in canonical form that has passed its checksum; equal people give equal bytes."""

    kind: IdentifierKind
    country: str
    value: str
    version: int = NORMALISATION_VERSION


@dataclass(frozen=True, slots=True, repr=False)
class SubjectKey(Silent):
    """The VOPRF output for one identifier, 64 bytes; never leaves a lender."""

    value: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SubjectTag(Silent):
    """HMAC(tag key, subject key), 32 bytes: what books and ledgers are keyed by; travels sealed only."""

    value: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Secret(Silent):
    """Any secret bytes: a key, a seed, a share."""

    value: bytes
