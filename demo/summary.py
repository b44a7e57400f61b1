"""The figures of a run: `summary.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from consortium.silent import Silent
from demo.books import LoadedBook
from demo.lines import Desk
from demo.questions import Answer

Value: TypeAlias = "int | float | str | list[int] | Mapping[str, float]"


@dataclass(frozen=True, repr=False)
class Run(Silent):
    """Everything that a run gave; `stages` has seconds by stage, `tokenising_seconds` CPU seconds of one core."""

    title: str
    suite: str
    books: Sequence[LoadedBook]
    answers: Sequence[Answer]
    stages: Mapping[str, float]
    tokenising_seconds: float

    @property
    def identifiers(self) -> int:
        """Identifiers tokenised for the books."""
        return sum(book.identifiers for book in self.books)


def tokenising_seconds(books: Sequence[LoadedBook], desk: Desk) -> float:
    """Add up what client and key holders took on a core for the books loaded so far."""
    return desk.cpu_seconds + sum(book.client_seconds for book in books)


def summarise(run: Run) -> dict[str, Value]:
    """
    Give the figures of a run.

    `totals_equal` and `totals_unequal` add up to queries times attributes, `asked` and `answered` are the sums of
    |R| and |U|. `identifiers_per_second` is that of one core that does the work of the client and of t holders.
    """
    queries = len(run.answers)
    return {
        "data": run.title,
        "suite": run.suite,
        "members": len(run.books),
        "people_per_book": [book.people for book in run.books],
        "queries": queries,
        "attributes": len(run.answers[0].result.attributes) if queries else 0,
        "totals_equal": sum(answer.equal for answer in run.answers),
        "totals_unequal": sum(answer.unequal for answer in run.answers),
        "queries_with_other_differences": sum(not answer.beside_equal for answer in run.answers),
        "asked": sum(len(answer.result.asked) for answer in run.answers),
        "answered": sum(len(answer.result.answered) for answer in run.answers),
        "latency_ms": latency([answer.seconds for answer in run.answers]),
        "bytes_per_query": round(sum(answer.carried for answer in run.answers) / queries) if queries else 0,
        "identifiers": run.identifiers,
        "identifiers_per_second": round(run.identifiers / run.tokenising_seconds) if run.identifiers else 0,
        "rows_read": sum(report.read for book in run.books for report in book.reports.values()),
        "rows_refused": sum(report.refused for book in run.books for report in book.reports.values()),
        "seconds": {stage: round(seconds, 1) for stage, seconds in run.stages.items()},
    }


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Give the percentiles of times in seconds as milliseconds (nearest rank)."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    ranks = {f"p{percent}": -(-percent * len(ordered) // 100) - 1 for percent in (50, 95, 99)}
    return {name: round(ordered[rank] * 1000, 1) for name, rank in ranks.items()}


def write_summary(run: Run, path: Path) -> dict[str, Value]:
    """Write the figures as JSON; gives them."""
    summary = summarise(run)
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary
