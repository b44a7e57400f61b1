"""
A federated scorecard on the UCI file of card holders in Taiwan, five-fold: what three lenders know together.

X6-X11 are at one lender, X1 and X12-X17 at a second, X18-X23 at a third, two more hold nothing. For each fold a card is
fitted to the other four; every person of the fold is then scored twice, from the packed sum of five lenders' slots and
in one place from all columns at once, and the two whole numbers are compared. The best that one lender could do alone
is the best of three cards that were fitted to one lender's columns only, in the same way and on the same folds.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, left_out, row
from consortium.model.attributes import DEFAULT_ATTRIBUTES, evaluate
from consortium.model.catalogue import META_SLOTS
from consortium.model.credit_file import Characteristics, CreditFile
from consortium.model.identifiers import PLACES, IdentifierKind
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_slots import card_slots, slot_readers
from consortium.rules.scorecards import room_of
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import Score, Totals, score
from consortium.sums.packing import Layout, Slot
from participants.scorecards.fitting import FOLDS, SEED, card_without, fit, split, wanted_of
from participants.scorecards.measures import Measures, measure
from participants.scorecards.plan import Plan, load_plan
from participants.scorecards.sampled import score_sample
from participants.scorecards.samples import Sample, read_sample

PLAN = Path(__file__).parents[1] / "examples" / "scorecards" / "taiwan.toml"
SHARED = Path(os.environ.get("CREDIT_SHARED", "../shared"))
FILE = SHARED / "data" / "taiwan" / "UCI_Credit_Card.csv"
LENDERS: tuple[frozenset[str], ...] = (
    frozenset(f"x{i}" for i in range(6, 12)),
    frozenset({"x1", *(f"x{i}" for i in range(12, 18))}),
    frozenset(f"x{i}" for i in range(18, 24)),
    frozenset(),
    frozenset(),
)
"""Which columns each of the five lenders holds."""
ROSTER_MAXIMUM, MODULUS_BITS = 32, 3_072
AHEAD = 0.02
"""By how much the summed score is to be better than the best lender's own, in area under the curve."""


@dataclass(frozen=True, slots=True)
class Federated:
    """What the file gave: figures of each fold, of the sum and of the best lender, and how many scores differ."""

    summed: tuple[Measures, ...]
    alone: tuple[float, ...]
    people: int
    unequal: int
    seconds: float
    bits: int

    @property
    def auc(self) -> float:
        """The mean area under the curve of the summed score."""
        return sum(one.auc for one in self.summed) / len(self.summed)

    @property
    def ks(self) -> float:
        """The mean distance of Kolmogorov and Smirnov of the summed score."""
        return sum(one.ks for one in self.summed) / len(self.summed)


def run() -> list[Row]:
    """Measure; half a minute."""
    if not FILE.exists():
        return [left_out("federated scorecard", f"no {FILE.name}: set CREDIT_SHARED")]
    found = federated(FILE)
    best = max(found.alone)
    names = ("repayment status, X6-X11", "limit and bills, X1, X12-X17", "payments, X18-X23")
    return [
        row("mean AUC of five folds, summed score of five lenders", found.auc, "", "higher", None),
        *(
            row(f"the same, one lender alone: {name}", auc, "", "higher", None)
            for name, auc in zip(names, found.alone, strict=True)
        ),
        row("summed score ahead of the best lender alone", found.auc - best, "AUC", "higher", AHEAD),
        row("mean KS of the summed score", found.ks, "", "higher", None),
        row("mean Gini of the summed score", 2 * found.auc - 1, "", "higher", None),
        row("people scored from packed sums of five lenders", found.people, "people", "higher", None),
        row("of them with another score than in one place", found.unequal, "people", "lower", 0),
        row("five contributions packed, summed and scored", found.seconds / found.people * 1e3, "ms", "lower", None),
        row("bits of an answer of 3071", found.bits, "bits", "lower", 3_071),
    ]


def federated(path: Path) -> Federated:
    """Fit and score, fold by fold; every person of the file is scored once from sums."""
    plan = load_plan(PLAN)
    sample = read_sample([path], wanted_of(plan))
    parts = split(sample, FOLDS, SEED)
    summed, unequal, seconds, bits = [], 0, 0.0, 0
    for part in range(FOLDS):
        card, held_out = card_without(plan, sample, part, parts), sample.rows(parts == part)
        start = time.perf_counter()
        scores = np.fromiter((total_of(one) for one in from_sums(card, held_out)), dtype=np.int64)
        seconds += time.perf_counter() - start
        unequal += int(np.sum(scores != score_sample(card, held_out)))
        summed.append(measure(scores, held_out.bad))
        bits = max(bits, room_of((card,), DEFAULT_ATTRIBUTES, ROSTER_MAXIMUM))
    alone = tuple(fit(only(plan, columns), sample).mean_auc for columns in LENDERS if columns)
    return Federated(tuple(summed), alone, len(sample), unequal, seconds, bits)


def only(plan: Plan, columns: frozenset[str]) -> Plan:
    """Give the plan of a lender that has nothing but its own columns."""
    dimensions = []
    for dimension in plan.dimensions:
        kept = tuple(one for one in dimension.characteristics if set(one.columns) <= columns)
        if kept:
            dimensions.append(dimension.model_copy(update={"characteristics": kept}))
    return plan.model_copy(update={"dimensions": tuple(dimensions)})


def total_of(found: Score) -> int:
    """Give a score that has to be there."""
    if found.total is None:
        raise ValueError(f"a person without a score: {found.status}")
    return found.total


def files_of(sample: Sample, person: int) -> list[CreditFile | None]:
    """Give what each of the five lenders has on file of a person; two do not know the person."""
    return [
        CreditFile(IdentifierKind.NATIONAL_ID, characteristics=Characteristics.of(values)) if values else None
        for columns in LENDERS
        for values in [{name: int(sample.columns[name].values[person]) for name in columns}]
    ]


def from_sums(card: Scorecard, sample: Sample) -> Iterator[Score]:
    """Score everybody of a sample from the packed sum of what five lenders contribute, each on its own file."""
    names, readers = card_attributes(card), slot_readers((card,))
    known = {**DEFAULT_ATTRIBUTES, **card_slots((card,))}
    bounds = {**META_SLOTS, **{name: known[name].bound for name in names}}
    slots = [Slot(name, bound * PLACES) for name, bound in bounds.items()]
    layout, at = Layout.build(slots, ROSTER_MAXIMUM, MODULUS_BITS), card.effective_from
    for person in range(len(sample)):
        total = 0
        for file in files_of(sample, person):
            values = evaluate(file, names, at, live=True, retention_days=1_825, attributes=known, more=readers)
            total += layout.pack(values)
        yield score(card, _totals(layout.unpack(total, len(LENDERS)), names, at))


def _totals(sums: dict[str, int], names: Sequence[str], at: int) -> Totals:
    matched = sum(sums[f"matched_by_{kind}"] for kind in ("id", "phone", "email"))
    return Totals({name: sums[name] for name in names}, at, matched, sums["security_freezes"])
