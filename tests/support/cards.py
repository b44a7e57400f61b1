"""Scorecards for tests: a small one with every kind of characteristic, and strategies for random ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from consortium.model.attributes import DEFAULT_ATTRIBUTES, evaluate
from consortium.model.catalogue import META_SLOTS, Family
from consortium.model.credit_file import Characteristics, CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.scorecard import Scorecard, Sharing
from consortium.model.scorecard_checks import CardTerms
from consortium.model.scorecard_slots import card_slots, slot_readers
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import Totals
from tests.support.world import NOW

ALL_FAMILIES = frozenset(Family)
TERMS = CardTerms(DEFAULT_ATTRIBUTES, ALL_FAMILIES)
LATE = {
    "id": "late_months",
    "title": "months with a late payment",
    "source": {"kind": "file", "name": "late_months"},
    "reason": "late",
    "bins": [
        {"least": None, "most": 0, "points": 40},
        {"least": 1, "most": 2, "points": 5},
        {"least": 3, "most": None, "points": -30},
    ],
    "missing": {"codes": [-1], "points": 0},
}
WORST = {
    "id": "worst",
    "title": "worst delinquency in 12 months",
    "source": {"kind": "fact", "name": "worst_dpd_12m"},
    "reason": "delinquency",
    "sharing": "mean",
    "bins": [{"least": None, "most": 0, "points": 20}, {"least": 1, "most": None, "points": -40}],
    "missing": {"points": 0},
}
INQUIRIES = {
    "id": "asked_7d",
    "title": "hard inquiries within a week",
    "source": {"kind": "sum", "attributes": ["hard_inquiries_0_1h", "hard_inquiries_1_24h", "hard_inquiries_1_7d"]},
    "reason": "velocity",
    "bins": [{"least": None, "most": 1, "points": 15}, {"least": 2, "most": None, "points": -25}],
    "missing": {"points": 0},
}
USE = {
    "id": "use",
    "title": "part of the limits in use, per mille",
    "source": {"kind": "sum", "attributes": ["balance"], "over": ["credit_limit"], "times": 1000},
    "reason": "use",
    "bins": [{"least": None, "most": 500, "points": 12}, {"least": 501, "most": None, "points": -8}],
    "missing": {"points": 3},
}


def reason(name: str, code: str, family: str) -> dict[str, object]:
    texts = {"officer": f"{name}: points lost", "applicant": f"We looked at {name}."}
    return {"id": name, "code": code, "family": family, **texts}


REPAYMENT: dict[str, object] = {
    "id": "repayment",
    "minimum": 1,
    "reasons": [reason("late", "R1", "repayment"), reason("delinquency", "R2", "repayment")],
    "characteristics": [LATE, WORST],
}
CARD: dict[str, object] = {
    "id": "base",
    "version": 1,
    "title": "a small card",
    "role": "champion",
    "effective_from": NOW - 1000,
    "effective_until": NOW + 1000,
    "base": 500,
    "scale": {"score": 600, "odds": 10, "pdo": 20},
    "dimensions": [
        REPAYMENT,
        {
            "id": "risk",
            "minimum": 1,
            "reasons": [reason("velocity", "V1", "inquiries"), reason("use", "V2", "exposure")],
            "characteristics": [INQUIRIES, USE],
        },
    ],
}


def small_card(**changes: object) -> Scorecard:
    return Scorecard.model_validate(CARD | changes)


def file_of(characteristics: Mapping[str, int], *, kind: IdentifierKind = IdentifierKind.PHONE) -> CreditFile:
    return CreditFile(kind, characteristics=Characteristics.of(characteristics))


def totals_of(files: Sequence[CreditFile | None], *cards: Scorecard, complete: bool = True, at: int = NOW) -> Totals:
    """What a query would decrypt to: every file evaluated as a contributor does, and summed."""
    slots, names = card_slots(cards), card_attributes(*cards)
    known, readers = {**DEFAULT_ATTRIBUTES, **slots}, slot_readers(cards)
    parts = [
        evaluate(file, names, at, live=True, retention_days=1_825, attributes=known, more=readers) for file in files
    ]
    sums = {name: sum(part[name] for part in parts) for name in (*names, *META_SLOTS)}
    assert not sums["capped"], "slots are as wide as the card needs"
    return Totals(
        sums={name: sums[name] for name in names},
        as_of=at,
        matched=sum(sums[f"matched_by_{kind}"] for kind in ("id", "phone", "email")),
        frozen=sums["security_freezes"],
        complete=complete,
    )


@st.composite
def cards(draw: st.DrawFn) -> Scorecard:
    """Draw a checked card over characteristics of the file, in one or two dimensions."""
    dimensions = draw(st.lists(st.sampled_from(["repayment", "online", "risk"]), min_size=1, max_size=2, unique=True))
    document = {"id": "drawn", "effective_until": None, "base": draw(st.integers(-100, 900))}
    return small_card(**document, dimensions=[draw(_dimensions(name)) for name in dimensions])


@st.composite
def _dimensions(draw: st.DrawFn, name: str) -> dict[str, object]:
    count = draw(st.integers(1, 5))
    groups = draw(st.integers(1, count))
    characteristics = [
        {
            "id": f"{name}_{i}",
            "title": "drawn",
            "source": {"kind": "file", "name": f"{name}_{i}"},
            "reason": f"{name}_{i % groups}",
            "sharing": Sharing.ONE,
            "bins": draw(_bins()),
            "missing": {"codes": [-9], "points": draw(_POINTS)},
        }
        for i in range(count)
    ]
    reasons = [reason(f"{name}_{i}", f"{name[:2].upper()}{i}", name) for i in range(groups)]
    minimum = draw(st.integers(1, count))
    return {"id": name, "minimum": minimum, "reasons": reasons, "characteristics": characteristics}


_POINTS = st.integers(-120, 120)


@st.composite
def _bins(draw: st.DrawFn) -> list[dict[str, object]]:
    edges = sorted(draw(st.sets(st.integers(-50, 50), max_size=5)))
    ends: list[int | None] = [None, *edges, None]
    return [
        {"least": before, "most": None if after is None else after - 1, "points": draw(_POINTS)}
        for before, after in pairwise(ends)
    ]
