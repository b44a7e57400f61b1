"""`credit-participant book load`: replace the node's book by what sources hold."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.errors import CreditError
from participants.bootstrap import open_books, open_tokeniser, written
from participants.both_books import linking
from participants.cli.book_check import show_reports
from participants.cli.book_status import status_fields, status_value
from participants.cli.membership_options import party_in
from participants.cli.output import JsonOption, LateProgress, NodeOption, Output, output
from participants.cli.source_options import (
    DEFAULT_PERCENTAGE,
    AsideOption,
    MappingsOption,
    RefusedOption,
    SourceOption,
    prepare,
)
from participants.lender.loading import load_sources
from participants.lender.ports import LoadReport
from participants.lender.tokens import CountingTokeniser
from participants.membership.folder import FILE_NAME
from participants.membership.standing import BOOK_LOADED
from participants.settings import NodeSettings

AsOfOption = Annotated[
    dt.datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%dT%H:%M:%S%z"],
        help="The time that the sources speak of; without it, when the oldest file was written, or now.",
    ),
]


def load(
    node: NodeOption,
    mapping: MappingsOption,
    source: SourceOption = None,
    as_of: AsOfOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    set_aside: AsideOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Validate sources, tokenise their people and replace the book; whatever goes wrong leaves the book as it was."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        loads = prepare(mapping, source, max_refused, set_aside, node=node)
        moment = int(as_of.timestamp()) if as_of is not None else None
        try:
            with (
                open_books(settings) as (books, rulebook),
                open_tokeniser(settings, warn_of_holder(shown), beside=written) as opened,
                LateProgress([load.source for load in loads], hidden=as_json) as progress,
            ):
                tokens = CountingTokeniser(opened)
                book = books.in_use(rulebook)
                writing = linking(book, tokens, rulebook, books.succession(rulebook))
                done = load_sources(loads, book, writing, now=int(time.time()), as_of=moment, progress=progress)
                books.prepare(rulebook)  # the one that is made beside it is made from this one again
        finally:
            show_reports(shown, loads)
        note_book(node)
        _show(shown, settings.file.member, done, tokens)


def note_book(node: Path) -> None:
    """Note when the book was loaded, for `status`, where the folder is a member's."""
    if (node / FILE_NAME).exists():
        with party_in(node) as party:
            party.board.set_mark(BOOK_LOADED, party.now)


def warn_of_holder(shown: Output) -> Callable[[int, CreditError], None]:
    """Tell of each holder that failed; the work goes on as long as enough others answer."""
    return lambda holder, error: shown.warn(f"key holder {holder}: {error.code}")


def _show(shown: Output, member: str, done: LoadReport, tokens: CountingTokeniser) -> None:
    tokenised = {"identifiers": tokens.identifiers, "cpu_milliseconds": round(tokens.cpu_seconds * 1000)}
    value = {
        **status_value(member, done.status),
        "pieces": done.rows,
        "carried": done.carried,
        "tokenised": tokenised,
    }
    lines = [
        f"{done.rows:,} pieces loaded, {done.carried:,} carried over from the book before",
        f"{tokens.identifiers:,} identifiers evaluated by the key holders",
    ]
    shown.show(value, *map(Text, lines))
    shown.show_fields(value, status_fields(member, done.status))
