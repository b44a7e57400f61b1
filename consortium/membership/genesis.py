"""
Version 1: what the founders agree on (the charter), and the document that follows from it, byte for byte.

One founder builds and signs it; every other founder builds it again from the board (applications, ceremony) and signs
only what comes out the same.
"""

from collections.abc import Iterable

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.membership.applications import Application
from consortium.model.catalogue import DEFAULT_CATALOGUE, Family, Purpose
from consortium.model.document import Document, Id
from consortium.model.keys import SECONDS_PER_DAY
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.model.rulebook import (
    Approvers,
    Member,
    MemberStatus,
    Oprf,
    Policy,
    PurposeRule,
    Role,
    RulebookDocument,
)
from consortium.model.rulebook_document import CatalogueAttribute, absent
from consortium.model.scorecard import Scorecard
from consortium.model.signal_policy import SignalPolicy
from consortium.model.statistic_policy import StatisticsPolicy
from consortium.signals.defaults import DEFAULT_SIGNALS
from consortium.travel.policy import TravelPolicy

FIRST_EPOCH, FIRST_GENERATION = 1, 1
DEFAULT_FAMILIES = (Family.EXPOSURE, Family.REPAYMENT, Family.INQUIRIES, Family.RISK)
LIVE = (Purpose.ORIGINATION,)
WITHOUT_CONSENT = (Purpose.SUPERVISION,)


def default_purposes() -> tuple[PurposeRule, ...]:
    """Give the purposes that a consortium starts with: lenders ask with consent, the regulator supervises."""
    return tuple(
        PurposeRule(
            id=purpose,
            roles=(Role.REGULATOR,) if purpose in WITHOUT_CONSENT else (Role.LENDER,),
            consent_required=purpose not in WITHOUT_CONSENT,
            live=purpose in LIVE,
        )
        for purpose in Purpose
    )


def default_policy(*suites: Suite) -> Policy:
    """Give the limits that a consortium starts with; without suites named, full-size Paillier alone."""
    return Policy(
        colluders=1,
        minimum_groups=3,
        roster_maximum=32,
        ledger_window=7 * SECONDS_PER_DAY,
        query_lifetime=600,
        clock_skew=60,
        retention_days=5 * 365,
        families=DEFAULT_FAMILIES,
        suites=suites or (Suite.PAILLIER_3072_MASKED,),
        queries_per_day=200_000,
    )


class Charter(Document):
    """The terms of version 1: who founds, who approves from then on, and the limits; `days` is its life."""

    members: tuple[Id, ...]
    approvers: Approvers
    days: int = Field(default=365, ge=1, le=400)
    attributes: tuple[CatalogueAttribute, ...] = DEFAULT_CATALOGUE
    purposes: tuple[PurposeRule, ...] = Field(default_factory=default_purposes)
    policy: Policy = Field(default_factory=default_policy)
    travel: TravelPolicy | None = Field(default=None, exclude_if=absent)
    scorecards: tuple[Scorecard, ...] = ()
    signals: SignalPolicy | None = Field(default=DEFAULT_SIGNALS, exclude_if=absent)
    statistics: StatisticsPolicy | None = Field(default=None, exclude_if=absent)


def first_document(
    consortium: str, members: Iterable[Member], oprf: Oprf, epoch_secret: bytes, charter: Charter, now: int
) -> RulebookDocument:
    """Build version 1 as of `now`, Unix seconds; `epoch_secret` is the fingerprint of the first sealing key."""
    return RulebookDocument(
        consortium=consortium,
        version=1,
        issued_at=now,
        expires_at=now + charter.days * SECONDS_PER_DAY,
        epoch=FIRST_EPOCH,
        epoch_secret=epoch_secret,
        members=tuple(members),
        oprf=oprf,
        approvers=charter.approvers,
        attributes=charter.attributes,
        purposes=charter.purposes,
        policy=charter.policy,
        travel=charter.travel,
        scorecards=charter.scorecards,
        signals=charter.signals,
        statistics=charter.statistics,
    )


def founding_members(applications: Iterable[Application], names: Iterable[MemberId]) -> list[Member]:
    """
    Give the entries of the founders named, in that order, active at once.

    Others may have applied: whoever reaches the founders' door can. Raises CreditError(APPLICATION_INVALID) naming a
    founder that has not.
    """
    found, wanted = {one.member: one for one in applications}, list(names)
    founder = {"status": MemberStatus.ACTIVE, "application": None}
    if missing := [name for name in wanted if name not in found]:
        raise CreditError(Code.APPLICATION_INVALID, f"not applied yet: {', '.join(missing)}")
    return [found[name].as_member(bytes(32)).model_copy(update=founder) for name in wanted]


def check_founding(document: RulebookDocument, applications: Iterable[Application], made: Oprf) -> None:
    """
    Refuse to sign a first version that does not follow from the board: other keys or terms, other share keys.

    `made` is what the ceremony's messages give, with the secrets' fingerprint of the document. Raises
    CreditError(RULEBOOK_INVALID) naming who differs, (APPLICATION_INVALID), (SHARE_KEYS_INCONSISTENT).
    """
    expected = founding_members(applications, [member.id for member in document.members])
    for member, applied in zip(document.members, expected, strict=True):
        if member != applied:
            raise CreditError(Code.RULEBOOK_INVALID, f"{member.id} is not as it applied")
    if document.oprf != made:
        raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "not what the ceremony made")
