"""
The rulebook: the one signed document that is the root of trust.

What is signed is the exact bytes; the parsed form is for reading only. This module knows the document, its
digest and its verification. It holds no clock: who calls `check_current` says what time it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.catalogue import Attribute, Family, Purpose, Tier, attribute_from_value, attribute_to_value
from consortium.model.members import MemberId, MemberSet, check_member_id
from consortium.model.query import Suite
from consortium.model.signing import verify_signature
from consortium.oprf.sharing import ShareKey, ThresholdKey


def _from_hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


def _attribute(value: object) -> object:
    return attribute_from_value(value) if isinstance(value, dict) else value


Key32 = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex), Field(min_length=32, max_length=32)]
Id = Annotated[str, BeforeValidator(lambda value: check_member_id(str(value)))]
CatalogueAttribute = Annotated[
    Attribute, BeforeValidator(_attribute), PlainSerializer(attribute_to_value, return_type=dict)
]


class Role(StrEnum):
    """What a member does."""

    LENDER = "lender"
    GATEWAY = "gateway"
    CUSTODIAN = "custodian"
    REGULATOR = "regulator"


class MemberStatus(StrEnum):
    """Whether a member takes part."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class Member(_Document):
    """One party with the keys that everybody pins; `tiers` are those it contributes."""

    id: Id
    legal_name: str
    group: Id
    role: Role
    status: MemberStatus
    identity_key: Key32
    hpke_key: Key32
    tiers: tuple[Tier, ...] = ()


class HolderKey(_Document):
    """The share key of one holder of the OPRF key; `index` is its point on the polynomial."""

    member: Id
    index: int = Field(ge=1, le=255)
    share_key: Key32


class Oprf(_Document):
    """One generation: threshold and share keys."""

    generation: int = Field(ge=1)
    threshold: int = Field(ge=1, le=255)
    holders: tuple[HolderKey, ...]


class Approvers(_Document):
    """Who signs a new version: `threshold` of them, from distinct controlling groups."""

    members: tuple[Id, ...]
    threshold: int = Field(ge=2)


class PurposeRule(_Document):
    """What a purpose needs and sees, and which roles may ask under it."""

    id: Purpose
    roles: tuple[Role, ...]
    consent_required: bool
    live: bool


class Policy(_Document):
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

    @model_validator(mode="after")
    def _enough_groups(self) -> "Policy":
        if self.minimum_groups < self.colluders + 2:
            raise ValueError("minimum_groups must be at least colluders + 2")
        return self


class RulebookDocument(_Document):
    """The whole document, version 1 of its form; times are Unix seconds."""

    consortium: Id
    version: int = Field(ge=1)
    previous: Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex)] = b""
    issued_at: int = Field(ge=0)
    expires_at: int = Field(ge=0)
    epoch: int = Field(ge=1)
    members: tuple[Member, ...]
    oprf: Oprf
    approvers: Approvers
    attributes: tuple[CatalogueAttribute, ...]
    purposes: tuple[PurposeRule, ...]
    policy: Policy

    def to_bytes(self) -> bytes:
        """Serialise canonically, for signing."""
        return canonical_json(self.model_dump(mode="json"))


@dataclass(frozen=True)
class Rulebook:
    """A verified rulebook, with the look-ups that every party needs."""

    document: RulebookDocument
    raw: bytes

    @cached_property
    def digest(self) -> bytes:
        """The digest that queries name, 32 bytes."""
        return rulebook_digest(self.raw)

    @property
    def policy(self) -> Policy:
        """The limits."""
        return self.document.policy

    @property
    def limits(self) -> tuple[int, int]:
        """(c, k_min)."""
        return self.policy.colluders, self.policy.minimum_groups

    @cached_property
    def members(self) -> Mapping[MemberId, Member]:
        """Every member by id."""
        return {member.id: member for member in self.document.members}

    @cached_property
    def roster(self) -> tuple[MemberId, ...]:
        """Every active lender, sorted: who is asked, the requester included."""
        active = MemberStatus.ACTIVE
        return tuple(sorted(m.id for m in self.document.members if m.role is Role.LENDER and m.status is active))

    @cached_property
    def roster_set(self) -> MemberSet:
        """The roster as a set."""
        return frozenset(self.roster)

    @cached_property
    def groups(self) -> Mapping[MemberId, str]:
        """The controlling group of every member."""
        return {member.id: member.group for member in self.document.members}

    @cached_property
    def attributes(self) -> Mapping[str, Attribute]:
        """The catalogue by attribute id."""
        return {attribute.id: attribute for attribute in self.document.attributes}

    @cached_property
    def purposes(self) -> Mapping[Purpose, PurposeRule]:
        """The purposes that may be asked for."""
        return {rule.id: rule for rule in self.document.purposes}

    @cached_property
    def regulator(self) -> Member:
        """The regulator."""
        return next(member for member in self.document.members if member.role is Role.REGULATOR)

    def active_member(self, member: MemberId) -> Member:
        """Give an active member; raises CreditError(MEMBER_NOT_ACTIVE)."""
        found = self.members.get(member)
        if found is None or found.status is not MemberStatus.ACTIVE:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, member)
        return found

    def check_current(self, now: int) -> None:
        """Raise CreditError(RULEBOOK_INVALID) once the rulebook has expired."""
        if not now < self.document.expires_at:
            raise CreditError(Code.RULEBOOK_INVALID, "expired")


def threshold_key(oprf: Oprf) -> ThresholdKey:
    """Give the shared OPRF key; raises CreditError(SHARE_KEYS_INCONSISTENT) unless the share keys are of one key."""
    return ThresholdKey(oprf.threshold, tuple(ShareKey(holder.index, holder.share_key) for holder in oprf.holders))


def rulebook_digest(raw: bytes) -> bytes:
    """Digest the exact bytes of a rulebook."""
    return transcript_hash(Label.RULEBOOK, raw)


def parse_rulebook(raw: bytes) -> RulebookDocument:
    """Parse canonical bytes into a consistent document; raises CreditError(RULEBOOK_INVALID). Trusts nobody yet."""
    try:
        document = RulebookDocument.model_validate(parse_canonical(raw))
    except ValidationError as error:
        raise CreditError(Code.RULEBOOK_INVALID, _first_problem(error)) from None
    except CreditError as error:
        raise CreditError(Code.RULEBOOK_INVALID, error.cause) from error
    _check_consistent(document)
    return document


def verify_rulebook(
    raw: bytes,
    signatures: Mapping[MemberId, bytes],
    *,
    fingerprint: bytes | None = None,
    trusted: Rulebook | None = None,
) -> Rulebook:
    """
    Verify a rulebook and give it as trusted.

    A first one is trusted by its `fingerprint`, received out of band, and signed by its own approvers; a later one
    follows `trusted` (next version, naming its digest) and is signed by a threshold of the *trusted* approvers and
    of its own. Raises CreditError(RULEBOOK_INVALID), (SHARE_KEYS_INCONSISTENT) or (SIGNATURE_INVALID).
    """
    document = parse_rulebook(raw)
    if trusted is not None:
        _check_successor(document, trusted)
        _check_signatures(raw, signatures, trusted.document)
    elif fingerprint is None or rulebook_digest(raw) != fingerprint:
        raise CreditError(Code.RULEBOOK_INVALID, "not the fingerprint that was received out of band")
    _check_signatures(raw, signatures, document)
    return Rulebook(document, raw)


def _check_successor(document: RulebookDocument, trusted: Rulebook) -> None:
    if document.consortium != trusted.document.consortium:
        raise CreditError(Code.RULEBOOK_INVALID, "another consortium")
    if document.version != trusted.document.version + 1:
        raise CreditError(Code.RULEBOOK_INVALID, f"version {document.version} after {trusted.document.version}")
    if document.previous != trusted.digest:
        raise CreditError(Code.RULEBOOK_INVALID, "does not follow the trusted version")


def _check_signatures(raw: bytes, signatures: Mapping[MemberId, bytes], by: RulebookDocument) -> None:
    members = {member.id: member for member in by.members}
    groups = set()
    for approver in by.approvers.members:
        member = members[approver]
        if approver in signatures and member.status is MemberStatus.ACTIVE:
            verify_signature(member.identity_key, signatures[approver], Label.RULEBOOK, raw)
            groups.add(member.group)
    if len(groups) < by.approvers.threshold:
        raise CreditError(
            Code.RULEBOOK_INVALID, f"signed for {len(groups)} controlling groups, {by.approvers.threshold} needed"
        )


def _check_consistent(document: RulebookDocument) -> None:
    ids = [member.id for member in document.members]
    keys = [key for member in document.members for key in (member.identity_key, member.hpke_key)]
    roles = {member.id: member.role for member in document.members}
    holders = [holder.member for holder in document.oprf.holders]
    _require(len(set(ids)) == len(ids), "a member id is used twice")
    _require(len(set(keys)) == len(keys), "a key is used by two members")
    _require(sum(role is Role.REGULATOR for role in roles.values()) == 1, "there must be one regulator")
    _require(set(holders) <= set(ids) and len(set(holders)) == len(holders), "a key holder is unknown or named twice")
    approvers = document.approvers.members
    _require(
        len(set(approvers)) == len(approvers)
        and all(approver in roles and roles[approver] is not Role.GATEWAY for approver in approvers),
        "an approver is unknown, named twice or the gateway",
    )
    _require(_unique([attribute.id for attribute in document.attributes]), "an attribute id is used twice")
    _require(_unique([rule.id for rule in document.purposes]), "a purpose is listed twice")
    for rule in document.purposes:
        free = Role.LENDER in rule.roles and not rule.consent_required
        _require(not free, f"lenders may not ask for {rule.id} without consent")
    lenders = [m for m in document.members if m.role is Role.LENDER and m.status is MemberStatus.ACTIVE]
    _require(len(lenders) <= document.policy.roster_maximum, "more active lenders than the roster's maximum")
    threshold_key(document.oprf)


def _unique(values: Sequence[object]) -> bool:
    return len(set(values)) == len(values)


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.RULEBOOK_INVALID, cause)


def _first_problem(error: ValidationError) -> str:
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
