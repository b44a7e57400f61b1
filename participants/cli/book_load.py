"""`credit-participant book load`: replace the node's book by what a source holds."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.errors import CreditError
from participants.bootstrap import open_book, open_tokeniser
from participants.cli.book_check import show_report
from participants.cli.book_status import status_value, status_view
from participants.cli.output import JsonOption, LateProgress, NodeOption, Output, output
from participants.cli.source_options import (
    DEFAULT_PERCENTAGE,
    AsideOption,
    MappingOption,
    RefusedOption,
    SourceOption,
    prepare,
)
from participants.lender.ports import LoadReport
from participants.settings import NodeSettings

AsOfOption = Annotated[
    dt.datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%dT%H:%M:%S%z"],
        help="The time that the source speaks of; without it, when the file was last written, or now for a database.",
    ),
]


def load(
    node: NodeOption,
    mapping: MappingOption,
    source: SourceOption = None,
    as_of: AsOfOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    set_aside: AsideOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Validate a source, tokenise its people and replace the book; whatever goes wrong leaves the book as it was."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        loading, rows = prepare(mapping, source, max_refused, set_aside or _new_file(node))
        moment = int(as_of.timestamp()) if as_of is not None else None
        try:
            with (
                open_tokeniser(settings, warn_of_holder(shown)) as tokens,
                open_book(settings) as book,
                LateProgress(rows, hidden=as_json) as progress,
            ):
                done = loading.load(book, tokens, now=int(time.time()), as_of=moment, progress=progress)
        finally:
            show_report(shown, loading)
        _show(shown, settings.file.member, done)


def warn_of_holder(shown: Output) -> Callable[[int, CreditError], None]:
    """Tell of each holder that failed; the work goes on as long as enough others answer."""
    return lambda holder, error: shown.warn(f"key holder {holder}: {error.code}")


def _show(shown: Output, member: str, done: LoadReport) -> None:
    value = {**status_value(member, done.status), "pieces": done.rows, "carried": done.carried}
    carried = Text(f"{done.rows:,} pieces loaded, {done.carried:,} carried over from the book before")
    shown.show(value, carried, status_view(member, done.status))


def _new_file(node: Path) -> Path:
    return node / f"refused-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%fZ}.csv"
