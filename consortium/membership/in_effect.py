"""
A rulebook while emergency suspensions hold: what every party that serves others judges its callers by.

Nothing of the document changes, its digest and its roster stay: everybody computes with them. Whom a notice names is
not active, so that every check of a caller, a requester or a controller refuses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from consortium.membership.trusted import TrustedSet
from consortium.model.members import MemberId, MemberSet
from consortium.model.rulebook import Member, MemberStatus, Rulebook


@dataclass(frozen=True)
class InEffect(Rulebook):
    """A rulebook with the members that emergency suspensions cut off; a suspended lender is one that is silent."""

    suspended: MemberSet = field(default=frozenset())

    @property
    def as_signed(self) -> Rulebook:
        """The rulebook as its approvers signed it."""
        return Rulebook(self.document, self.raw)

    @cached_property
    def members(self) -> Mapping[MemberId, Member]:
        """Every member by id, with the status in effect."""
        cut = {"status": MemberStatus.SUSPENDED}
        listed = self.document.members
        return {one.id: one.model_copy(update=cut) if one.id in self.suspended else one for one in listed}


class EffectiveView:
    """Gives the rulebook in effect of a trusted set; one object as long as nothing changes."""

    def __init__(self, trusted: TrustedSet) -> None:
        self._trusted = trusted
        self._view: InEffect | None = None

    def at(self, now: int) -> Rulebook:
        """Give the rulebook in force with the emergency suspensions that hold at `now`, Unix seconds."""
        rulebook = self._trusted.current
        suspended = frozenset(one.member for one in self._trusted.pending_emergencies(now))
        if not suspended:
            return rulebook
        view = self._view
        if view is None or (view.raw, view.suspended) != (rulebook.raw, suspended):
            view = self._view = InEffect(rulebook.document, rulebook.raw, suspended)
        return view
