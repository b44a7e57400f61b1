"""
Sightings: members' signed statements of the newest rulebook that they have, against a gateway that holds versions back.

A gateway that hides a version from some participants, or from all but one, must also withhold or forge what the
others say about it. It cannot forge a sighting; withholding them all is noticed, because a party trusts its version
only for `policy.rulebook_freshness` seconds from another controlling group's last sighting of it.

One member may lie. What a single controlling group claims is evidence to be looked at; more groups than may collude
(`policy.colluders`) stop the party that hears them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.signed import open_document
from consortium.model.document import Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Role, Rulebook


class Sighting(Document):
    """A member says: I have version `version` with this digest, at this Unix second."""

    consortium: Id
    member: Id
    version: int = Field(ge=1)
    rulebook: Key32
    seen_at: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Claim:
    """A member's newest sighting, its controlling group, and the bytes that it signed."""

    sighting: Sighting
    group: str
    signed: bytes


class Sightings:
    """What other controlling groups have been seen to have; the gateway's own word counts for nothing."""

    def __init__(self, group: str, since: int) -> None:
        """Begin for a party of controlling group `group`; it may use its version for so long from `since` on."""
        self._group = group
        self._claims: dict[MemberId, Claim] = {}
        self._confirmed_at = since

    def take(self, signed: bytes, versions: Mapping[int, Rulebook], now: int) -> None:
        """
        Note a sighting; `versions` are those that this party has verified, the last one in force.

        Raises CreditError(RULEBOOK_FORK) where another document was seen under a version that this party knows,
        (CLOCK_OFF) for one dated in the future, (MEMBER_NOT_ACTIVE), (SIGNATURE_INVALID), (MALFORMED).
        """
        rulebook = versions[max(versions)]
        sighting = open_document(
            Sighting, signed, Label.SIGHTING, lambda one: _witness_key(rulebook, one.member), Code.MALFORMED
        )
        if sighting.consortium != rulebook.document.consortium:
            raise CreditError(Code.MALFORMED, "a sighting of another consortium")
        if sighting.seen_at > now + rulebook.policy.clock_skew:
            raise CreditError(Code.CLOCK_OFF, "a sighting dated in the future")
        self._note(Claim(sighting, rulebook.members[sighting.member].group, signed), versions)
        known = versions.get(sighting.version)
        if known is not None and known.digest != sighting.rulebook:
            raise CreditError(Code.RULEBOOK_FORK, f"version {sighting.version}, says {sighting.member}")

    def confirmed_at(self, versions: Mapping[int, Rulebook]) -> int:
        """Give when somebody else was last seen with the version in force, Unix seconds; at first `since`."""
        newest = max(versions)
        same = (one.sighting for one in self._claims.values() if not _differs(one.sighting, versions))
        return max([self._confirmed_at, *(one.seen_at for one in same if one.version == newest)])

    @property
    def heard(self) -> tuple[Claim, ...]:
        """Give the newest sighting of each member of another group, by member."""
        return tuple(one for _, one in sorted(self._claims.items()))

    def claims(self, versions: Mapping[int, Rulebook]) -> tuple[Claim, ...]:
        """Give what others claim to have and this party has not: newer versions, other documents of known ones."""
        found, members = (one for _, one in sorted(self._claims.items())), versions[max(versions)].members
        return tuple(one for one in found if _differs(one.sighting, versions) and _counts(members, one))

    def check(self, versions: Mapping[int, Rulebook], now: int) -> None:
        """
        Raise CreditError(RULEBOOK_FROZEN) where nobody was heard for too long, or too many have a newer version.

        (RULEBOOK_FORK) where too many have another document of a version that this party knows. "Too many" is more
        controlling groups than may collude.
        """
        rulebook = versions[max(versions)]
        if now - self.confirmed_at(versions) > rulebook.policy.rulebook_freshness:
            raise CreditError(Code.RULEBOOK_FROZEN, "no other group was seen with this version for too long")
        claims = self.claims(versions)
        if len({one.group for one in claims}) > rulebook.policy.colluders:
            newest = max(one.sighting.version for one in claims)
            if newest > rulebook.document.version:
                raise CreditError(Code.RULEBOOK_FROZEN, f"version {newest} exists")
            raise CreditError(Code.RULEBOOK_FORK, f"version {newest}")

    def _note(self, claim: Claim, versions: Mapping[int, Rulebook]) -> None:
        """Keep what is of another group; of one member the newest sighting stands."""
        sighting, before = claim.sighting, self._claims.get(claim.sighting.member)
        if claim.group == self._group or (before is not None and before.sighting.seen_at > sighting.seen_at):
            return
        self._confirmed_at = self.confirmed_at(versions)
        self._claims = {**self._claims, sighting.member: claim}  # other threads may be reading


def _differs(sighting: Sighting, versions: Mapping[int, Rulebook]) -> bool:
    known = versions.get(sighting.version)
    return sighting.version > max(versions) or (known is not None and known.digest != sighting.rulebook)


def _counts(members: Mapping[MemberId, Member], claim: Claim) -> bool:
    found = members.get(claim.sighting.member)
    return found is not None and found.status is MemberStatus.ACTIVE


def _witness_key(rulebook: Rulebook, member: MemberId) -> bytes:
    found = rulebook.active_member(member)
    if found.role is Role.GATEWAY:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "the gateway's own sighting")
    return found.identity_key
