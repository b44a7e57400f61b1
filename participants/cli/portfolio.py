"""`credit-participant portfolio run|status|resume`: whole lists of people, asked about in one job of the node."""

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.cli.output import JsonOption, NodeOption, Output, output
from participants.cli.portfolio_options import (
    AttributeOption,
    ConsentOption,
    FormatOption,
    ListOption,
    MappingOption,
    Options,
    OutOption,
    OwnOption,
    RefusedOption,
    SchedulerOption,
    ScorecardOption,
    SinceOption,
    request_of,
)
from participants.portfolio_status import PortfolioStatus
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings

POLL_SECONDS = 0.5
JobArgument = Annotated[str, typer.Argument(help="The portfolio's id, 32 hex digits, as `run` shows it.")]
FileArgument = Annotated[Path | None, typer.Argument(help="A file with the portfolio; standard input without it.")]
JobOption = Annotated[str | None, typer.Option("--id", help="An id of your own, 32 hex digits: a repeat goes on.")]
DetachOption = Annotated[bool, typer.Option("--detach", help="Do not wait: `portfolio status` says how it is.")]


def run(
    node: NodeOption,
    file: FileArgument = None,
    source: ListOption = None,
    mapping: MappingOption = None,
    out: OutOption = None,
    out_format: FormatOption = None,
    attribute: AttributeOption = None,
    scorecard: ScorecardOption = None,
    since: SinceOption = None,
    scheduler: SchedulerOption = None,
    consent: ConsentOption = None,
    max_refused: RefusedOption = None,
    job: JobOption = None,
    *,
    own: OwnOption = False,
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask about everybody on a list, by options, or by a file with a portfolio as docs/portfolio.md describes it."""
    said = Options(
        *(source, mapping, out, out_format, attribute, own, scorecard, since, scheduler, consent, max_refused)
    )
    with output(as_json=as_json) as shown:
        name = _job(job) if job else secrets.token_bytes(16)
        request = request_of(file, said)
        with LocalClient(NodeSettings(node)) as client:
            shown.note({"id": name.hex()}, "go on with `credit-participant portfolio resume`")
            _wait(client, client.start_portfolio(name, request), shown, detach=detach)


def resume(node: NodeOption, job: JobArgument, *, detach: DetachOption = False, as_json: JsonOption = False) -> None:
    """Go on with a portfolio that was stopped: what has been answered is not asked again."""
    with output(as_json=as_json) as shown, LocalClient(NodeSettings(node)) as client:
        shown.note({"id": job}, "go on with `credit-participant portfolio resume`")
        _wait(client, client.resume_portfolio(_job(job)), shown, detach=detach)


def status(
    node: NodeOption,
    job: Annotated[str | None, typer.Argument(help="A portfolio's id; all of them without it.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say how portfolios are: phase, rows done, rate and time left."""
    with output(as_json=as_json) as shown, LocalClient(NodeSettings(node)) as client:
        found = [client.portfolio(_job(job))] if job else client.portfolios()
        shown.show({"portfolios": [status_value(one) for one in found]}, _table(found))


def status_value(one: PortfolioStatus) -> dict[str, CanonicalValue]:
    """Give a portfolio's status as JSON; the rate is in rows a second, times are in seconds."""
    left = one.seconds_left
    return {
        "id": one.job.hex(),
        "phase": one.phase,
        "done": one.done,
        "total": one.total,
        "rows": one.rows,
        "seconds": round(one.seconds),
        "rows_per_second": round(one.done / one.seconds) if one.seconds else None,
        "seconds_left": None if left is None else round(left),
        "expires_at": one.expires_at or None,
        **({"error": {"code": one.error, "cause": one.cause}} if one.error else {}),
        **({"summary": dict(one.summary)} if one.summary else {}),
    }


def _wait(client: LocalClient, found: PortfolioStatus, shown: Output, *, detach: bool) -> None:
    """Follow a portfolio until it is done or stopped; raises what stopped it."""
    if not detach:
        with _bar(hidden=shown.as_json) as bar:
            task = bar.add_task(found.phase, total=None)
            while found.is_under_way:
                time.sleep(POLL_SECONDS)
                found = client.portfolio(found.job)
                bar.update(task, description=found.phase, completed=found.done, total=found.total or None)
    shown.show(status_value(found), _table([found]))
    if found.error:
        code = Code(found.error) if found.error in Code.__members__ else Code.INTERNAL
        raise CreditError(code, found.cause)


def _bar(*, hidden: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.completed:,.0f} rows"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden)


def _table(found: list[PortfolioStatus]) -> Table:
    table = Table()
    for column in ("id", "phase", "done", "of", "rows/s", "left", "what it says"):
        table.add_column(column, overflow="fold")
    for one in found:
        value = status_value(one)
        left = value["seconds_left"]
        says = f"{one.error}: {one.cause}" if one.error else ", ".join(f"{k} {v}" for k, v in one.summary.items())
        rate, wait = value["rows_per_second"], "" if left is None else f"{left} s"
        table.add_row(one.job.hex(), one.phase, f"{one.done:,}", f"{one.total:,}", str(rate or ""), wait, says)
    return table


def _job(text: str) -> bytes:
    try:
        job = bytes.fromhex(text)
    except ValueError:
        job = b""
    if len(job) != 16:
        raise CreditError(Code.RECORD_INVALID, "id: 32 hex digits")
    return job
