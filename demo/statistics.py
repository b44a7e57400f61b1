"""
A statistic in the demonstration: the regulator asks for accounts by scene and channel, and the books are added up.

The release is what the regulator's own command gives and puts into the log; beside it stand the exact sums, which no
party of a real consortium could have, so that the noise shows for what it is.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from consortium.model.facts import Moment
from consortium.model.members import MemberId
from consortium.rules.statistic_cells import NOWHERE, CellReader
from consortium.rules.statistics import statistic_of
from participants.bootstrap import open_book, open_rulebook
from participants.sandbox.founding import REGULATOR
from participants.sandbox.processes import BIN, ProcessFailedError
from participants.settings import NodeSettings

TEMPLATE = "scenes"
FARTHEST = 6.0
"""Standard errors; one cell in five hundred million lies farther off by the noise alone."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Released:
    """What was released, cell by cell, beside the exact sums; `error` is the standard error of the noise."""

    template: str
    labels: tuple[str, ...]
    numbers: tuple[int, ...]
    exact: tuple[int, ...]
    error: float
    epsilon: str
    entry: int

    @property
    def farthest(self) -> float:
        """Give how many standard errors the worst cell is off."""
        pairs = zip(self.numbers, self.exact, strict=True)
        return max(abs(one - other) for one, other in pairs) / self.error

    @property
    def wrong(self) -> int:
        """Count the cells that no noise explains."""
        return sum(abs(a - b) > FARTHEST * self.error for a, b in zip(self.numbers, self.exact, strict=True))

    @property
    def figures(self) -> dict[str, int | float | str]:
        """Give the figures for `summary.json`."""
        return {
            "template": self.template,
            "cells": len(self.labels),
            "standard_error": round(self.error, 1),
            "farthest_in_standard_errors": round(self.farthest, 2),
            "epsilon": self.epsilon,
            "entry": self.entry,
        }


def release(out: Path, lenders: Sequence[MemberId]) -> Released:
    """Ask as the regulator, publish, and add the lenders' books up; `out` has a folder for each party."""
    made = _regulator(out, "ask", TEMPLATE)
    entry: int = _regulator(out, "publish", made["request_id"])["entry"]
    rows = made["cells"]["rows"]
    return Released(
        template=TEMPLATE,
        labels=tuple(" / ".join(row[:-1]) for row in rows),
        numbers=tuple(row[-1] for row in rows),
        exact=_exact(out, lenders, made["as_of"]),
        error=float(made["standard_error"]),
        epsilon=str(made["epsilon"]),
        entry=entry,
    )


def print_release(console: Console, made: Released) -> None:
    """Print the largest cells beside the exact sums."""
    table = Table(title=f"{made.template}: epsilon {made.epsilon} a person", title_justify="left")
    table.add_column("cell")
    for column in ("released", "standard error", "exact"):
        table.add_column(column, justify="right")
    largest = sorted(range(len(made.labels)), key=lambda at: -made.exact[at])[:SHOWN]
    for at in largest:
        table.add_row(made.labels[at], f"{made.numbers[at]:,}", f"{made.error:,.0f}", f"{made.exact[at]:,}")
    console.print(table)


def _regulator(out: Path, *words: str) -> Any:
    command: list[str | Path] = [BIN / "credit-regulator", "statistics", *words, "--node", ".", "--json"]
    done = subprocess.run(command, cwd=out / REGULATOR, capture_output=True, check=False)  # noqa: S603  our own
    if done.returncode:
        raise ProcessFailedError(f"credit-regulator statistics {words[0]}: {done.stdout.decode()}")
    return json.loads(done.stdout)


def _exact(out: Path, lenders: Sequence[MemberId], as_of: int) -> tuple[int, ...]:
    """Add up what every lender's book of the day has, within the template's bounds."""
    sums: list[int] = []
    for lender in lenders:
        settings = NodeSettings(out / lender)
        rulebook = open_rulebook(settings, as_of)
        found, policy = statistic_of(TEMPLATE, rulebook), rulebook.policy
        moment = Moment.of(as_of, live=False, retention_days=policy.retention_days, clock_skew=policy.clock_skew)
        reader = CellReader(found, moment)
        sums = sums or [0] * found.count
        with open_book(settings) as book:
            for _, file in book.committed_files():
                for cell, value in reader.cells(file, NOWHERE).items():
                    sums[cell] += value
    return tuple(sums)
