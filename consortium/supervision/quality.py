"""
How good a lender's data are, as shares of what is in its book: pure, and the same for everybody who computes it.

`consortium.transparency.supervision_kinds.QUALITY_SHARES` says what each share is of. It is in thousandths, rounded
down, so that nobody is better than it says; None where there is nothing to judge. No number of people or accounts is
in it: how large a book is stays the lender's own matter.
"""

from collections import Counter
from dataclasses import dataclass, field

from consortium.model.credit_file import HISTORY_MONTHS, Channel, CreditFile, Scene, Tradeline
from consortium.model.facts import full_months
from consortium.model.identifiers import IdentifierKind

CURRENT_DAYS = 45
"""An account reported longer ago than that says little of today."""
THOUSANDTHS = 1000


@dataclass
class QualityTally:
    """Looks at the files of a book of one UTC day (days since 1970) one after another."""

    day: int
    _good: Counter[str] = field(default_factory=Counter)
    _all: Counter[str] = field(default_factory=Counter)

    def add(self, file: CreditFile) -> None:
        """Look at a file."""
        self._count("identified", good=file.identifier is IdentifierKind.NATIONAL_ID)
        for line in file.tradelines:
            self._add_account(line)

    def share(self, name: str) -> int | None:
        """Give one of the shares."""
        return self._good[name] * THOUSANDTHS // self._all[name] if self._all[name] else None

    def _add_account(self, line: Tradeline) -> None:
        if line.closed is None:
            self._count("current", good=self.day - line.reported <= CURRENT_DAYS)
        months = min(HISTORY_MONTHS, 1 + max(0, full_months(line.opened, line.reported)))
        self._count("history", good=len(line.history) >= months)
        if line.days_past_due:
            self._count("dated", good=line.first_delinquency is not None)
        self._count("described", good=line.scene is not Scene.OTHER and line.channel is not Channel.OTHER)

    def _count(self, name: str, *, good: bool) -> None:
        self._all[name] += 1
        self._good[name] += good
