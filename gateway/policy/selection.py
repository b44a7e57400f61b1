"""Which members answer: the gateway's choice of U from the signed first round, as a pure function."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.rounds import Bound, BoundState


@dataclass(frozen=True, slots=True)
class Selection:
    """U and whether it was bound by earlier releases (then every one of its members must answer)."""

    members: MemberSet
    bound: bool


def choose_answering_set(
    bounds: Mapping[MemberId, Bound],
    roster: MemberSet,
    requester: MemberId,
    groups: Mapping[MemberId, str],
    limits: tuple[int, int],
) -> Selection:
    """
    Choose U from what each member that answered round 1 says its ledger has bound.

    A set that more than c members name is U, and all of it must have answered; members that name another set are
    left out. Raises CreditError(CONFLICT), (DIFFERENCING) or (TOO_FEW_CONTRIBUTORS).
    """
    tolerated, _ = limits
    states = Counter(bound.state for bound in bounds.values())
    if states[BoundState.CONFLICT] > tolerated:
        raise CreditError(Code.CONFLICT)
    named = Counter(bound.members for bound in bounds.values() if bound.state is BoundState.SET)
    credible = [members for members, count in named.items() if count > tolerated]
    if len(credible) > 1:
        raise CreditError(Code.CONFLICT, "two sets are bound")
    if credible:
        return _bound_selection(credible[0], bounds)
    answering = _unbound_selection(bounds)
    check_answering_set(answering, roster, requester, groups, limits)
    return Selection(answering, bound=False)


def _bound_selection(members: MemberSet, bounds: Mapping[MemberId, Bound]) -> Selection:
    usable = {
        member
        for member, bound in bounds.items()
        if bound.state is BoundState.NONE or (bound.state is BoundState.SET and bound.members == members)
    }
    silent = sorted(members - usable)
    if silent:
        raise CreditError(Code.DIFFERENCING, f"bound to a set of which {', '.join(silent)} cannot answer now")
    return Selection(members, bound=True)


def _unbound_selection(bounds: Mapping[MemberId, Bound]) -> MemberSet:
    everybody = frozenset(bounds)
    fitting = Bound(BoundState.SET, everybody)
    if all(bound.state is BoundState.NONE or bound == fitting for bound in bounds.values()):
        return everybody
    return frozenset(member for member, bound in bounds.items() if bound.state is BoundState.NONE)
