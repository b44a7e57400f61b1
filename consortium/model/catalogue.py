"""
The attribute catalogue: every number that can be asked for, with its unit, bound, family, tier and purposes.

The rulebook carries it as data; `DEFAULT_CATALOGUE` is what a new consortium starts with. How a number is computed
from a credit file stands in `consortium.model.attributes`; how it is packed follows from its bound alone. What a
scorecard asks for is not listed here: it follows from the card (`consortium.model.scorecard_slots`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from consortium.canonical import MAX_INTEGER, CanonicalValue
from consortium.errors import Code, CreditError


class Unit(StrEnum):
    """What one unit of an attribute is; `MINOR` (of the attribute's currency) is for amounts."""

    MINOR = "minor"
    COUNT = "count"
    DAYS = "days"
    POINTS = "points"


class Family(StrEnum):
    """Attributes that law or consent treats alike; a jurisdiction profile switches whole families."""

    EXPOSURE = "exposure"
    REPAYMENT = "repayment"
    INQUIRIES = "inquiries"
    PROFILE = "profile"
    RISK = "risk"
    LOCATION = "location"
    NETWORK = "network"
    ONLINE = "online"


class Tier(StrEnum):
    """How deep a lender shares; a member may ask only for tiers that it contributes to."""

    DEFAULTS_ONLY = "defaults-only"
    FULL = "full"


class Purpose(StrEnum):
    """The permissible purposes of a query."""

    ORIGINATION = "origination"
    ACCOUNT_REVIEW = "account-review"
    FRAUD_PREVENTION = "fraud-prevention"
    COLLECTIONS = "collections"
    PORTFOLIO = "portfolio"
    SUPERVISION = "supervision"
    SUBJECT_ACCESS = "subject-access"


MAX_TITLE = 80
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Attribute:
    """
    A number that can be asked for: 0 to `bound` in `unit` (with the ISO 4217 code of the currency for amounts).

    Raises CreditError(MALFORMED) on construction where a field is out of its range.
    """

    id: str
    title: str
    unit: Unit
    bound: int
    family: Family
    tier: Tier
    purposes: frozenset[Purpose]
    currency: str | None = None

    def __post_init__(self) -> None:
        _require(bool(_ID.fullmatch(self.id)), "attribute id")
        _require(0 < len(self.title) <= MAX_TITLE and self.title.isascii(), "attribute title")
        _require(type(self.bound) is int and 1 <= self.bound <= MAX_INTEGER, "attribute bound")
        _require(bool(self.purposes), "attribute without a purpose")
        _require((self.unit is Unit.MINOR) == (self.currency is not None), "attribute currency")
        _require(self.currency is None or bool(_CURRENCY.fullmatch(self.currency)), "attribute currency")


def attribute_to_value(attribute: Attribute) -> dict[str, CanonicalValue]:
    """Give an attribute as a canonical JSON value; `currency` is there for amounts only."""
    purposes: list[CanonicalValue] = [*sorted(purpose.value for purpose in attribute.purposes)]
    value: dict[str, CanonicalValue] = {
        "id": attribute.id,
        "title": attribute.title,
        "unit": attribute.unit.value,
        "bound": attribute.bound,
        "family": attribute.family.value,
        "tier": attribute.tier.value,
        "purposes": purposes,
    }
    return value if attribute.currency is None else value | {"currency": attribute.currency}


def attribute_from_value(value: Mapping[str, object]) -> Attribute:
    """Read an attribute; raises CreditError(MALFORMED) for an unknown, missing or wrong field."""
    _require(set(value) - {"currency"} == _KEYS, "attribute fields")
    attribute = Attribute(
        id=_typed(value["id"], str),
        title=_typed(value["title"], str),
        unit=_member(Unit, value["unit"]),
        bound=_typed(value["bound"], int),
        family=_member(Family, value["family"]),
        tier=_member(Tier, value["tier"]),
        purposes=frozenset(_member(Purpose, item) for item in _typed(value["purposes"], list)),
        currency=_typed(value["currency"], str) if "currency" in value else None,
    )
    _require(attribute_to_value(attribute) == value, "attribute that is not in canonical form")
    return attribute


def catalogue_to_value(catalogue: Sequence[Attribute]) -> list[CanonicalValue]:
    """Give a catalogue as a canonical JSON value, in its order."""
    return [attribute_to_value(attribute) for attribute in catalogue]


def catalogue_from_value(value: object) -> tuple[Attribute, ...]:
    """Read a catalogue; raises CreditError(MALFORMED) for a wrong attribute or one that comes twice."""
    catalogue = tuple(attribute_from_value(_typed(item, dict)) for item in _typed(value, list))
    _require(len({attribute.id for attribute in catalogue}) == len(catalogue), "an attribute id is used twice")
    return catalogue


_KEYS = {"id", "title", "unit", "bound", "family", "tier", "purposes"}
_MemberT = TypeVar("_MemberT", bound=StrEnum)
_TypeT = TypeVar("_TypeT")


def _member(kind: type[_MemberT], value: object) -> _MemberT:
    try:
        return kind(_typed(value, str))
    except ValueError:
        raise CreditError(Code.MALFORMED, f"attribute {kind.__name__.lower()}") from None


def _typed(value: object, kind: type[_TypeT]) -> _TypeT:
    if not isinstance(value, kind):
        raise CreditError(Code.MALFORMED, "attribute field of the wrong type")
    return value


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.MALFORMED, cause)


# What every answer carries besides the attributes asked for, in this order: id -> bound.
META_SLOTS: Mapping[str, int] = {
    "matched_by_id": 1,
    "matched_by_phone": 1,
    "matched_by_email": 1,
    "security_freezes": 1,
    "capped": 255,
}

DEFAULT_CURRENCY = "CNY"
MAX_AMOUNT_BOUND = 2**36 - 1  # 687 million of a currency with two decimals
MAX_COUNT = 255
MAX_POINTS = 2**12 - 1  # between the best and the worst of one dimension of a scorecard

DPD_BUCKETS = ("current", "1_29", "30_59", "60_89", "90_119", "120_plus", "charge_off")
_DPD_TITLES = ("current", "1-29 days", "30-59 days", "60-89 days", "90-119 days", "120 days or more", "charge-off")
_FIRST_DEFAULT_BUCKET = 3  # from 60 days past due on a lender shares in every tier
MONTHS_ON_FILE_BUCKETS = ("0_5", "6_11", "12_23", "24_59", "60_plus")
_MONTHS_TITLES = ("0-5", "6-11", "12-23", "24-59", "60 or more")
INQUIRY_WINDOWS = ("0_1h", "1_24h", "1_7d", "7_30d", "30_90d")
_WINDOW_TITLES = ("0-1 hours", "1-24 hours", "1-7 days", "7-30 days", "30-90 days")
SCORE_DIMENSIONS: Mapping[str, Family] = {
    "location": Family.LOCATION,
    "personal": Family.PROFILE,
    "repayment": Family.REPAYMENT,
    "network": Family.NETWORK,
    "online": Family.ONLINE,
    "risk": Family.RISK,
}
"""The dimensions of a scorecard and the family of each."""

_ANSWERABLE = frozenset({Purpose.SUPERVISION, Purpose.SUBJECT_ACCESS})  # every attribute serves these two
LENDING = _ANSWERABLE | {Purpose.ORIGINATION, Purpose.ACCOUNT_REVIEW, Purpose.PORTFOLIO}
"""The purposes of who lends, and decides how much: also those of a scorecard's slots."""
_CONDUCT = LENDING | {Purpose.COLLECTIONS}
_VELOCITY = _ANSWERABLE | {Purpose.ORIGINATION, Purpose.FRAUD_PREVENTION}
_STACKING = LENDING | {Purpose.FRAUD_PREVENTION}


def _amount(name: str, title: str, family: Family, tier: Tier, purposes: frozenset[Purpose]) -> Attribute:
    return Attribute(name, title, Unit.MINOR, MAX_AMOUNT_BOUND, family, tier, purposes, DEFAULT_CURRENCY)


def _count(
    name: str, title: str, family: Family, tier: Tier, purposes: frozenset[Purpose], bound: int = MAX_COUNT
) -> Attribute:
    return Attribute(name, title, Unit.COUNT, bound, family, tier, purposes)


def _exposure() -> list[Attribute]:
    family, tier = Family.EXPOSURE, Tier.FULL
    return [
        _count("lenders_with_open_tradeline", "lenders with an open tradeline", family, tier, _STACKING, 1),
        _count("open_tradelines", "open tradelines", family, tier, _STACKING),
        _amount("credit_limit", "credit limits of open tradelines", family, tier, LENDING),
        _amount("balance", "balances of all tradelines", family, tier, _CONDUCT),
        _amount("scheduled_payments_30d", "payments due in the next 30 days", family, tier, _CONDUCT),
        _count("tradelines_opened_30d", "tradelines opened in 30 days", family, tier, _STACKING),
        _count("tradelines_opened_90d", "tradelines opened in 90 days", family, tier, _STACKING),
        _count("pending_grants", "grants promised, not yet paid out", family, tier, _VELOCITY),
        _amount("pending_grant_amount", "amount promised, not yet paid out", family, tier, _VELOCITY),
        *(
            _count(
                f"months_on_file_{bucket}",
                f"lenders where the oldest tradeline is {months} months old",
                family,
                tier,
                LENDING,
                1,
            )
            for bucket, months in zip(MONTHS_ON_FILE_BUCKETS, _MONTHS_TITLES, strict=True)
        ),
    ]


def _repayment() -> list[Attribute]:
    family, tier = Family.REPAYMENT, Tier.DEFAULTS_ONLY
    return [
        _amount("amount_past_due", "amount past due", family, tier, _CONDUCT),
        _amount("charged_off_amount", "charged-off amount", family, tier, _CONDUCT),
        _amount("in_collection_amount", "amount in collection", family, tier, _CONDUCT),
        _count("disputed_tradelines", "tradelines that the subject disputes", family, tier, _CONDUCT),
        *_worst("worst_dpd_now", "now"),
        *_worst("worst_dpd_12m", "in 12 months"),
    ]


def _worst(prefix: str, when: str) -> list[Attribute]:
    return [
        _count(
            f"{prefix}_{bucket}",
            f"lenders where the worst delinquency {when} is: {title}",
            Family.REPAYMENT,
            Tier.FULL if place < _FIRST_DEFAULT_BUCKET else Tier.DEFAULTS_ONLY,
            _CONDUCT,
            1,
        )
        for place, (bucket, title) in enumerate(zip(DPD_BUCKETS, _DPD_TITLES, strict=True))
    ]


def _inquiries() -> list[Attribute]:
    return [
        _count(f"hard_inquiries_{window}", f"hard inquiries {title} ago", Family.INQUIRIES, Tier.FULL, _VELOCITY)
        for window, title in zip(INQUIRY_WINDOWS, _WINDOW_TITLES, strict=True)
    ]


DEFAULT_CATALOGUE: tuple[Attribute, ...] = (*_exposure(), *_repayment(), *_inquiries())
