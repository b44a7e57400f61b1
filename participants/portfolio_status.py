"""How a node's portfolio is, as its local service says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consortium.canonical import CanonicalValue
from consortium.silent import Silent

UNDER_WAY = frozenset({"waiting", "reading", "tokenising", "sealing", "asking", "gathering", "writing"})


@dataclass(frozen=True, slots=True, repr=False)
class PortfolioStatus(Silent):
    """
    How a portfolio is: its phase (UNDER_WAY, or done, stopped, failed) and how far that is.

    `seconds` is how long the phase has run here, 0 where nothing runs; `error` is why it stopped or failed.
    """

    job: bytes
    phase: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    rows: int = 0
    expires_at: int = 0
    error: str = ""
    cause: str = ""
    summary: Mapping[str, CanonicalValue] = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        """Whether the node is at work on it."""
        return self.phase in UNDER_WAY

    @property
    def seconds_left(self) -> float | None:
        """How long the phase will take yet, at its rate so far; None where that cannot be told."""
        if not self.done or not self.total or not self.seconds:
            return None
        return (self.total - self.done) * self.seconds / self.done
