"""
A list in the demonstration: everybody whom the asking lender asked about one by one, in one job.

Its numbers are those of the day's books. Some people are asked about again, alone and for a review, which sees the
same books: each of their numbers must be the same.
"""

import csv
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from consortium.model.members import MemberId
from consortium.silent import Silent
from demo.books import identifiers_value
from demo.dataset import Asked, Dataset
from demo.progress import Meter
from demo.questions import consent_of
from participants.lender.question_input import parse_question
from participants.rpc.local_client import LocalClient
from participants.sandbox.processes import ProcessFailedError

ATTRIBUTES = ("lenders_with_open_tradeline", "open_tradelines", "balance", "amount_past_due")
KINDS = ("national_id", "phone", "email")
CHECKED = 20
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, repr=False)
class Listed(Silent):
    """What a list came to: rows by status, seconds, and how many of the numbers compared are not the same."""

    rows: int
    statuses: Mapping[str, int]
    seconds: float
    compared: int
    wrong: int

    @property
    def figures(self) -> dict[str, int | float | str]:
        """Give the figures for `summary.json`."""
        statuses = ", ".join(f"{name} {count:,}" for name, count in sorted(self.statuses.items()))
        return {
            "rows": self.rows,
            "statuses": statuses,
            "seconds": round(self.seconds, 1),
            "numbers_compared": self.compared,
            "numbers_unequal": self.wrong,
        }


def ask_list(client: LocalClient, dataset: Dataset, folder: Path, meter: Meter) -> Listed:
    """Ask about everybody on a list that is written to `folder`, and about some of them once more."""
    source, out, start = folder / "list.csv", folder / "result.csv", time.monotonic()
    _write(source, dataset.asked)
    wanted = {
        "source": str(source.resolve()),
        "out": str(out.resolve()),
        "columns": {"id": "customer", **{kind: kind for kind in KINDS}},
        "attributes": ATTRIBUTES,
        "consent": consent_of(dataset),
    }
    _run(client, wanted, meter)
    seconds = time.monotonic() - start
    with out.open(encoding="utf-8", newline="") as file:
        rows = {row["customer"]: row for row in csv.DictReader(file)}
    pairs = [pair for asked in dataset.asked[:CHECKED] for pair in _compared(client, dataset, asked, rows)]
    statuses: dict[str, int] = {}
    for row in rows.values():
        statuses[row["status"]] = statuses.get(row["status"], 0) + 1
    return Listed(len(rows), statuses, seconds, len(pairs), sum(one != other for one, other in pairs))


def print_list(console: Console, found: Listed, requester: MemberId) -> None:
    """Print what the list came to."""
    rate = found.rows / found.seconds if found.seconds else 0
    table = Table(title=f"{requester}: {found.rows:,} people in {found.seconds:.1f} s, {rate:,.0f} a second")
    table.title_justify = "left"
    for column in (*sorted(found.statuses), "compared alone", "unequal"):
        table.add_column(column, justify="right")
    counts = [f"{found.statuses[name]:,}" for name in sorted(found.statuses)]
    table.add_row(*counts, f"{found.compared:,}", f"{found.wrong:,}")
    console.print(table)


def _write(path: Path, people: Sequence[Asked]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer", *KINDS))
        for asked in people:
            given = identifiers_value(asked.identifiers)
            writer.writerow((asked.person, *(given.get(kind, "") for kind in KINDS)))


def _run(client: LocalClient, wanted: Mapping[str, object], meter: Meter) -> None:
    found = client.start_portfolio(secrets.token_bytes(16), json.dumps(wanted).encode())
    while found.is_under_way:
        time.sleep(POLL_SECONDS)
        found = client.portfolio(found.job)
        meter.update(found.done)
    if found.error:
        raise ProcessFailedError(f"the portfolio ended with {found.error}: {found.cause}")


def _compared(
    client: LocalClient, dataset: Dataset, asked: Asked, rows: Mapping[str, Mapping[str, str]]
) -> list[tuple[int, int]]:
    """Ask about one person by the identifier that the list was read by; gives each number beside the list's."""
    strongest = min(asked.identifiers, key=lambda one: one.kind)
    question = {
        "identifiers": identifiers_value((strongest,)),
        "purpose": "account-review",
        "attributes": ATTRIBUTES,
        "consent": consent_of(dataset),
    }
    answer: Mapping[str, Any] = client.ask(parse_question(json.dumps(question).encode()))
    row = rows[str(asked.person)]
    return [(item["value"], int(row[item["id"]] or 0)) for item in answer["attributes"]]
