"""The figures of a run: `summary.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from consortium.silent import Silent
from demo.assessments import summary_of
from demo.audit import Audited
from demo.books import Books
from demo.portfolio import Listed
from demo.questions import Answer
from demo.statistics import Released
from participants.lender.assessment import Assessment

Value: TypeAlias = "int | float | str | list[int] | Mapping[str, float] | Mapping[str, int | float | str]"


@dataclass(frozen=True, repr=False)
class Run(Silent):
    """Everything that a run gave; `stages` has seconds by stage, `carried` the bytes of all messages of the queries."""

    title: str
    suite: str
    processes: int
    books: Books
    answers: Sequence[Answer]
    carried: int
    stages: Mapping[str, float]
    audited: Audited | None = None
    assessed: Mapping[str, Assessment] = field(default_factory=dict)
    listed: Listed | None = None
    released: Released | None = None


def summarise(run: Run) -> dict[str, Value]:
    """
    Give the figures of a run.

    `totals_equal` and `totals_unequal` add up to queries times attributes, `asked` and `answered` are the sums of
    |R| and |U|. `identifiers_per_second` is that of one core that does the work of the client and of t holders.
    """
    queries, books = len(run.answers), run.books.loaded
    identifiers = sum(book.identifiers for book in books)
    spent = run.books.holder_seconds + sum(book.client_seconds for book in books)
    alone = [answer.seconds for answer in run.answers if answer.in_flight == 1]
    together = [answer.seconds for answer in run.answers if answer.in_flight > 1]
    return {
        "data": run.title,
        "suite": run.suite,
        "processes": run.processes,
        "members": len(books),
        "people_per_book": [book.people for book in books],
        "queries": queries,
        "attributes": len(run.answers[0].result.values) if queries else 0,
        "totals_equal": sum(answer.equal for answer in run.answers),
        "totals_unequal": sum(answer.unequal for answer in run.answers),
        "queries_with_other_differences": sum(not answer.beside_equal for answer in run.answers),
        "asked": sum(len(answer.result.asked) for answer in run.answers),
        "answered": sum(len(answer.result.answered) for answer in run.answers),
        "latency_ms": latency(alone),
        "in_flight": max((answer.in_flight for answer in run.answers), default=0),
        "latency_in_flight_ms": latency(together),
        "bytes_per_query": round(run.carried / queries) if queries else 0,
        "identifiers": identifiers,
        "identifiers_per_second": round(identifiers / spent) if spent else 0,
        "rows_read": sum(report.read for book in books for report in book.reports),
        "rows_refused": sum(report.refused for book in books for report in book.reports),
        "seconds": {stage: round(seconds, 1) for stage, seconds in run.stages.items()},
        **({"audit": run.audited.figures} if run.audited else {}),
        **({"assessments": summary_of(run.assessed)} if run.assessed else {}),
        **({"portfolio": run.listed.figures} if run.listed else {}),
        **({"statistics": run.released.figures} if run.released else {}),
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
