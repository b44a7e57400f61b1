"""
Scorecards at the requester: which attributes to ask for, and the scores of an answer.

`card_attributes(*cards)` goes into the question, `score_result` and `score_all` read the answer. What the lender alone
would have known is `own_score`: the same card on its own part.
"""

from dataclasses import dataclass

from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import CardRole, Scorecard
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import Score, Totals, score
from consortium.silent import Silent
from participants.lender.ask import QueryResult

__all__ = ["Scores", "card_attributes", "own_score", "own_totals", "score_all", "score_result", "totals_of"]


@dataclass(frozen=True, slots=True, repr=False)
class Scores(Silent):
    """The scores of one answer: the champion's, which decides, and those of the challengers, which are watched."""

    champion: Score | None
    challengers: tuple[Score, ...]


def totals_of(result: QueryResult) -> Totals:
    """Take what scoring reads from an answer."""
    return Totals(
        sums={one.attribute.id: one.total for one in result.attributes},
        as_of=result.as_of,
        matched=sum(result.matched.values()),
        frozen=result.frozen,
        complete=not result.missing,
    )


def own_totals(result: QueryResult) -> Totals:
    """Take the asking lender's own part of an answer; it knows the person where any of its numbers is not zero."""
    sums = {one.attribute.id: one.own for one in result.attributes}
    return Totals(sums=sums, as_of=result.as_of, matched=int(any(sums.values())))


def score_result(card: Scorecard, result: QueryResult) -> Score:
    """Score an answer by one card; raises as `consortium.scoring.score.score`."""
    return score(card, totals_of(result))


def own_score(card: Scorecard, result: QueryResult) -> Score:
    """Score the asking lender's own part alone; raises as `consortium.scoring.score.score`."""
    return score(card, own_totals(result))


def score_all(rulebook: Rulebook, result: QueryResult) -> Scores:
    """Score an answer by every card that is in effect as of the query; what was not asked for is NOT_PERMITTED."""
    totals = totals_of(result)
    scores = [score(card, totals) for card in rulebook.scorecards_at(result.as_of)]
    champion = next((one for one in scores if one.role is CardRole.CHAMPION), None)
    return Scores(champion, tuple(one for one in scores if one.role is CardRole.CHALLENGER))
