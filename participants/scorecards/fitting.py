"""
From a plan and a labelled sample to a scorecard: bins, weights of evidence, logistic regression, whole points.

The regression (scikit-learn, an optional extra) gives the log odds of being good as a sum of weighted bins. Points
are those terms on the card's scale, rounded to whole numbers one by one; the figures are of the rounded card.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consortium.errors import Code, CreditError
from consortium.model.scorecard import Bin, Characteristic, Dimension, Missing, Scorecard
from consortium.silent import Silent
from participants.scorecards.binning import Binned, Limits, bin_column
from participants.scorecards.measures import Measures, measure
from participants.scorecards.plan import Plan, PlannedCharacteristic, PlannedDimension
from participants.scorecards.sampled import score_sample
from participants.scorecards.samples import Column, Numbers, Sample, Wanted
from participants.scorecards.values import values_of

FOLDS, SEED = 5, 1


@dataclass(frozen=True, slots=True)
class BinFigures:
    """One bin of a card with the people of the sample in it: `woe` is its weight of evidence."""

    values: str
    good: int
    bad: int
    woe: float
    points: int


@dataclass(frozen=True, slots=True)
class CharacteristicFigures:
    """One characteristic of a card: its information value, its weight in the regression, and its bins."""

    id: str
    information: float
    coefficient: float
    bins: tuple[BinFigures, ...]


@dataclass(frozen=True, repr=False)
class Fitted(Silent):
    """
    A card with its figures: on the sample it was made from, and on the part left out of each of the folds.

    `left_out` are planned characteristics without a say in the card: nothing is told apart by them, or not beside the
    others.
    """

    card: Scorecard
    figures: tuple[CharacteristicFigures, ...]
    left_out: tuple[str, ...]
    whole: Measures
    folds: tuple[Measures, ...]

    @property
    def mean_auc(self) -> float:
        """The mean area under the curve over the folds, 0 where there are none."""
        return sum(one.auc for one in self.folds) / len(self.folds) if self.folds else 0.0


@dataclass(frozen=True, slots=True)
class _Term:
    """One characteristic in the regression."""

    plan: PlannedCharacteristic
    binned: Binned
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Model:
    terms: tuple[_Term, ...]
    coefficients: tuple[float, ...]
    intercept: float


def wanted_of(plan: Plan, key: str = "") -> Wanted:
    """Give the columns that a plan needs of a sample."""
    return Wanted.of(
        (one.source for one in plan.characteristics), label=plan.sample.label, bad=plan.sample.bad, key=key
    )


def fit(plan: Plan, sample: Sample, folds: int = FOLDS, seed: int = SEED) -> Fitted:
    """
    Fit a card to the whole sample, and for its figures to all but each of `folds` parts in turn (0: none).

    `seed` decides who is in which part. Raises CreditError(SAMPLE_INVALID) where the sample tells nothing apart, or
    (SETTINGS_INVALID) where scikit-learn is not installed.
    """
    model = _model(plan, sample)
    card = _card(plan, model)
    kept = {term.plan.id for term in model.terms}
    return Fitted(
        card=card,
        figures=tuple(_figures(card, model)),
        left_out=tuple(one.id for one in plan.characteristics if one.id not in kept),
        whole=measure(score_sample(card, sample), sample.bad),
        folds=tuple(
            _fold(plan, sample, part, parts) for parts in [split(sample, folds, seed)] for part in range(folds)
        ),
    )


def split(sample: Sample, folds: int, seed: int) -> Numbers:
    """Give everybody's part, 0 to folds - 1: at random, with as many bad people in each."""
    parts = np.zeros(len(sample), dtype=np.int64)
    generator = np.random.default_rng(seed)
    for kind in (True, False):
        places = generator.permutation(np.flatnonzero(sample.bad == kind))
        parts[places] = np.arange(len(places)) % max(1, folds)
    return parts


def card_without(plan: Plan, sample: Sample, part: int, parts: Numbers) -> Scorecard:
    """Fit a card to everybody but one part."""
    return _card(plan, _model(plan, sample.rows(parts != part)))


def _fold(plan: Plan, sample: Sample, part: int, parts: Numbers) -> Measures:
    held_out = sample.rows(parts == part)
    return measure(score_sample(card_without(plan, sample, part, parts), held_out), held_out.bad)


def _model(plan: Plan, sample: Sample) -> _Model:
    """Regress, leaving out what would count against its own evidence beside the others, or for no whole point."""
    factor = _factor(plan)
    terms = [term for one in plan.characteristics if (term := _term(one, plan, sample)) is not None]
    while terms:
        matrix = np.stack([term.weights[term.binned.places(_column(term.plan, sample))] for term in terms], axis=1)
        coefficients, intercept = _regress(matrix, sample)
        worst = int(np.argmin(coefficients))
        dull = [i for i, term in enumerate(terms) if len(set(_points(term, factor * coefficients[i]))) == 1]
        if coefficients[worst] > 0 and not dull:
            return _Model(tuple(terms), tuple(map(float, coefficients)), intercept)
        del terms[worst if coefficients[worst] <= 0 else dull[0]]
    raise CreditError(Code.SAMPLE_INVALID, "no characteristic tells good people from bad")


def _term(one: PlannedCharacteristic, plan: Plan, sample: Sample) -> _Term | None:
    least = max(1, math.ceil(plan.sample.smallest_bin * len(sample)))
    limits = Limits(plan.sample.maximum_bins, least, one.trend)
    binned = bin_column(_column(one, sample), sample.bad, limits)
    weights = binned.weights(least)
    return _Term(one, binned, weights) if np.ptp(weights) > 0 else None


def _column(one: PlannedCharacteristic, sample: Sample) -> Column:
    column = sample.value_of(one.source)
    return Column(column.values, column.present & ~np.isin(column.values, one.codes))


def _regress(matrix: NDArray[np.float64], sample: Sample) -> tuple[NDArray[np.float64], float]:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  an optional extra, slow to import
    except ImportError:
        cause = "scikit-learn is missing: install the extra `scorecards` where cards are fitted"
        raise CreditError(Code.SETTINGS_INVALID, cause) from None
    found = LogisticRegression(max_iter=1_000).fit(matrix, ~sample.bad)
    return found.coef_[0], float(found.intercept_[0])


def _card(plan: Plan, model: _Model) -> Scorecard:
    factor = _factor(plan)
    dimensions = [found for one in plan.dimensions if (found := _dimension(one, model, factor)) is not None]
    return Scorecard(
        id=plan.id,
        version=plan.version,
        title=plan.title,
        role=plan.role,
        effective_from=plan.effective_from,
        effective_until=plan.effective_until,
        base=round(plan.scale.score + factor * (model.intercept - math.log(plan.scale.odds))),
        scale=plan.scale,
        dimensions=tuple(dimensions),
    )


def _factor(plan: Plan) -> float:
    """Give the points that one natural logarithm of the odds is worth."""
    return plan.scale.pdo / math.log(2)


def _dimension(plan: PlannedDimension, model: _Model, factor: float) -> Dimension | None:
    pairs = zip(model.terms, model.coefficients, strict=True)
    points = {term.plan.id: (term, _points(term, factor * weight)) for term, weight in pairs}
    kept = [_characteristic(*points[one.id]) for one in plan.characteristics if one.id in points]
    if not kept:
        return None
    used = {one.reason for one in kept}
    return Dimension(
        id=plan.id,
        minimum=min(plan.minimum, len(kept)),
        reasons=tuple(reason for reason in plan.reasons if reason.id in used),
        characteristics=tuple(kept),
    )


def _points(term: _Term, factor: float | np.float64) -> list[int]:
    return [round(factor * float(weight)) for weight in term.weights]


def _characteristic(term: _Term, points: Sequence[int]) -> Characteristic:
    one, edges = term.plan, term.binned.edges
    least: list[int | None] = [None, *edges]
    most: list[int | None] = [*(edge - 1 for edge in edges), None]
    return Characteristic(
        id=one.id,
        title=one.title,
        source=one.source,
        reason=one.reason,
        sharing=one.sharing,
        bins=tuple(Bin(least=a, most=b, points=p) for a, b, p in zip(least, most, points[:-1], strict=True)),
        missing=Missing(codes=one.codes, points=points[-1]),
    )


def _figures(card: Scorecard, model: _Model) -> Iterator[CharacteristicFigures]:
    terms: Mapping[str, tuple[_Term, float]] = {
        term.plan.id: (term, weight) for term, weight in zip(model.terms, model.coefficients, strict=True)
    }
    for one in card.characteristics:
        term, coefficient = terms[one.id]
        rows = zip(
            (*map(values_of, one.bins), "missing"),
            term.binned.good,
            term.binned.bad,
            term.weights,
            (*(each.points for each in one.bins), one.missing.points),
            strict=True,
        )
        bins = tuple(BinFigures(name, int(good), int(bad), float(woe), points) for name, good, bad, woe, points in rows)
        yield CharacteristicFigures(one.id, term.binned.information(term.weights), coefficient, bins)
