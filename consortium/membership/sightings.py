"""
Sightings: members' signed statements of the newest rulebook that they have, against a gateway that holds versions back.

A gateway that hides a version from some participants, or from all but one, must also withhold or forge what the
others say about it. It cannot forge a sighting; withholding them all is noticed, because a party trusts its version
only for `policy.rulebook_freshness` seconds from another controlling group's last sighting of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.signed import open_document
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook
from consortium.model.rulebook_document import Document, Id, Key32


class Sighting(Document):
    """A member says: I have version `version` with this digest, at this Unix second."""

    consortium: Id
    member: Id
    version: int = Field(ge=1)
    rulebook: Key32
    seen_at: int = Field(ge=0)


@dataclass(slots=True)
class Sightings:
    """What other controlling groups have been seen to have; the gateway's own word counts for nothing."""

    group: str
    """The controlling group of the party that keeps this."""
    confirmed_at: int
    """When somebody else was last seen with the version in force, or when this party began."""
    newer: int = 0
    """The highest version that somebody signed for and that this party does not have."""

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
        known = versions.get(sighting.version)
        if known is not None and known.digest != sighting.rulebook:
            raise CreditError(Code.RULEBOOK_FORK, f"version {sighting.version}")
        self._note(sighting, rulebook)

    def check(self, rulebook: Rulebook, now: int) -> None:
        """Raise CreditError(RULEBOOK_FROZEN) where somebody has a newer version, or nobody was heard for too long."""
        if self.newer > rulebook.document.version:
            raise CreditError(Code.RULEBOOK_FROZEN, f"version {self.newer} exists")
        if now - self.confirmed_at > rulebook.policy.rulebook_freshness:
            raise CreditError(Code.RULEBOOK_FROZEN, "no other group was seen with this version for too long")

    def _note(self, sighting: Sighting, rulebook: Rulebook) -> None:
        if rulebook.members[sighting.member].group == self.group:
            return
        if sighting.version > rulebook.document.version:
            self.newer = max(self.newer, sighting.version)
        elif sighting.version == rulebook.document.version:
            self.confirmed_at = max(self.confirmed_at, sighting.seen_at)


def _witness_key(rulebook: Rulebook, member: MemberId) -> bytes:
    found = rulebook.active_member(member)
    if found.role is Role.GATEWAY:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "the gateway's own sighting")
    return found.identity_key
