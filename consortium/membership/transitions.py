"""
Which rulebook may follow which: what a threshold of approvers may change, and what nobody may.

These rules are checked by everybody, signatures or not: they keep a mistake, or a threshold of approvers that was
deceived, from undoing what others rely on (ids, keys and groups of members, the person's key, the epoch).
"""

from collections.abc import Iterator

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Oprf, Retired, Role, RulebookDocument, threshold_key
from consortium.model.rulebook_checks import pinned_keys

_ADMITTED, _ACTIVE = MemberStatus.ADMITTED, MemberStatus.ACTIVE
_SUSPENDED, _LEFT = MemberStatus.SUSPENDED, MemberStatus.LEFT

STEPS: dict[MemberStatus, frozenset[MemberStatus]] = {
    _ADMITTED: frozenset({_ADMITTED, _ACTIVE, _LEFT}),
    _ACTIVE: frozenset({_ACTIVE, _SUSPENDED, _LEFT}),
    _SUSPENDED: frozenset({_SUSPENDED, _ACTIVE, _LEFT}),
    _LEFT: frozenset({_LEFT}),
}
"""From a member's status to those that the next version may give it."""

_KNOWS_EPOCH = (_ADMITTED, _ACTIVE)


class KeyHistory:
    """Every key that a member ever had in the versions seen, so that none comes back under another name."""

    def __init__(self, document: RulebookDocument) -> None:
        self._owners: dict[bytes, tuple[MemberId, str]] = dict(_owned(document))
        self._current = dict(self._owners)

    def check(self, document: RulebookDocument) -> None:
        """Raise CreditError(KEY_REUSED) for a key that was somebody's before, or this member's before a rotation."""
        for key, owner in _owned(document):
            if key in self._owners and self._current.get(key) != owner:
                raise CreditError(Code.KEY_REUSED, f"the {owner[1]} key of {owner[0]}")

    def knows(self, key: bytes) -> bool:
        """Say whether a key is or was used."""
        return key in self._owners

    def take(self, document: RulebookDocument) -> None:
        """Remember the keys of the version that is now in force."""
        self._current = dict(_owned(document))
        self._owners |= self._current


def check_transition(before: RulebookDocument, after: RulebookDocument) -> None:
    """
    Raise unless `after` may follow `before`, both consistent in themselves; signatures are checked elsewhere.

    Raises CreditError(RULEBOOK_ROLLBACK) for an epoch or generation that goes back, (TRANSITION_ILLEGAL) for the rest.
    """
    _require(before.consortium == after.consortium, "the consortium's name")
    _require(after.issued_at >= before.issued_at, "it is dated before its predecessor")
    _check_members(before, after)
    _check_epoch(before, after)
    _check_generation(before, after)


def _check_members(before: RulebookDocument, after: RulebookDocument) -> None:
    known = [member.id for member in before.members]
    _require([member.id for member in after.members][: len(known)] == known, "a member was dropped or moved")
    for old, new in zip(before.members, after.members, strict=False):
        _check_member(old, new)
    for newcomer in after.members[len(known) :]:
        _require(newcomer.status is _ADMITTED, f"{newcomer.id} did not begin as admitted")
        _require(newcomer.application is not None, f"{newcomer.id} comes without an application")


def _check_member(old: Member, new: Member) -> None:
    _require(new.status in STEPS[old.status], f"{old.id} goes from {old.status} to {new.status}")
    fixed = (old.role, old.group, old.legal_name, old.application)
    _require((new.role, new.group, new.legal_name, new.application) == fixed, f"role, group or name of {old.id}")
    _require(old.status is not _LEFT or old == new, f"{old.id} has left and was changed")
    if (old.status, new.status) == (_ADMITTED, _ACTIVE) and new.role is Role.LENDER:
        _require(new.conformance is not None, f"{old.id} was activated without a conformance report")


def _check_epoch(before: RulebookDocument, after: RulebookDocument) -> None:
    if after.epoch < before.epoch:
        raise CreditError(Code.RULEBOOK_ROLLBACK, f"epoch {after.epoch} after {before.epoch}")
    _require(after.epoch <= before.epoch + 1, "an epoch was left out")
    changed = after.epoch_secret != before.epoch_secret
    _require(changed == (after.epoch != before.epoch), "epoch and fingerprint of its key change together")
    cut_off = [old.id for old, new in zip(before.members, after.members, strict=False) if _loses_epoch(old, new)]
    _require(not cut_off or after.epoch > before.epoch, "a lender was cut off and the epoch did not increase")


def _loses_epoch(old: Member, new: Member) -> bool:
    return old.role is Role.LENDER and old.status in _KNOWS_EPOCH and new.status not in _KNOWS_EPOCH


def _check_generation(before: RulebookDocument, after: RulebookDocument) -> None:
    old, new = before.oprf, after.oprf
    if (new.generation, new.revision) < (old.generation, old.revision):
        raise CreditError(Code.RULEBOOK_ROLLBACK, "an older generation or revision of the OPRF key")
    if new.generation == old.generation:
        _check_revision(old, new)
        _require(after.retired == before.retired, "retired generations change with the generation only")
        _check_upcoming(before, after.upcoming)
    else:
        _require(new == before.upcoming, "the new generation is not the one that was announced")
        _require(after.upcoming is None, "another generation was announced in the same version")
        retired = (*before.retired, Retired.of(old, after.issued_at))
        _require(after.retired == retired, "the generation before must be kept as retired, with the date")


def _check_revision(old: Oprf, new: Oprf) -> None:
    _require(new.secrets == old.secrets, "the secrets of a generation do not change")
    if new.revision == old.revision:
        _require(new == old, "share keys changed without a new revision")
        return
    _require(new.revision == old.revision + 1, "a revision was left out")
    _require(new.transcript not in (None, old.transcript), "new share keys need the transcript of their ceremony")
    same = threshold_key(new).public == threshold_key(old).public
    _require(same, "new share keys of one generation must be of the same key")


def _check_upcoming(before: RulebookDocument, upcoming: Oprf | None) -> None:
    if upcoming is None or upcoming == before.upcoming:
        return
    old = before.oprf
    _require((upcoming.generation, upcoming.revision) == (old.generation + 1, 1), "the announced generation's number")
    _require(upcoming.transcript is not None, "a new key needs the transcript of its ceremony")
    _require(upcoming.secrets != old.secrets, "a new generation needs new secrets")
    _require(threshold_key(upcoming).public != threshold_key(old).public, "a new generation needs a new key")


def _owned(document: RulebookDocument) -> Iterator[tuple[bytes, tuple[MemberId, str]]]:
    return ((key, (member.id, kind)) for member in document.members for kind, key in pinned_keys(member))


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.TRANSITION_ILLEGAL, cause)
