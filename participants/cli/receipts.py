"""`credit-participant receipts`: what the gateway has signed for this node, as a file for a regulator."""

import datetime as dt
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from participants.cli.output import JsonOption, NodeOption, output
from participants.settings import NodeSettings
from participants.storage.supervision import SqliteSupervision


def receipts(
    out: Annotated[Path, typer.Argument(help="The file to write, one JSON object a line.")],
    node: NodeOption,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those kept since this day, such as 2026-01-31.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Write the gateway's receipts that this node has; `credit-regulator verify --receipts` holds a log to them."""
    with output(as_json=as_json) as shown:
        settings, begin, count = NodeSettings(node), _since(since), 0
        kept = settings.path(settings.file.supervision)
        with closing(SqliteSupervision(kept)) as store, out.open("wb") as file:
            for line in store.receipts(begin):
                file.write(line)
                count += 1
        shown.show_fields({"file": str(out), "receipts": count}, {"file": str(out), "receipts": f"{count:,}"})


def _since(day: str | None) -> int:
    if day is None:
        return 0
    try:
        return int(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC).timestamp())
    except ValueError:
        raise CreditError(Code.RECORD_INVALID, "--since: no day") from None
