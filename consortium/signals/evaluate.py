"""Applying rules to what a requester decrypted: what fired, what could not be decided, and the hint."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from consortium.model.catalogue import Purpose
from consortium.model.signal_policy import AMOUNT, SCORE, Condition, Hint, Rule, Side, SignalPolicy, Term
from consortium.silent import Silent

PERCENT = 100


@dataclass(frozen=True, slots=True, repr=False)
class View(Silent):
    """
    What is known of a person: sums and the asking lender's own part of them, by attribute id.

    Amounts in minor units. Where not everybody answered (`complete` unset) a sum is a lower bound. What is absent from
    `totals` was not asked for or not permitted.
    """

    totals: Mapping[str, int]
    own: Mapping[str, int]
    amount: int | None = None
    score: int | None = None
    complete: bool = True

    def alone(self, score: int | None = None) -> "View":
        """Give what the asking lender would have known by itself, its own score included where it has one."""
        own = {name: self.own.get(name, 0) for name in self.totals}
        return replace(self, totals=own, own=own, score=score, complete=True)

    def value(self, name: str, side: Side) -> int | None:
        """Give a value, or None where it is not known."""
        if name == AMOUNT:
            return self.amount
        if name == SCORE:
            return self.score
        total = self.totals.get(name)
        return total if total is None or side is Side.TOTAL else total - self.own.get(name, 0)


@dataclass(frozen=True, slots=True)
class Findings:
    """The rules that fired, those that lacked a value, and the worst hint of those that fired."""

    fired: tuple[Rule, ...]
    undecided: tuple[Rule, ...]

    @property
    def hint(self) -> Hint:
        """The worst hint; APPROVE where nothing fired."""
        return worst(rule.hint for rule in self.fired)


def worst(hints: Iterable[Hint]) -> Hint:
    """Give the worst hint, APPROVE where there is none."""
    return max(hints, default=Hint.APPROVE)


def apply_rules(policy: SignalPolicy, view: View, purpose: Purpose, at: int) -> Findings:
    """
    Apply the rules for a purpose that are in effect at a time (Unix seconds).

    A rule fires when all its conditions hold, is undecided when none fails and at least one cannot be decided. Where
    a sum is a lower bound or lacks a term, a condition holds only if it holds whatever is missing: no value is below 0.
    """
    verdicts = [(rule, _holds(rule.when, view)) for rule in policy.in_effect(purpose, at)]
    fired = tuple(rule for rule, verdict in verdicts if verdict)
    return Findings(fired, tuple(rule for rule, verdict in verdicts if verdict is None))


def _holds(conditions: Sequence[Condition], view: View) -> bool | None:
    verdicts = [_decide(one, view) for one in conditions]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _decide(condition: Condition, view: View) -> bool | None:
    (measured, whole), base = _total(condition.terms, view), 1
    if condition.per:
        per, per_whole = _total(condition.per, view)
        if not (whole and per_whole and view.complete) or per <= 0:
            return None
        measured, base = PERCENT * measured, per
    enough = condition.at_least is None or measured >= condition.at_least * base
    small = condition.below is None or measured < condition.below * base
    if whole and view.complete:
        return enough and small
    return _decide_partly(condition, enough=enough, small=small)


def _decide_partly(condition: Condition, *, enough: bool, small: bool) -> bool | None:
    """Decide by a lower bound: more can only be added, so `enough` stays true, and not `small` stays so."""
    if any(term.factor < 0 or term.value == SCORE for term in condition.terms):
        return None
    if not small:
        return False
    return True if enough and condition.below is None else None


def _total(terms: Sequence[Term], view: View) -> tuple[int, bool]:
    """Give the sum of what is known of the terms, and whether all of it is known."""
    values = [view.value(term.value, term.side) for term in terms]
    known = sum(term.factor * value for term, value in zip(terms, values, strict=True) if value is not None)
    return known, None not in values
