"""What a verification comes to: findings of three states, and one exit status for all of them."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

MAXIMUM_EXAMPLES = 20


class State(Enum):
    """A finding's state; the value is the exit status that it alone would give."""

    COMPLETE = 0
    FAILED = 1
    UNDECIDED = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: which part, how it stands, in words why, and the entries that show it."""

    part: str
    state: State
    text: str
    entries: tuple[int, ...] = ()


@dataclass
class Verdict:
    """
    Findings in the order in which they were made.

    Of one kind of failure the first twenty are told one by one, and how many there are in all.
    """

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def complete(self, part: str, text: str) -> None:
        """Note what holds."""
        self.findings.append(Finding(part, State.COMPLETE, text))

    def undecided(self, part: str, text: str) -> None:
        """Note what cannot be decided."""
        self.findings.append(Finding(part, State.UNDECIDED, text))

    def fail(self, part: str, text: str, *entries: int) -> None:
        """Note what does not hold, and the indices of the entries that show it."""
        self.counts[part] += 1
        if self.counts[part] <= MAXIMUM_EXAMPLES:
            self.findings.append(Finding(part, State.FAILED, text, entries))

    def failed(self, part: str) -> bool:
        """Say whether a part has failed."""
        return self.counts[part] > 0

    @property
    def state(self) -> State:
        """FAILED where anything failed, else UNDECIDED where anything is, else COMPLETE."""
        states = {finding.state for finding in self.findings}
        return next((state for state in (State.FAILED, State.UNDECIDED) if state in states), State.COMPLETE)
