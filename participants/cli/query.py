"""`credit-participant query` and `status`: ask a serving node; identifiers come from standard input or a file."""

import sys
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.question_input import MAX_QUESTION_BYTES, parse_question
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings

FileArgument = Annotated[Path | None, typer.Argument(help="A file with the question; standard input without it.")]


def query(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Ask about one person: {"identifiers": {...}, "purpose": "origination", "attributes": [...], "consent": {...}}."""
    with output(as_json=as_json) as shown:
        question = parse_question(_read(file))
        with LocalClient(NodeSettings(node)) as client:
            answer = client.ask(question)
        shown.show(answer, *_screen(answer))


def status(node: NodeOption, *, as_json: JsonOption = False) -> None:
    """Show how a serving node is."""
    with output(as_json=as_json) as shown:
        with LocalClient(NodeSettings(node)) as client:
            value = client.status()
        lines = [Text(f"{name}: {_plain(item)}") for name, item in value.items()]
        shown.show(value, *lines)


def _read(file: Path | None) -> bytes:
    try:
        if file is None:
            return sys.stdin.buffer.read(MAX_QUESTION_BYTES + 1)
        with file.open("rb") as opened:
            return opened.read(MAX_QUESTION_BYTES + 1)
    except OSError:
        raise CreditError(Code.SOURCE_UNREADABLE, "the file with the question") from None


def _screen(answer: dict[str, CanonicalValue]) -> list[Table | Text]:
    table = Table("attribute", "consortium", "own", "unit", "status")
    for item in cast("list[dict[str, CanonicalValue]]", answer["attributes"]):
        table.add_row(str(item["id"]), f"{item['value']:,}", f"{item['own']:,}", str(item["unit"]), str(item["status"]))
    receipt = cast("dict[str, CanonicalValue]", answer["receipt"])
    lines = [
        f"{answer['status']}; matched by {_plain(answer['match'])}; missing: {_plain(answer['missing']) or 'nobody'}",
        f"request_id: {answer['request_id']}",
        f"receipt: entry {receipt['index']}, leaf {receipt['leaf_hash']}",
    ]
    return [table, *map(Text, lines)]


def _plain(value: CanonicalValue) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
