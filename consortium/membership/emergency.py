"""
The operator's emergency suspension: immediate, signed by the gateway, and gone after 72 hours unless ratified.

It cuts traffic only. It takes no vote away (an operator could else silence the approvers that would lift it), changes
no roster and no epoch, and can be used once for a member and rulebook version: a second one needs a version newer
than the first one's, so that an operator cannot string them together against the approvers' will.
"""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.signed import document_digest, open_document
from consortium.model.document import Document, Id, Key32, Line
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, Rulebook

EMERGENCY_SECONDS = 72 * 3600


class EmergencySuspension(Document):
    """The operator's notice; `version` is the rulebook in force when it was made, times are Unix seconds."""

    consortium: Id
    rulebook: Key32
    version: int = Field(ge=1)
    member: Id
    reason: Line
    issued_at: int = Field(ge=0)

    @property
    def lapses_at(self) -> int:
        """When it ends by itself."""
        return self.issued_at + EMERGENCY_SECONDS


def gateway_key(rulebook: Rulebook) -> bytes:
    """Give the active gateway's identity key; raises CreditError(NOTICE_INVALID) where there is none."""
    for member in rulebook.document.members:
        if member.role is Role.GATEWAY and member.status is MemberStatus.ACTIVE:
            return member.identity_key
    raise CreditError(Code.NOTICE_INVALID, "the rulebook has no active gateway")


def parse_emergency(signed: bytes, rulebook: Rulebook) -> EmergencySuspension:
    """
    Verify that the active gateway of this rulebook made a notice, under this version or an earlier one.

    Approvers ratify or lift by it. Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (NOTICE_INVALID).
    """
    notice = open_document(
        EmergencySuspension, signed, Label.EMERGENCY_SUSPENSION, lambda _: gateway_key(rulebook), Code.NOTICE_INVALID
    )
    if notice.consortium != rulebook.document.consortium or notice.version > rulebook.document.version:
        raise CreditError(Code.NOTICE_INVALID, "the notice is under another rulebook")
    return notice


def read_emergency(signed: bytes, versions: Mapping[int, Rulebook]) -> EmergencySuspension:
    """
    Verify a notice against the version it names, one of those that were trusted here.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), or (NOTICE_INVALID) for another consortium or version, for one
    that is dated after its version was replaced, for the gateway itself and for a member that is not there or has left.
    """
    notice = open_document(
        EmergencySuspension,
        signed,
        Label.EMERGENCY_SUSPENSION,
        lambda one: gateway_key(_named(one, versions)),
        Code.NOTICE_INVALID,
    )
    rulebook, after = _named(notice, versions), versions.get(notice.version + 1)
    if after is not None and notice.issued_at > after.document.issued_at + rulebook.policy.clock_skew:
        raise CreditError(Code.NOTICE_INVALID, "dated after its rulebook version was replaced")
    member = rulebook.members.get(notice.member)
    if member is None or member.role is Role.GATEWAY or member.status is MemberStatus.LEFT:
        raise CreditError(Code.NOTICE_INVALID, "nobody that the operator can suspend")
    return notice


def _named(notice: EmergencySuspension, versions: Mapping[int, Rulebook]) -> Rulebook:
    rulebook = versions.get(notice.version)
    if rulebook is None or (notice.consortium, notice.rulebook) != (rulebook.document.consortium, rulebook.digest):
        raise CreditError(Code.NOTICE_INVALID, "the notice is under another rulebook")
    return rulebook


class Emergencies:
    """The notices taken so far; what they mean depends on the time and on the rulebook in force."""

    def __init__(self) -> None:
        self._notices: dict[MemberId, tuple[bytes, EmergencySuspension]] = {}
        self._spent: dict[MemberId, int] = {}
        """The newest version under which each member was suspended, also by notices that were over when they came."""

    def copy(self) -> Self:
        """Give the same notices, to see whether one more would be taken."""
        twin = type(self)()
        twin._notices = self._notices  # noqa: SLF001  it is one of ours, and never changed in place
        twin._spent = self._spent  # noqa: SLF001  the same
        return twin

    def take(self, signed: bytes, versions: Mapping[int, Rulebook], now: int) -> bool:
        """
        Verify a notice and put it into force; False for one that is known. The last of `versions` is in force.

        Raises as `read_emergency`; CreditError(CLOCK_OFF) for one dated in the future, (NOTICE_INVALID) for one that
        has lapsed or was lifted, or a second one for the member under one version. What has lapsed is remembered all
        the same: a party that begins anew must not take the operator's second notice for its first.
        """
        notice, digest = read_emergency(signed, versions), document_digest(Label.EMERGENCY_SUSPENSION, signed)
        rulebook = versions[max(versions)]
        known = self._notices.get(notice.member)
        if known is not None and known[0] == digest:
            return False
        if notice.issued_at > now + rulebook.policy.clock_skew:
            raise CreditError(Code.CLOCK_OFF, "an emergency suspension dated in the future")
        spent = self._spent.get(notice.member, 0)
        self._spent = {**self._spent, notice.member: max(spent, notice.version)}
        if now >= notice.lapses_at or digest in rulebook.document.lifted:
            raise CreditError(Code.NOTICE_INVALID, "the emergency suspension has lapsed or was lifted")
        if spent >= notice.version:
            raise CreditError(Code.NOTICE_INVALID, "a second emergency suspension under one rulebook version")
        self._notices = {**self._notices, notice.member: (digest, notice)}  # other threads may be reading
        return True

    def status(self, member: MemberId, rulebook: Rulebook, now: int) -> MemberStatus | None:
        """Give the status in effect: the rulebook's, or SUSPENDED while a notice holds; None for nobody's id."""
        found = rulebook.members.get(member)
        if found is None:
            return None
        return MemberStatus.SUSPENDED if self._holds(member, rulebook, now) and _cut(found.status) else found.status

    def pending(self, rulebook: Rulebook, now: int) -> tuple[EmergencySuspension, ...]:
        """Give the notices in force that the approvers have not ratified: those that will lapse."""
        return tuple(
            notice
            for member, (_, notice) in sorted(self._notices.items())
            if self._holds(member, rulebook, now) and _cut(rulebook.members[member].status)
        )

    def _holds(self, member: MemberId, rulebook: Rulebook, now: int) -> bool:
        if member not in self._notices:
            return False
        digest, notice = self._notices[member]
        return now < notice.lapses_at and digest not in rulebook.document.lifted


def _cut(status: MemberStatus) -> bool:
    return status in (MemberStatus.ACTIVE, MemberStatus.ADMITTED)
