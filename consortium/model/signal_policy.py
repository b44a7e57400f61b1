"""
The signal policy: rules, fallback table and notices, as data of the rulebook.

A rule is a set of conditions over sums, a hint and a reason in words that a loan officer and an applicant can read.
Numbers are integers throughout: a ratio is compared in percent by cross-multiplication, never divided.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum, StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from consortium.canonical import MAX_INTEGER
from consortium.errors import Code, CreditError
from consortium.model.catalogue import Family, Purpose
from consortium.model.document import Document, Line

AMOUNT, SCORE = "amount", "score"
"""What a term may name beside attributes: the amount applied for, and the champion scorecard's total."""
MAX_RULES, MAX_TERMS = 200, 16
MAX_FACTOR = 1_000_000
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ReasonCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,39}$")]


class Hint(IntEnum):
    """What an underwriting flow is advised to do; the worst of several holds."""

    APPROVE = 0
    REFER = 1
    DECLINE = 2


def _hint(value: object) -> object:
    return Hint[value] if isinstance(value, str) and value in Hint.__members__ else value


HintName = Annotated[Hint, BeforeValidator(_hint), PlainSerializer(lambda hint: hint.name, return_type=str)]


class Situation(StrEnum):
    """What may keep the rules from a whole picture; the fallback table has a line for each."""

    NO_HIT = "NO_HIT"
    THIN_FILE = "THIN_FILE"
    FROZEN = "FROZEN"
    INCOMPLETE = "INCOMPLETE"
    TOO_FEW_ANSWERED = "TOO_FEW_ANSWERED"
    CONFLICT = "CONFLICT"
    UNAVAILABLE = "UNAVAILABLE"
    UNREADABLE = "UNREADABLE"


class Side(StrEnum):
    """Whose part of a sum is meant: everybody's, or all but the asking lender's own."""

    TOTAL = "total"
    OTHERS = "others"


class Reason(Document):
    """Why, in words: for the officer, and for the applicant (who is told no other lender's number)."""

    code: ReasonCode
    family: Family | None = None
    officer: Line
    applicant: Line


class Term(Document):
    """
    A value (an attribute's id, "amount" or "score") times a factor.

    With `side` "others" the asking lender's own part of a sum does not count.
    """

    value: Name
    side: Side = Side.TOTAL
    factor: int = Field(default=1, ge=-MAX_FACTOR, le=MAX_FACTOR)


class Condition(Document):
    """
    `at_least` <= sum of `terms` < `below`; with `per`, both bounds are percents of the sum of `per`.

    A ratio over nothing decides nothing.
    """

    terms: tuple[Term, ...] = Field(min_length=1, max_length=MAX_TERMS)
    per: tuple[Term, ...] = Field(default=(), max_length=MAX_TERMS)
    at_least: int | None = Field(default=None, ge=-MAX_INTEGER, le=MAX_INTEGER)
    below: int | None = Field(default=None, ge=-MAX_INTEGER, le=MAX_INTEGER)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.below is None:
            raise ValueError("needs at_least or below")
        if self.at_least is not None and self.below is not None and not self.at_least < self.below:
            raise ValueError("at_least is not under below")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """The names that it reads."""
        return tuple(term.value for term in (*self.terms, *self.per))


class Rule(Document):
    """A rule in effect in `effective_from` <= t < `effective_until` (Unix seconds); all its conditions must hold."""

    id: Name
    title: Line
    effective_from: int = Field(default=0, ge=0)
    effective_until: int | None = Field(default=None, ge=1)
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    when: tuple[Condition, ...] = Field(min_length=1, max_length=MAX_TERMS)
    hint: HintName
    reason: Reason

    @model_validator(mode="after")
    def _lives(self) -> Self:
        if self.effective_until is not None and not self.effective_from < self.effective_until:
            raise ValueError("effective_from is not before effective_until")
        return self

    def in_effect(self, purpose: Purpose, at: int) -> bool:
        """Say whether the rule holds for this purpose at this time."""
        begun = self.effective_from <= at
        return purpose in self.purposes and begun and (self.effective_until is None or at < self.effective_until)


class Fallback(Document):
    """What is advised in a situation in which the rules have no whole picture."""

    situation: Situation
    hint: HintName
    reason: Reason


class Notice(Document):
    """What every applicant is told: where the information is from, and whom to write to about it."""

    source: Line
    dispute_contact: Line


class SignalPolicy(Document):
    """Rules and tables in one version; `ask` are attributes that are asked for, whether a rule reads them or not."""

    version: int = Field(ge=1)
    ask: tuple[Name, ...] = ()
    rules: tuple[Rule, ...] = Field(max_length=MAX_RULES)
    fallback: tuple[Fallback, ...]
    notice: Notice

    def in_effect(self, purpose: Purpose, at: int) -> tuple[Rule, ...]:
        """Give the rules for a purpose at a time (Unix seconds)."""
        return tuple(rule for rule in self.rules if rule.in_effect(purpose, at))

    def fallback_for(self, situation: Situation) -> Fallback:
        """Give the line of a situation; a checked policy has one for each."""
        return next(line for line in self.fallback if line.situation is situation)

    def attributes(self, purpose: Purpose, at: int) -> tuple[str, ...]:
        """Give the attributes that an assessment needs, each once, in order."""
        read = (name for rule in self.in_effect(purpose, at) for one in rule.when for name in one.values)
        return tuple(dict.fromkeys(name for name in (*self.ask, *read) if name not in (AMOUNT, SCORE)))


def check_signals(policy: SignalPolicy, attributes: Iterable[str]) -> None:
    """Raise CreditError(RULEBOOK_INVALID) unless the policy agrees with itself and the catalogue."""
    for problem in signal_problems(policy, attributes):
        raise CreditError(Code.RULEBOOK_INVALID, problem)


def signal_problems(policy: SignalPolicy, attributes: Iterable[str]) -> Iterator[str]:
    """Give everything that is wrong with a policy beside its form."""
    known = {*attributes, AMOUNT, SCORE}
    ids = [rule.id for rule in policy.rules]
    yield from (
        f"signals: the rule {name} is there twice" for name in sorted({one for one in ids if ids.count(one) > 1})
    )
    yield from (f"signals: ask for {name}, which is no attribute" for name in policy.ask if name not in known)
    for rule in policy.rules:
        unknown = {name for one in rule.when for name in one.values} - known
        yield from (f"signals: the rule {rule.id} reads {name}, which is no attribute" for name in sorted(unknown))
    found = [line.situation for line in policy.fallback]
    yield from (f"signals: no single fallback for {one}" for one in Situation if found.count(one) != 1)
