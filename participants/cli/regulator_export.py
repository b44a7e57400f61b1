"""`credit-regulator export`: the log, or a part of it, in one file that proves itself."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consortium.errors import Code, CreditError
from participants.cli.output import JsonOption, output
from participants.cli.regulator_serve import FolderOption
from participants.gateway_client.rulebook import fetch_rulebooks
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import Proof, Selection
from participants.regulator.exporting import Progress as Report
from participants.regulator.exporting import Source
from participants.regulator.exporting import export as make_export
from participants.regulator.serving import first_rulebook, tls_of
from participants.regulator.settings import RegulatorSettings

MomentOption = str | None


def export(
    folder: FolderOption,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    since: Annotated[MomentOption, typer.Option("--from", help="First moment, ISO 8601 with its offset.")] = None,
    until: Annotated[MomentOption, typer.Option("--to", help="The moment after the last, ISO 8601.")] = None,
    member: Annotated[str | None, typer.Option(help="Only what this member asked.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Only queries of this purpose.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """
    Write an export; called again with the same options it goes on where it broke off.

    Without --from and --to it begins with the first entry and ends with the newest checkpoint. With --member or
    --purpose the file proves that its lines are in the log, and not that they are all.
    """
    with output(as_json=as_json) as shown:
        if out.exists():
            raise CreditError(Code.SETTINGS_INVALID, f"{out.name} exists")
        selection = Selection(from_ms=_moment(since), to_ms=_moment(until), member=member, purpose=purpose)
        if None not in (selection.from_ms, selection.to_ms) and not (selection.from_ms or 0) < (selection.to_ms or 0):
            raise CreditError(Code.SETTINGS_INVALID, "--from is not before --to")
        proof = asyncio.run(_export(RegulatorSettings(folder), selection, out, hidden=as_json))
        lines = f"{proof.end - proof.first:,}"
        shown.show_fields(
            {"file": str(out), "first": proof.first, "end": proof.end, "size": proof.size},
            {"file": str(out), "entries": f"{lines} of {proof.size:,}", "next": "credit-regulator verify"},
        )


async def _export(settings: RegulatorSettings, selection: Selection, out: Path, *, hidden: bool) -> Proof:
    address, tls = settings.file.gateway.addresses[0], tls_of(settings)
    rulebooks = await fetch_rulebooks(address, tls)
    consortium = first_rulebook(settings).document.consortium
    columns = TextColumn("entries"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("entries", total=None)
        progress: Report = lambda done, of: bar.update(task, completed=done, total=of)  # noqa: E731
        async with TransparencyClient(address, tls) as client:
            source = Source(client, rulebooks, settings.policy(), consortium)
            return await make_export(source, selection, out, progress)


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise CreditError(Code.SETTINGS_INVALID, "--from and --to are moments as 2026-11-01T00:00:00+00:00") from None
    if moment.tzinfo is None:
        raise CreditError(Code.SETTINGS_INVALID, "--from and --to need an offset: 2026-11-01T00:00:00+00:00")
    return round(moment.timestamp() * 1000)
