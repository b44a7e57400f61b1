"""
The ledger against differencing: for one window a subject's sums are released for one answering set only.

The first release binds each tag of the query to its U, before the answer is sent; over all requesters, purposes
and attempts, and whether or not the query completed. A binding is never prolonged and never lifted early.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.changeover import generation_before
from consortium.model.identifiers import SubjectTag
from consortium.model.members import MemberSet
from consortium.model.rounds import Bound, BoundState
from consortium.model.rulebook import Rulebook
from consortium.sealing.payload import Payload
from participants.lender.answer_ports import AnswerTransaction, Binding


@dataclass(frozen=True, slots=True)
class ChangedOver:
    """When this lender changed over from the generation `before`, in Unix seconds: its ledger may have tags of it."""

    before: int
    at: int

    def holds(self, rulebook: Rulebook, now: int) -> bool:
        """
        Say whether releases under tags of the generation before still bind.

        Another node of this lender may have changed over later; what it had released by then was asked about before.
        """
        return now < self.at + rulebook.policy.ledger_window + rulebook.policy.query_lifetime


def earlier_tags(
    payload: Payload, issued_at: int, changed: ChangedOver | None, rulebook: Rulebook, now: int
) -> Sequence[SubjectTag]:
    """
    Give the tags of the generation before that count as well; none but for a while after a change of the generation.

    That is as long as the rulebook says for everybody, and for a lender that changed over late as long as its own
    ledger needs. Raises CreditError(EARLIER_TAGS_MISSING) where they are due and the payload has none, whomever this
    lender holds; whether they are those of the person a holder can tell, see `Contributor`.
    """
    due = generation_before(rulebook.document, issued_at)
    late = changed if changed is not None and changed.holds(rulebook, now) else None
    if due is None and late is None:
        return ()
    wanted = due.generation if due else late.before if late else 0
    if payload.earlier_generation != wanted:
        raise CreditError(Code.EARLIER_TAGS_MISSING, f"of generation {wanted}")
    return payload.earlier_tags


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
