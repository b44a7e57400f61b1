"""`credit-participant query` and `status`: ask a serving node; identifiers come from standard input or a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from participants.cli.output import JsonOption, NodeOption, field_lines, output
from participants.input_files import read_input
from participants.lender.question_input import MAX_QUESTION_BYTES, parse_question, with_request_id
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings

FileArgument = Annotated[Path | None, typer.Argument(help="A file with the question; standard input without it.")]


def query(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Ask about one person: {"identifiers": {...}, "purpose": "origination", "attributes": [...], "consent": {...}}."""
    with output(as_json=as_json) as shown:
        question = with_request_id(parse_question(read_question(file)))
        with LocalClient(NodeSettings(node)) as client:
            shown.note({"request_id": question.request_id}, "repeat with request_id")
            answer = client.ask(question)
        shown.show(answer, *_screen(answer))


def status_fields(value: dict[str, CanonicalValue], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Give every value of a node's status by the way to it: "book day", "rulebook digest"."""
    for name, item in value.items():
        if isinstance(item, dict):
            yield from status_fields(item, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name.replace('_', ' ')}", _plain(item)


def read_question(file: Path | None) -> bytes:
    """Read a question from a file or standard input; raises CreditError(SOURCE_UNREADABLE)."""
    return read_input(file, MAX_QUESTION_BYTES, "the file with the question")


def _screen(answer: dict[str, CanonicalValue]) -> list[Text]:
    receipt = cast("dict[str, CanonicalValue]", answer["receipt"])
    fields = {
        "status": str(answer["status"]),
        **({"travel": _plain(answer["travel"])} if "travel" in answer else {}),
        "matched": _plain(answer["match"]),
        "missing": _plain(answer["missing"]),
        "request_id": str(answer["request_id"]),
        "entry": str(receipt["index"]),
        "leaf hash": str(receipt["leaf_hash"]),
    }
    return [*_columns(cast("list[dict[str, CanonicalValue]]", answer["attributes"])), Text(), *field_lines(fields)]


def _columns(attributes: list[dict[str, CanonicalValue]]) -> list[Text]:
    """Align the attributes without cutting anything, however narrow the screen is."""
    rows = [("attribute", "consortium", "own", "unit", "status")]
    rows += [
        (str(item["id"]), f"{item['value']:,}", f"{item['own']:,}", str(item["unit"]), str(item["status"]))
        for item in attributes
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for place, (name, total, own, unit, status) in enumerate(rows):
        numbers = f"{total.rjust(widths[1])}  {own.rjust(widths[2])}"
        text = f"{name.ljust(widths[0])}  {numbers}  {unit.ljust(widths[3])}  {status}"
        lines.append(Text(text, style="" if place else "bold"))
    return lines


def _plain(value: CanonicalValue) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
