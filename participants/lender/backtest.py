"""
Backtest: the rules applied to a labelled file, by the lender's own numbers alone and by everybody's sums.

A row is a past application: `bad` (0 or 1) is how it ended; a column named like an attribute holds everybody's sum,
`own.` and the attribute's id the lender's own part; `amount`, `score`, `own.score` and `decision` (what was decided
then) may be there. An empty cell of an attribute is a value that was not asked for.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Purpose
from consortium.model.signal_policy import Hint, SignalPolicy
from consortium.signals.evaluate import View, apply_rules
from consortium.silent import Silent
from participants.lender.connectors import CsvSource, ParquetSource
from participants.lender.records import RawRow

OWN = "own."
LABEL, AMOUNT, SCORE, DECISION = "bad", "amount", "score", "decision"
MAXIMUM_REFUSED_SHOWN = 20


@dataclass(frozen=True, slots=True, repr=False)
class Past(Silent):
    """A past application: what was known of it, how it ended, what was decided (None: not said)."""

    view: View
    own_score: int | None
    bad: bool
    decided: Hint | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many applications got a hint, and how many of them went bad."""

    count: int
    bad: int

    @property
    def bad_rate(self) -> float:
        """The part that went bad; 0 where there are none."""
        return self.bad / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Backtest:
    """
    Outcomes by hint, alone and with the consortium, and of what was decided then, where the file says so.

    `at_equal_bad_rate` is how many the consortium's order of applications would let approve before their bad rate
    exceeds that of the approvals alone; `lift` what that is more, as a part of the approvals alone.
    """

    rows: int
    refused: tuple[int, ...]
    alone: dict[Hint, Outcome]
    consortium: dict[Hint, Outcome]
    decided: dict[Hint, Outcome]
    at_equal_bad_rate: int

    @property
    def lift(self) -> float | None:
        """None where nothing was approved alone."""
        approved = self.alone[Hint.APPROVE].count
        return self.at_equal_bad_rate / approved - 1 if approved else None


@dataclass
class _Tally:
    alone: Counter[tuple[Hint, bool]] = field(default_factory=Counter)
    consortium: Counter[tuple[Hint, bool]] = field(default_factory=Counter)
    decided: Counter[tuple[Hint, bool]] = field(default_factory=Counter)
    ranked: list[tuple[Hint, int, bool]] = field(default_factory=list)

    def add(self, past: Past, alone: Hint, consortium: Hint) -> None:
        self.alone[alone, past.bad] += 1
        self.consortium[consortium, past.bad] += 1
        if past.decided is not None:
            self.decided[past.decided, past.bad] += 1
        self.ranked.append((consortium, -(past.view.score or 0), past.bad))


def backtest(policy: SignalPolicy, rows: Iterator[Past | int], purpose: Purpose, at: int) -> Backtest:
    """Apply the rules for a purpose that are in effect at a time to every row; a number is a row that was refused."""
    tally, refused = _Tally(), list[int]()
    for row in rows:
        if isinstance(row, int):
            refused.append(row)
            continue
        alone = apply_rules(policy, row.view.alone(row.own_score), purpose, at).hint
        tally.add(row, alone, apply_rules(policy, row.view, purpose, at).hint)
    alone_outcomes = _outcomes(tally.alone)
    equal = _approvals(tally.ranked, alone_outcomes[Hint.APPROVE].bad_rate)
    return Backtest(
        rows=len(tally.ranked),
        refused=tuple(refused),
        alone=alone_outcomes,
        consortium=_outcomes(tally.consortium),
        decided=_outcomes(tally.decided),
        at_equal_bad_rate=equal,
    )


def _outcomes(counts: Counter[tuple[Hint, bool]]) -> dict[Hint, Outcome]:
    return {hint: Outcome(counts[hint, False] + counts[hint, True], counts[hint, True]) for hint in Hint}


def _approvals(ranked: list[tuple[Hint, int, bool]], bad_rate: float) -> int:
    """Give the longest head of the order, ties whole, whose bad rate is at most this one."""
    ranked.sort(key=lambda one: one[:2])
    bads = accumulate(bad for _, _, bad in ranked)
    best = 0
    for place, bad in enumerate(bads, start=1):
        ends_tie = place == len(ranked) or ranked[place][:2] != ranked[place - 1][:2]
        if ends_tie and bad <= bad_rate * place:
            best = place
    return best


def read_past(source: CsvSource | ParquetSource, attributes: Sequence[str]) -> Iterator[Past | int]:
    """
    Read a labelled file; gives the number of a row that cannot be used in its place.

    Raises CreditError(SOURCE_UNREADABLE) for a file without `bad` or any attribute, or with a column that is neither,
    and as `Source`.
    """
    with source.open() as table:
        places = _places(table.columns, attributes)
        for batch in table.batches:
            for row in batch:
                past = _past(row, places)
                yield row.number if past is None else past


def _places(columns: Sequence[str], attributes: Sequence[str]) -> dict[str, int]:
    names = {*attributes, *(OWN + name for name in attributes), LABEL, AMOUNT, SCORE, OWN + SCORE, DECISION}
    unknown = [column for column in columns if column not in names]
    if unknown:
        raise CreditError(Code.SOURCE_UNREADABLE, f"column {len(columns) and columns.index(unknown[0]) + 1}: unknown")
    if LABEL not in columns or not set(columns) & set(attributes):
        raise CreditError(Code.SOURCE_UNREADABLE, f"it needs a column `{LABEL}` and one of an attribute")
    return {name: place for place, name in enumerate(columns)}


def _past(row: RawRow, places: dict[str, int]) -> Past | None:
    """Give a row, or None where a cell is no number, a label neither 0 nor 1, a decision no hint."""
    if row.broken is not None:
        return None
    cells = {name: str(row.cells[place] or "") for name, place in places.items()}
    label, decision = cells.pop(LABEL), cells.pop(DECISION, "")
    try:
        numbers = {name: int(text) for name, text in cells.items() if text}
    except ValueError:
        return None
    if label not in ("0", "1") or decision not in ("", *Hint.__members__) or min(numbers.values(), default=0) < 0:
        return None
    return Past(_view(numbers), numbers.get(OWN + SCORE), label == "1", Hint[decision] if decision else None)


def _view(numbers: dict[str, int]) -> View:
    totals = {name: number for name, number in numbers.items() if not name.startswith(OWN)}
    own = {name.removeprefix(OWN): number for name, number in numbers.items() if name.startswith(OWN)}
    amount, score = totals.pop(AMOUNT, None), totals.pop(SCORE, None)
    own.pop(SCORE, None)
    return View(totals, own, amount, score)
