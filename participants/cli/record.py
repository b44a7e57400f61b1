"""`credit-participant record ...`: one live event from a JSON object on standard input or in a file."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from participants.bootstrap import open_books, open_tokeniser
from participants.both_books import record_in_books
from participants.cli.book_load import warn_of_holder
from participants.cli.output import JsonOption, NodeOption, Output, output
from participants.input_files import read_input
from participants.lender.event_input import (
    MAX_EVENT_BYTES,
    ConfirmInput,
    DisputeInput,
    EventInput,
    FreezeInput,
    InquiryInput,
    LocationInput,
    PendingInput,
    ReleaseInput,
    TradelineInput,
    parse_event,
)
from participants.lender.recording import Recorded
from participants.settings import NodeSettings

FileArgument = Annotated[Path | None, typer.Argument(help="A file with the event; standard input without it.")]


def tradeline(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Record an account that was opened or has changed: {"identifiers": {...}, "tradeline": {...}}."""
    _record(TradelineInput, node, file, as_json=as_json)


def inquiry(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Record that this lender looked into a person: {"identifiers": {...}}."""
    _record(InquiryInput, node, file, as_json=as_json)


def freeze(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Freeze a file or lift the freeze: {"identifiers": {...}, "frozen": true}."""
    _record(FreezeInput, node, file, as_json=as_json)


def dispute(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Mark an account as disputed or not: {"identifiers": {...}, "account": "...", "disputed": true}."""
    _record(DisputeInput, node, file, as_json=as_json)


def pending(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Record a promised amount, before asking: {"identifiers": {...}, "id": "...", "amount": 1, "expires": "..."}."""
    _record(PendingInput, node, file, as_json=as_json)


def confirm(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Turn a pending grant into its tradeline: {"identifiers": {...}, "id": "...", "tradeline": {...}}."""
    _record(ConfirmInput, node, file, as_json=as_json)


def release(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """End a pending grant that came to nothing: {"identifiers": {...}, "id": "..."}."""
    _record(ReleaseInput, node, file, as_json=as_json)


def location(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Record where a person was: {"identifiers": {...}, "latitude": 39.9236, "longitude": 116.3496, "time": "..."}."""
    _record(LocationInput, node, file, as_json=as_json)


def _record(kind: type[EventInput], node: Path, file: Path | None, *, as_json: bool) -> None:
    with output(as_json=as_json) as shown:
        told = parse_event(kind, read_input(file, MAX_EVENT_BYTES, "the file with the event"))
        settings = NodeSettings(node)
        with open_books(settings) as (books, rulebook), open_tokeniser(settings, warn_of_holder(shown)) as tokens:
            alarm = warn_of_holder(shown)
            recorded = record_in_books(settings, books, rulebook, tokens, told, alarm, int(time.time()))
        _show(shown, recorded)


def _show(shown: Output, recorded: Recorded) -> None:
    journal = recorded.journal
    value: dict[str, CanonicalValue] = {"journal": {"size": journal.size, "head": journal.head.hex()}}
    fields = {"journal entries": f"{journal.size:,}", "journal head": journal.head.hex()}
    if recorded.pending_id is not None:
        value["pending_id"] = recorded.pending_id
        fields = {"pending grant": recorded.pending_id, **fields}
    shown.show(value, Text("recorded"))
    shown.show_fields(value, fields)
