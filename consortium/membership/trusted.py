"""
The trusted set: from one rulebook to the next, bytes in, a verified rulebook or a refusal out (as in TUF's clients).

No I/O and no clock: a thin shell fetches and keeps files, and says what time it is. A refused version leaves
everything as it was. What each refusal is for stands in `docs/membership.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.emergency import Emergencies, EmergencySuspension, read_emergency
from consortium.membership.sightings import Claim, Sighting, Sightings
from consortium.membership.signed import parse_document, sign_document
from consortium.membership.transitions import KeyHistory, check_transition
from consortium.membership.words import check_fingerprint
from consortium.model.document import Document, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import (
    MemberStatus,
    Rulebook,
    RulebookDocument,
    parse_rulebook,
    rulebook_digest,
    verify_rulebook,
)
from consortium.model.signing import Signer


class LastSeen(Document):
    """The newest version that was trusted: kept outside the rulebooks' folder, it betrays an older folder put back."""

    version: int
    rulebook: Key32

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raises CreditError(MALFORMED)."""
        return parse_document(cls, data, Code.MALFORMED)


class SignedBytes(Protocol):
    """A rulebook's exact bytes with its approvers' signatures, whatever brought them."""

    @property
    def document(self) -> bytes:
        """The exact bytes."""
        ...

    @property
    def signatures(self) -> Mapping[MemberId, bytes]:
        """The signatures by approver."""
        ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A rulebook's exact bytes with its approvers' signatures."""

    document: bytes
    signatures: Mapping[MemberId, bytes]


class TrustedSet:
    """The rulebook in force with all that later ones are held to."""

    def __init__(self, first: Rulebook) -> None:
        self._current = first
        self._versions = {first.document.version: first}
        self._keys = KeyHistory(first.document)
        self._emergencies = Emergencies()
        self._sightings: Sightings | None = None

    @classmethod
    def begin(cls, signed: SignedBytes, fingerprint: str) -> Self:
        """
        Trust a first rulebook by the fingerprint received out of band: words or hexadecimal digits.

        It must be signed as any other, by approvers of at least two controlling groups: version 1 by the founders.
        Raises CreditError(FINGERPRINT_MISTYPED), (FINGERPRINT_MISMATCH) and as `update`.
        """
        digest = rulebook_digest(signed.document)
        check_fingerprint(digest, fingerprint)
        document = parse_rulebook(signed.document)
        check_genesis(document)
        check_signers(document, signed.signatures, None)
        return cls(verify_rulebook(signed.document, signed.signatures, fingerprint=digest))

    @property
    def current(self) -> Rulebook:
        """The rulebook in force."""
        return self._current

    @property
    def version(self) -> int:
        """Its version."""
        return self._current.document.version

    @property
    def last_seen(self) -> LastSeen:
        """What to keep outside the folder."""
        return LastSeen(version=self.version, rulebook=self._current.digest)

    def update(self, signed: SignedBytes) -> bool:
        """
        Verify the next version and put it into force; False for a version that this set has trusted before.

        Raises CreditError and changes nothing: RULEBOOK_INVALID (gap, wrong predecessor, too few groups, a signer
        that may not sign, a contradiction), RULEBOOK_ROLLBACK, RULEBOOK_FORK (the approvers signed two documents of
        one version), TRANSITION_ILLEGAL, KEY_REUSED, MEMBER_ID_CONFUSABLE, SHARE_KEYS_INCONSISTENT, SIGNATURE_INVALID.
        """
        document, digest = parse_rulebook(signed.document), rulebook_digest(signed.document)
        if document.version <= self.version:
            return self._known(document, digest, signed)
        check_signers(document, signed.signatures, self._current.document)
        rulebook = verify_rulebook(signed.document, signed.signatures, trusted=self._current)
        self.check_candidate(document)
        self._keys.take(document)
        self._versions = {**self._versions, document.version: rulebook}  # other threads may be reading
        self._current = rulebook
        return True

    def check_candidate(self, document: RulebookDocument) -> None:
        """
        Refuse what `update` would refuse of a next version whoever signed it; an approver checks before it votes.

        Raises CreditError(TRANSITION_ILLEGAL), (RULEBOOK_ROLLBACK) or (KEY_REUSED).
        """
        check_transition(self._current.document, document)
        self._keys.check(document)

    def check_last_seen(self, last: LastSeen) -> None:
        """Raise CreditError(RULEBOOK_ROLLBACK) or (RULEBOOK_FORK) where a newer or other version was trusted before."""
        if last.version > self.version:
            raise CreditError(Code.RULEBOOK_ROLLBACK, f"version {last.version} was in force here")
        known = self._versions.get(last.version)
        if known is not None and known.digest != last.rulebook:
            raise CreditError(Code.RULEBOOK_FORK, f"version {last.version}")

    def check_usable(self, now: int) -> None:
        """
        Raise unless the rulebook may be used at `now`, Unix seconds.

        CreditError(RULEBOOK_INVALID) once expired, (CLOCK_OFF) before its issue by more than the clock skew, and
        (RULEBOOK_FROZEN) or (RULEBOOK_FORK) as `Sightings.check` where sightings are kept.
        """
        self._current.check_current(now)
        if now < self._current.document.issued_at - self._current.policy.clock_skew:
            raise CreditError(Code.CLOCK_OFF, "this clock is before the rulebook's issue")
        if self._sightings is not None:
            self._sightings.check(self._versions, now)

    def watch_sightings(self, member: MemberId, since: int) -> None:
        """
        Begin to keep sightings for the party `member`; its own controlling group's will not count.

        `since` is when the version in force counts as last confirmed, Unix seconds.
        """
        self._sightings = Sightings(self._current.members[member].group, since)

    @property
    def sightings(self) -> Sightings | None:
        """Give the sightings, where they are kept."""
        return self._sightings

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Give what others claim to have and this party has not."""
        return self._sightings.claims(self._versions) if self._sightings is not None else ()

    def take_sighting(self, signed: bytes, now: int) -> None:
        """Note another member's sighting; raises as `Sightings.take`, RULEBOOK_FORK above all."""
        if self._sightings is not None:
            self._sightings.take(signed, self._versions, now)

    def own_sighting(self, member: MemberId, signer: Signer, now: int) -> bytes:
        """Sign what this party has."""
        document = self._current.document
        sighting = Sighting(
            consortium=document.consortium,
            member=member,
            version=document.version,
            rulebook=self._current.digest,
            seen_at=now,
        )
        return sign_document(signer, Label.SIGHTING, sighting)

    def take_emergency(self, signed: bytes, now: int) -> bool:
        """Put an emergency suspension into force; False for a known one. Raises as `Emergencies.take`."""
        return self._emergencies.take(signed, self._versions, now)

    def check_emergency(self, signed: bytes, now: int) -> EmergencySuspension:
        """Refuse what `take_emergency` would refuse, and give the notice; nothing is put into force."""
        self._emergencies.copy().take(signed, self._versions, now)
        return read_emergency(signed, self._versions)

    def status(self, member: MemberId, now: int) -> MemberStatus | None:
        """Give a member's status in effect at `now`, emergency suspensions included; None for nobody's id."""
        return self._emergencies.status(member, self._current, now)

    def pending_emergencies(self, now: int) -> tuple[EmergencySuspension, ...]:
        """Give the emergency suspensions that will lapse unless the approvers ratify them."""
        return self._emergencies.pending(self._current, now)

    def key_is_used(self, key: bytes) -> bool:
        """Say whether a key is or was any member's, as far back as this set has seen."""
        return self._keys.knows(key)

    def _known(self, document: RulebookDocument, digest: bytes, signed: SignedBytes) -> bool:
        known = self._versions.get(document.version)
        if known is not None and known.digest == digest:
            return False
        if known is None:
            raise CreditError(Code.RULEBOOK_ROLLBACK, "a version before the first one that was trusted")
        try:
            verify_rulebook(signed.document, signed.signatures, fingerprint=digest)
        except CreditError:
            raise CreditError(Code.RULEBOOK_ROLLBACK, "another document under an old version") from None
        raise CreditError(Code.RULEBOOK_FORK, f"version {document.version}")


def check_genesis(document: RulebookDocument) -> None:
    """Raise CreditError(RULEBOOK_INVALID) for a version 1 that pretends to a past; later versions pass."""
    if document.version == 1 and (document.retired or document.lifted or document.epoch != 1):
        raise CreditError(Code.RULEBOOK_INVALID, "a first version with a past")


def check_signers(
    document: RulebookDocument, signatures: Mapping[MemberId, bytes], trusted: RulebookDocument | None
) -> None:
    """
    Raise CreditError(RULEBOOK_INVALID) for a signature by anybody but an active approver, before or after.

    They would not be counted; to refuse them shows whoever adds them (the gateway, a suspended approver).
    """
    allowed = {one for by in (document, trusted) if by is not None for one in _active_approvers(by)}
    if not set(signatures) <= allowed:
        raise CreditError(Code.RULEBOOK_INVALID, "signed by somebody who is no active approver")


def _active_approvers(document: RulebookDocument) -> list[MemberId]:
    active = {member.id for member in document.members if member.status is MemberStatus.ACTIVE}
    return [one for one in document.approvers.members if one in active]
