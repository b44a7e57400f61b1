"""
The ledger against differencing: for one window a subject's sums are released for one answering set only.

The first release binds each tag of the query to its U, before the answer is sent; over all requesters, purposes
and attempts, and whether or not the query completed. A binding is never prolonged and never lifted early.
"""

from collections.abc import Sequence

from consortium.errors import Code, CreditError
from consortium.model.identifiers import SubjectTag
from consortium.model.members import MemberSet
from consortium.model.rounds import Bound, BoundState
from participants.lender.answer_ports import AnswerTransaction, Binding


def bound_for(bindings: Sequence[Binding | None]) -> Bound:
    """Say what the ledger has bound for the tags of one query."""
    sets = {binding.members for binding in bindings if binding}
    if len(sets) > 1:
        return Bound(BoundState.CONFLICT)
    return Bound(BoundState.SET, sets.pop()) if sets else Bound(BoundState.NONE)


def check_release(bindings: Sequence[Binding | None], answering: MemberSet) -> None:
    """Raise CONFLICT or DIFFERENCING unless nothing but this U was released for these tags within the window."""
    bound = bound_for(bindings)
    if bound.state is BoundState.CONFLICT:
        raise CreditError(Code.CONFLICT)
    if bound.state is BoundState.SET and bound.members != answering:
        raise CreditError(Code.DIFFERENCING, f"bound to a set of {len(bound.members)} members")


def roster_to_test(bindings: Sequence[Binding | None], roster: MemberSet) -> MemberSet:
    """
    Give the roster that U must be large enough for: that of its bindings, or the query's where it is unbound.

    Tags that are bound together with bound ones inherit it, so that they can be asked about together again.
    """
    bound = [binding.roster for binding in bindings if binding]
    return max(bound, key=lambda members: (len(members), sorted(members)), default=roster)


def bind_all(
    store: AnswerTransaction,
    tags: Sequence[SubjectTag],
    bindings: Sequence[Binding | None],
    fresh: Binding,
) -> None:
    """Bind every tag that is not bound yet; what is bound keeps its own start."""
    for tag, binding in zip(tags, bindings, strict=True):
        if binding is None:
            store.bind(tag, fresh)
