"""
The rulebook: the one signed document that is the root of trust.

What is signed is the exact bytes; the parsed form is for reading only. This module knows the document, its
digest and its verification. It holds no clock: who calls `check_current` says what time it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydantic import ValidationError

from consortium.canonical import parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.attributes import Reader
from consortium.model.catalogue import Attribute, Purpose
from consortium.model.document import first_problem
from consortium.model.members import MemberId, MemberSet
from consortium.model.rulebook_checks import check_consistent, threshold_key
from consortium.model.rulebook_document import (
    Approvers,
    HolderKey,
    Member,
    MemberStatus,
    Oprf,
    Policy,
    PurposeRule,
    Retired,
    Role,
    RulebookDocument,
)
from consortium.model.scorecard import CardRole, Scorecard
from consortium.model.scorecard_slots import card_slots, slot_readers
from consortium.model.signing import verify_signature

__all__ = [
    "Approvers",
    "HolderKey",
    "Member",
    "MemberStatus",
    "Oprf",
    "Policy",
    "PurposeRule",
    "Retired",
    "Role",
    "Rulebook",
    "RulebookDocument",
    "check_approved",
    "first_problem",
    "parse_rulebook",
    "rulebook_digest",
    "threshold_key",
    "verify_rulebook",
]


FORM = 1
"""The form of document that this software reads; form 1 does not name itself, later ones do in the key `form`."""


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
    def as_signed(self) -> "Rulebook":
        """The same without what holds only for a while: what has been answered is checked by it."""
        return self

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
        """What can be asked for by attribute id: the catalogue, and the slots of the scorecards."""
        catalogue = {attribute.id: attribute for attribute in self.document.attributes}
        return catalogue | card_slots(self.document.scorecards)

    @cached_property
    def slot_readers(self) -> Mapping[str, Reader]:
        """What computes the slots of the scorecards from a lender's facts, by attribute id."""
        return slot_readers(self.document.scorecards)

    def scorecards_at(self, at: int) -> tuple[Scorecard, ...]:
        """Give the cards in effect at a time (Unix seconds), the champion first."""
        found = (card for card in self.document.scorecards if card.is_effective(at))
        return tuple(sorted(found, key=lambda card: (card.role is not CardRole.CHAMPION, card.id, card.version)))

    @cached_property
    def purposes(self) -> Mapping[Purpose, PurposeRule]:
        """The purposes that may be asked for."""
        return {rule.id: rule for rule in self.document.purposes}

    @cached_property
    def regulator(self) -> Member:
        """The active regulator."""
        active = MemberStatus.ACTIVE
        return next(m for m in self.document.members if m.role is Role.REGULATOR and m.status is active)

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


def rulebook_digest(raw: bytes) -> bytes:
    """Digest the exact bytes of a rulebook."""
    return transcript_hash(Label.RULEBOOK, raw)


@lru_cache(maxsize=8)
def parse_rulebook(raw: bytes) -> RulebookDocument:
    """
    Parse canonical bytes into a consistent document; trusts nobody yet. The last few are kept: each is asked for twice.

    Raises CreditError(RULEBOOK_INVALID), or (VERSION_UNSUPPORTED) for the form of a later version of this software.
    """
    try:
        value = parse_canonical(raw)
        form = value.get("form", FORM) if isinstance(value, dict) else FORM
        document = RulebookDocument.model_validate(value) if form == FORM else None
    except ValidationError as error:
        raise CreditError(Code.RULEBOOK_INVALID, first_problem(error)) from None
    except CreditError as error:
        raise CreditError(Code.RULEBOOK_INVALID, error.cause) from error
    if document is None:
        raise CreditError(Code.VERSION_UNSUPPORTED, f"a rulebook of another form than {FORM}")
    check_consistent(document)
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
        check_approved(raw, signatures, trusted.document, trusted.document)
    elif fingerprint is None or rulebook_digest(raw) != fingerprint:
        raise CreditError(Code.RULEBOOK_INVALID, "not the fingerprint that was received out of band")
    check_approved(raw, signatures, document, trusted.document if trusted else document)
    return Rulebook(document, raw)


def _check_successor(document: RulebookDocument, trusted: Rulebook) -> None:
    if document.consortium != trusted.document.consortium:
        raise CreditError(Code.RULEBOOK_INVALID, "another consortium")
    if document.version != trusted.document.version + 1:
        raise CreditError(Code.RULEBOOK_INVALID, f"version {document.version} after {trusted.document.version}")
    if document.previous != trusted.digest:
        raise CreditError(Code.RULEBOOK_INVALID, "does not follow the trusted version")


def check_approved(
    raw: bytes, signatures: Mapping[MemberId, bytes], by: RulebookDocument, keys: RulebookDocument
) -> None:
    """
    Raise unless a threshold of `by`'s active approvers, of distinct controlling groups, signed exactly these bytes.

    `keys` is the rulebook that was in force when they signed: an approver whose key this very version exchanges
    signs it with the old one. Who is new there signs with the key of `by`.

    Raises CreditError(SIGNATURE_INVALID) for a wrong signature of an approver, (RULEBOOK_INVALID) for too few groups.
    """
    members = {member.id: member for member in by.members}
    pinned = {member.id: member.identity_key for member in (*by.members, *keys.members)}
    groups = set()
    for approver in by.approvers.members:
        member = members[approver]
        if approver in signatures and member.status is MemberStatus.ACTIVE:
            verify_signature(pinned[approver], signatures[approver], Label.RULEBOOK, raw)
            groups.add(member.group)
    if len(groups) < by.approvers.threshold:
        raise CreditError(
            Code.RULEBOOK_INVALID, f"signed for {len(groups)} controlling groups, {by.approvers.threshold} needed"
        )
