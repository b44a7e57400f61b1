"""
What membership is worth to a lender: who of its own customers others know, and how many more it could approve.

Coverage and overlap come from the result file of a portfolio run over its own book, the lift from a backtest of past
applications, the quality of what others contribute from their own statements in the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.canonical import CanonicalValue
from consortium.model.signal_policy import Hint
from participants.lender.backtest import Backtest


@dataclass(frozen=True, slots=True)
class Depth:
    """For one attribute: how many people others add to the own number, and both sums over all people."""

    added_to: int
    own: int
    total: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    A portfolio run over the own book; every person on the list is a customer.

    `statuses` counts rows by status, `lenders` people with numbers by how many lenders know them, this one included;
    `depths` is by attribute, for those whose own part is in the file.
    """

    rows: int
    statuses: Mapping[str, int]
    lenders: Mapping[int, int]
    depths: Mapping[str, Depth]

    @property
    def answered(self) -> int:
        """How many people have a number of lenders."""
        return sum(self.lenders.values())

    @property
    def known_elsewhere(self) -> int:
        """How many people at least one other lender knows."""
        return sum(count for number, count in self.lenders.items() if number > 1)

    @property
    def covered(self) -> float | None:
        """The part of the people that others know; None where nobody has an answer."""
        return self.known_elsewhere / self.answered if self.answered else None

    @property
    def others(self) -> float | None:
        """How many other lenders know a person, on average."""
        total = sum((number - 1) * count for number, count in self.lenders.items() if number)
        return total / self.answered if self.answered else None

    def to_json(self) -> dict[str, CanonicalValue]:
        """Give it for a JSON object; shares in thousandths."""
        return {
            "rows": self.rows,
            "statuses": dict(self.statuses),
            "people_by_lenders": {str(number): count for number, count in sorted(self.lenders.items())},
            "known_elsewhere": self.known_elsewhere,
            "covered": None if self.covered is None else int(1000 * self.covered),
            "attributes": {
                name: {"added_to": one.added_to, "own": one.own, "total": one.total}
                for name, one in self.depths.items()
            },
        }


def lift_value(found: Backtest) -> dict[str, CanonicalValue]:
    """Give what a backtest says of approvals at equal bad rate; the lift in thousandths."""
    return {
        "applications": found.rows,
        "approved_alone": found.alone[Hint.APPROVE].count,
        "approved_at_equal_bad_rate": found.at_equal_bad_rate,
        "lift": None if found.lift is None else round(1000 * found.lift),
    }
