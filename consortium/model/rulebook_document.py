"""The form of the rulebook document: pydantic models for reading it; what is signed is its canonical JSON."""

import json
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.model.catalogue import Attribute, Family, Purpose, Tier, attribute_from_value, attribute_to_value
from consortium.model.document import Bytes, Document, Id, Key32, first_problem
from consortium.model.query import Suite
from consortium.model.scorecard import MAX_CARDS, Scorecard
from consortium.model.signal_policy import SignalPolicy
from consortium.model.statistic_policy import StatisticsPolicy
from consortium.travel.policy import TravelPolicy

SectionName = Literal["travel", "scorecards", "signals", "statistics"]
"""Sections that a consortium may do without; the change `SetSection` puts one in, replaces it or takes it out."""


def _attribute(value: object) -> object:
    return _attribute_of(canonical_json(value)) if isinstance(value, dict) else value


@lru_cache(maxsize=1024)
def _attribute_of(data: bytes) -> Attribute:
    """Read an attribute; those of one version are mostly those of the version before."""
    return attribute_from_value(json.loads(data))


CatalogueAttribute = Annotated[
    Attribute, BeforeValidator(_attribute), PlainSerializer(attribute_to_value, return_type=dict)
]


def absent(value: object) -> bool:
    """Tell whether a section is absent, so that documents from before it keep their bytes."""
    return value is None or value == ()


class Role(StrEnum):
    """What a member does."""

    LENDER = "lender"
    GATEWAY = "gateway"
    CUSTODIAN = "custodian"
    REGULATOR = "regulator"
    WITNESS = "witness"
    OBSERVER = "observer"


class MemberStatus(StrEnum):
    """Whether a member takes part; ADMITTED is pinned with its keys but not on the roster yet, LEFT is for ever."""

    ADMITTED = "admitted"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class Member(Document):
    """
    One party with the keys that everybody pins; `tiers` are those it contributes.

    `tls_key` is the SHA-256 of the SubjectPublicKeyInfo of its TLS key (None: not pinned, for development only).
    `log_key` (a gateway's) signs the checkpoints of its log, `witness_key` cosigns them: Ed25519, each used for
    nothing else. `application` is the digest of the application that it was admitted by, `conformance` that of the
    report that it was activated on; founders have neither.
    """

    id: Id
    legal_name: str
    group: Id
    role: Role
    status: MemberStatus
    identity_key: Key32
    hpke_key: Key32
    tls_key: Key32 | None = None
    log_key: Key32 | None = None
    witness_key: Key32 | None = None
    tiers: tuple[Tier, ...] = ()
    application: Key32 | None = None
    conformance: Key32 | None = None


class HolderKey(Document):
    """The share key of one holder of the OPRF key; `index` is its point on the polynomial."""

    member: Id
    index: int = Field(ge=1, le=255)
    share_key: Key32


class Oprf(Document):
    """
    One generation: threshold and share keys.

    `revision` counts the sharings of one key (a refresh makes the next one); `transcript` is the digest of the ceremony
    that made the share keys; `secrets` is the fingerprint of the generation's pre-hash secret and tag key.
    """

    generation: int = Field(ge=1)
    revision: int = Field(default=1, ge=1)
    transcript: Key32 | None = None
    secrets: Key32
    threshold: int = Field(ge=1, le=255)
    holders: tuple[HolderKey, ...]


class Retired(Oprf):
    """A generation that is no longer in force; `retired_at` is the date of the version that put the next one there."""

    retired_at: int = Field(ge=0)

    @classmethod
    def of(cls, oprf: Oprf, at: int) -> Self:
        """Retire a generation."""
        return cls(**{name: getattr(oprf, name) for name in Oprf.model_fields}, retired_at=at)


class Approvers(Document):
    """Who signs a new version: `threshold` of them, from distinct controlling groups."""

    members: tuple[Id, ...]
    threshold: int = Field(ge=2)


class PurposeRule(Document):
    """What a purpose needs and sees, and which roles may ask under it."""

    id: Purpose
    roles: tuple[Role, ...]
    consent_required: bool
    live: bool


class Policy(Document):
    """Limits; times in seconds, retention in days."""

    colluders: int = Field(ge=1, description="c")
    minimum_groups: int = Field(ge=3, description="k_min")
    roster_maximum: int = Field(ge=4, le=1024)
    ledger_window: int = Field(ge=1)
    query_lifetime: int = Field(ge=1, le=3600)
    clock_skew: int = Field(ge=0, le=600)
    retention_days: int = Field(ge=1)
    families: tuple[Family, ...]
    suites: tuple[Suite, ...]
    rulebook_freshness: int = Field(
        default=86_400, ge=60, description="how long a party trusts its version without another's sighting of it"
    )

    queries_per_day: int | None = Field(
        default=None, ge=1, exclude_if=absent, description="most queries of one member on a UTC day"
    )

    portfolio_lifetime: int | None = Field(
        default=None, ge=60, le=86_400, exclude_if=absent, description="how long a job over a list may live"
    )
    rows_per_day: int | None = Field(
        default=None, ge=1, exclude_if=absent, description="most rows in lists of one member on a UTC day"
    )

    @model_validator(mode="after")
    def _enough_groups(self) -> "Policy":
        if self.minimum_groups < self.colluders + 2:
            raise ValueError("minimum_groups must be at least colluders + 2")
        return self


class RulebookDocument(Document):
    """
    The whole document, version 1 of its form; times are Unix seconds.

    `epoch_secret` is the fingerprint of the epoch's sealing key. `upcoming` is a generation that lenders re-tokenise
    for before it comes into force, `retired` are those before, kept for access reports. `lifted` are the digests of the
    emergency suspensions that the approvers ended early.

    What stands below `policy` are sections that a consortium may do without: an absent one is not in the bytes at all.
    """

    consortium: Id
    version: int = Field(ge=1)
    previous: Bytes = b""
    issued_at: int = Field(ge=0)
    expires_at: int = Field(ge=0)
    epoch: int = Field(ge=1)
    epoch_secret: Key32
    members: tuple[Member, ...]
    oprf: Oprf
    upcoming: Oprf | None = None
    retired: tuple[Retired, ...] = ()
    lifted: tuple[Key32, ...] = ()
    approvers: Approvers
    attributes: tuple[CatalogueAttribute, ...]
    purposes: tuple[PurposeRule, ...]
    policy: Policy
    travel: TravelPolicy | None = Field(default=None, exclude_if=absent)
    scorecards: tuple[Scorecard, ...] = Field(default=(), max_length=MAX_CARDS, exclude_if=absent)
    signals: SignalPolicy | None = Field(default=None, exclude_if=absent)
    statistics: StatisticsPolicy | None = Field(default=None, exclude_if=absent)


def read_section(name: SectionName, content: bytes) -> object:
    """
    Read what an optional section is to become, from its canonical JSON; no bytes: it is taken out.

    Raises CreditError(RULEBOOK_INVALID), naming the field.
    """
    field = RulebookDocument.model_fields[name]
    if not content:
        return field.get_default(call_default_factory=True)
    kind: TypeAdapter[object] = TypeAdapter(field.rebuild_annotation())
    try:
        return kind.validate_python(parse_canonical(content))
    except ValidationError as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"{name}.{first_problem(error)}") from None
    except CreditError as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"{name}: {error.cause}") from error
