"""What the commands about disputes and complaints share: options, and cases as a table."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from consortium.supervision.documents import CaseCause
from consortium.wire.supervision import FiledDocument
from participants.cases import CaseState
from participants.cli.output import Output
from participants.gateway_client.supervision import SupervisionClient

EntryOption = Annotated[int | None, typer.Option("--entry", min=0, help="The index of the entry that it is about.")]
AboutOption = Annotated[str | None, typer.Option("--about", help="The member whom it is about.")]
CauseOption = Annotated[CaseCause, typer.Option("--cause", help="What it is about.")]
TextOption = Annotated[str, typer.Option("--text", help="In words, naming nobody; it stays in the log.")]
CaseArgument = Annotated[int, typer.Argument(min=0, help="The index of the case's entry.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Only those that are open.")]


def show_cases(shown: Output, states: Sequence[CaseState], *, open_only: bool) -> None:
    """Show cases with their age."""
    kept = [one for one in states if not (open_only and one.closed)]
    table = Table(title="Cases", title_justify="left")
    columns = ("case", "kind", "cause", "opened_by", "about", "entry", "days", "state")
    for column in columns:
        table.add_column(column.replace("_", " "))
    for one in kept:
        value = one.to_json()
        table.add_row(*("" if value[name] is None else str(value[name]) for name in columns))
    shown.show({"cases": [one.to_json() for one in kept]}, table)


def every_filing(client: SupervisionClient) -> list[FiledDocument]:
    """Read everything that was filed and that the caller may read."""
    found: list[FiledDocument] = []
    while page := client.filings(found[-1].entry if found else -1):
        found += page
    return found


def as_date(seconds: int) -> str:
    """Give a time as an ISO date with minutes, UTC."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(seconds))
