"""
What a ceremony is about: one document that everybody agrees on first; its digest is the ceremony's id.

The plan fixes who deals, who receives at which index, the threshold, the identity keys that authenticate everybody
and, for new shares of a present key, that key. A new attempt after an abort is a new plan with the next attempt
number, so that no message fits two ceremonies.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.signed import parse_document
from consortium.model.document import Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Oprf, Role, Rulebook
from consortium.model.signing import check_identity_key
from consortium.oprf.group import IDENTITY
from consortium.oprf.sharing import MAX_HOLDERS, lagrange


class Kind(StrEnum):
    """New key, new shares for the same holders, or new shares for other holders or another threshold."""

    NEW = "new"
    REFRESH = "refresh"
    RESHARE = "reshare"


class Party(Document):
    """Who takes part, with the key that authenticates it."""

    member: Id
    identity_key: Key32


class Seat(Document):
    """A receiver and its index on the polynomial."""

    member: Id
    index: int = Field(ge=1, le=MAX_HOLDERS)


class Plan(Document):
    """
    The agreed plan; `generation` and `revision` are those of the share keys that it makes.

    `rulebook` is the digest of the version in force, None for the founders' first key; `base` the key whose shares
    are renewed, None for a new key.
    """

    consortium: Id
    rulebook: Key32 | None = None
    kind: Kind
    attempt: int = Field(default=1, ge=1, le=2**31)
    generation: int = Field(ge=1)
    revision: int = Field(ge=1)
    threshold: int = Field(ge=2, le=MAX_HOLDERS)
    parties: tuple[Party, ...]
    dealers: tuple[Id, ...]
    receivers: tuple[Seat, ...]
    base: Oprf | None = None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Parse and check by itself; raises CreditError(CEREMONY_INVALID)."""
        plan = parse_document(cls, raw, Code.CEREMONY_INVALID)
        check_plan(plan)
        return plan

    @property
    def id(self) -> bytes:
        """The ceremony's id, 32 bytes."""
        return transcript_hash(Label.CEREMONY_PLAN, self.to_bytes())

    @property
    def names(self) -> tuple[MemberId, ...]:
        """Everybody who takes part."""
        return tuple(party.member for party in self.parties)

    @property
    def seats(self) -> dict[MemberId, int]:
        """The receivers' indexes."""
        return {seat.member: seat.index for seat in self.receivers}

    def constant(self, dealer: MemberId) -> bytes | None:
        """Give what a dealer's constant term must commit to: anything, zero, or its present share."""
        if self.kind is Kind.NEW:
            return None
        return IDENTITY if self.kind is Kind.REFRESH else self.old_share_keys[dealer]

    @property
    def old_indexes(self) -> dict[MemberId, int]:
        """The present holders' indexes; empty for a new key."""
        return {holder.member: holder.index for holder in self.base.holders} if self.base else {}

    @property
    def old_share_keys(self) -> dict[MemberId, bytes]:
        """The present holders' share keys; empty for a new key."""
        return {holder.member: holder.share_key for holder in self.base.holders} if self.base else {}

    def weights(self) -> dict[MemberId, int]:
        """Give the factor of each dealer's polynomial in the sum: one, or its Lagrange coefficient in a re-sharing."""
        if self.kind is not Kind.RESHARE:
            return dict.fromkeys(self.dealers, 1)
        indexes = self.old_indexes
        return dict(zip(self.dealers, lagrange([indexes[dealer] for dealer in self.dealers]), strict=True))


def check_plan(plan: Plan) -> None:
    """
    Raise CreditError(CEREMONY_INVALID) for a plan that contradicts itself.

    Whoever will hold a new key deals it, and nobody else. A refresh keeps holders, indexes and threshold, and as in a
    re-sharing at least a threshold of the present holders deal; every receiver of a refresh is a present holder.
    """
    _check_names(plan)
    if plan.kind is Kind.NEW:
        _require(plan.base is None and plan.revision == 1, "a new key has no base and revision 1")
        _require(set(plan.dealers) == set(plan.seats), "all who will hold a new key, and nobody else, deal it")
        return
    if plan.base is None:
        raise CreditError(Code.CEREMONY_INVALID, "new shares need the key that they are of")
    numbers = (plan.base.generation, plan.base.revision + 1)
    _require((plan.generation, plan.revision) == numbers, "not the next revision of that key")
    _require(set(plan.dealers) <= set(plan.old_indexes), "a dealer holds no share")
    _require(len(plan.dealers) >= plan.base.threshold, "fewer dealers than the threshold")
    if plan.kind is Kind.REFRESH:
        same = (plan.seats, plan.threshold) == (plan.old_indexes, plan.base.threshold)
        _require(same, "a refresh keeps holders, indexes and threshold")


def check_plan_under(plan: Plan, rulebook: Rulebook) -> None:
    """
    Raise CreditError(CEREMONY_INVALID) unless the rulebook in force allows a plan; every party checks before it joins.

    Everybody is the gateway or a custodian, admitted or active, with the pinned key; receivers are of distinct
    controlling groups; the base is the key in force, a new key the next generation.
    """
    check_plan(plan)
    document = rulebook.document
    _require((plan.consortium, plan.rulebook) == (document.consortium, rulebook.digest), "it is under another rulebook")
    for party in plan.parties:
        _check_party(party, rulebook)
    groups = [rulebook.groups[seat.member] for seat in plan.receivers]
    _require(len(set(groups)) == len(groups), "two receivers have one controlling group")
    if plan.kind is Kind.NEW:
        _require(plan.generation == document.oprf.generation + 1, "not the next generation")
    else:
        _require(plan.base == document.oprf, "the base is not the key in force")


def plan_under(rulebook: Rulebook, kind: Kind, *, attempt: int = 1) -> Plan:
    """Plan a new key for, or a refresh of the shares of, the present holders, all of them dealing."""
    document, oprf = rulebook.document, rulebook.document.oprf
    fresh = kind is Kind.NEW
    holders = tuple(holder.member for holder in oprf.holders)
    return Plan(
        consortium=document.consortium,
        rulebook=rulebook.digest,
        kind=kind,
        attempt=attempt,
        generation=oprf.generation + 1 if fresh else oprf.generation,
        revision=1 if fresh else oprf.revision + 1,
        threshold=oprf.threshold,
        parties=tuple(Party(member=one, identity_key=rulebook.members[one].identity_key) for one in sorted(holders)),
        dealers=holders,
        receivers=tuple(Seat(member=holder.member, index=holder.index) for holder in oprf.holders),
        base=None if fresh else oprf,
    )


def _check_names(plan: Plan) -> None:
    names, indexes = plan.names, [seat.index for seat in plan.receivers]
    for listed in (names, plan.dealers, [seat.member for seat in plan.receivers], indexes):
        _require(bool(listed) and len(set(listed)) == len(listed), "a party or an index is named twice, or nobody is")
    _require(list(names) == sorted({*plan.dealers, *plan.seats}), "the parties are dealers and receivers, sorted")
    keys = [party.identity_key for party in plan.parties]
    _require(len(set(keys)) == len(keys), "two parties have one key")
    for key in keys:
        check_identity_key(key)
    _require(plan.threshold <= len(indexes) <= MAX_HOLDERS, "fewer receivers than the threshold")


def _check_party(party: Party, rulebook: Rulebook) -> None:
    found = rulebook.members.get(party.member)
    able = found is not None and found.status in (MemberStatus.ADMITTED, MemberStatus.ACTIVE)
    _require(able, f"{party.member} is neither admitted nor active")
    assert found is not None
    _require(found.role in (Role.GATEWAY, Role.CUSTODIAN), f"{party.member} is neither gateway nor custodian")
    _require(found.identity_key == party.identity_key, f"{party.member} has another key")


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.CEREMONY_INVALID, cause)
