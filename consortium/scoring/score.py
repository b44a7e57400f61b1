"""
The score that a card gives for the decrypted sums of one query.

Every dimension says for itself whether it can be relied on. One that no lender can answer is INCOMPLETE and has no
points, which is not the same as zero points: then there is no total either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consortium.errors import Code, CreditError
from consortium.model.scorecard import CardReason, CardRole, Dimension, Scorecard, ScoreDimension, Sharing
from consortium.scoring.asking import needed
from consortium.scoring.counting import Counted, count
from consortium.silent import Silent


class ScoreStatus(StrEnum):
    """What a score, or a dimension of it, is worth."""

    OK = "OK"
    THIN = "THIN"
    NO_HIT = "NO_HIT"
    NOT_PERMITTED = "NOT_PERMITTED"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True, slots=True, repr=False)
class Totals(Silent):
    """
    What one query gave: the sum of every attribute that was asked for, by id, as of a time in Unix seconds.

    `matched` counts the lenders that know the person, `frozen` those at which the file is frozen; `complete` says that
    every lender answered.
    """

    sums: Mapping[str, int]
    as_of: int
    matched: int
    frozen: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class DimensionScore(Silent):
    """
    One dimension: its points (None unless OK), between the least and the most that the card can give.

    `held` of its `of` characteristics had a value, `minimum` are needed. `problem` says why it is not OK.
    """

    dimension: ScoreDimension
    status: ScoreStatus
    points: int | None
    least: int
    most: int
    held: int
    minimum: int
    of: int
    problem: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class PointsLost(Silent):
    """Points below the most that the characteristics of one reason can give; `reason` has the texts."""

    dimension: ScoreDimension
    reason: CardReason
    points: int


@dataclass(frozen=True, slots=True, repr=False)
class Score(Silent):
    """
    What one card says of one person; `card` is its id, `version` its version.

    `total` is None unless every dimension is OK; `odds` are good people to one bad at that total, and
    `probability` is that of being bad, 1 / (1 + odds). `lost` has the reasons, the one with most points lost first.
    """

    card: str
    version: int
    role: CardRole
    status: ScoreStatus
    total: int | None
    odds: float | None
    probability: float | None
    dimensions: tuple[DimensionScore, ...]
    lost: tuple[PointsLost, ...]


def score(card: Scorecard, totals: Totals) -> Score:
    """
    Score one person by a card that has passed its checks.

    Raises CreditError(SCORECARD_NOT_EFFECTIVE) where the card was not in effect as of the query, (SUM_INVALID) where
    points and points lost of a dimension contradict each other: then a contributor computed something else.
    """
    if not card.is_effective(totals.as_of):
        raise CreditError(Code.SCORECARD_NOT_EFFECTIVE, card.name)
    known = totals.matched > 0 and not totals.frozen
    parts = [
        _dimension(card, dimension, totals) if known else _unknown(dimension, totals) for dimension in card.dimensions
    ]
    dimensions = tuple(part for part, _ in parts)
    total = _total(card, dimensions)
    odds = None if total is None else odds_at(card, total)
    return Score(
        card=card.id,
        version=card.version,
        role=card.role,
        status=_status(totals, total),
        total=total,
        odds=odds,
        probability=None if odds is None else 1 / (1 + odds),
        dimensions=dimensions,
        lost=tuple(sorted((one for _, lost in parts for one in lost), key=lambda one: -one.points)),
    )


def odds_at(card: Scorecard, total: int) -> float:
    """Give the odds, good people to one bad, that a score stands for."""
    scale = card.scale
    return float(scale.odds * 2.0 ** ((total - scale.score) / scale.pdo))


def _status(totals: Totals, total: int | None) -> ScoreStatus:
    if totals.frozen:
        return ScoreStatus.NOT_PERMITTED
    if totals.matched == 0 and totals.complete:
        return ScoreStatus.NO_HIT
    if total is None or not totals.complete:
        return ScoreStatus.INCOMPLETE
    return ScoreStatus.THIN if totals.matched == 1 else ScoreStatus.OK


def _total(card: Scorecard, dimensions: tuple[DimensionScore, ...]) -> int | None:
    points = [one.points for one in dimensions if one.points is not None]
    return card.base + sum(points) if len(points) == len(dimensions) else None


def _unknown(dimension: Dimension, totals: Totals) -> tuple[DimensionScore, tuple[PointsLost, ...]]:
    if totals.frozen:
        return _without(dimension, ScoreStatus.NOT_PERMITTED, "the file is frozen"), ()
    if not totals.complete:
        return _without(
            dimension, ScoreStatus.INCOMPLETE, "not every lender answered, and none that did knows the person"
        ), ()
    return _without(dimension, ScoreStatus.NO_HIT, "no lender knows the person"), ()


def _dimension(card: Scorecard, dimension: Dimension, totals: Totals) -> tuple[DimensionScore, tuple[PointsLost, ...]]:
    if not needed(card, dimension) <= totals.sums.keys():
        return _without(dimension, ScoreStatus.NOT_PERMITTED, "it was not asked for"), ()
    counted = count(card, dimension, totals.sums)
    problem = _incomplete(dimension, counted)
    if problem:
        return _without(dimension, ScoreStatus.INCOMPLETE, problem, counted.held), ()
    found = DimensionScore(
        dimension=dimension.id,
        status=ScoreStatus.OK,
        points=counted.points,
        least=counted.least,
        most=counted.most,
        held=counted.held,
        minimum=dimension.minimum,
        of=len(dimension.characteristics),
    )
    lost = (PointsLost(dimension.id, reason, counted.lost[reason.id]) for reason in dimension.reasons)
    return found, tuple(one for one in lost if one.points > 0)


def _incomplete(dimension: Dimension, counted: Counted) -> str:
    shared = [one.id for one in dimension.characteristics if one.sharing is Sharing.ONE and counted.holders[one.id] > 1]
    if shared:
        return f"held more than once, and the card says one holder: {', '.join(shared)}"
    if counted.held < dimension.minimum:
        of = len(dimension.characteristics)
        return f"{counted.held} of {of} characteristics have a value, {dimension.minimum} needed"
    return ""


def _without(dimension: Dimension, status: ScoreStatus, problem: str, held: int = 0) -> DimensionScore:
    return DimensionScore(
        dimension=dimension.id,
        status=status,
        points=None,
        least=sum(one.least_points for one in dimension.characteristics),
        most=sum(one.most_points for one in dimension.characteristics),
        held=held,
        minimum=dimension.minimum,
        of=len(dimension.characteristics),
        problem=problem,
    )
