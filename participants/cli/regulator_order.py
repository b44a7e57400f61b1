"""`credit-regulator order`: an order about bodies beside the log, signed by the regulator, for the operator to sign."""

import re
import time
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.bodies import MAXIMUM_ORDERED, BodyAction, BodyOrder, order_to_file
from participants.cli.output import JsonOption, output
from participants.cli.regulator_serve import FolderOption
from participants.regulator.serving import first_rulebook
from participants.regulator.settings import RegulatorSettings
from participants.whole_files import write_new

EntriesOption = Annotated[str, typer.Option("--entries", help="Indices and ranges: 3,4,10-12.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, without naming anybody; it stays in the log.")]
_SPAN = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")


def order(
    folder: FolderOption,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    action: Annotated[BodyAction, typer.Option(help="What is to be done.")],
    entries: EntriesOption,
    reason: ReasonOption,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Sign an order to erase, hold or release bodies; the operator signs it, too, by `credit-gateway log order`."""
    with output(as_json=as_json) as shown:
        settings = RegulatorSettings(folder)
        consortium = first_rulebook(settings).document.consortium
        wanted = BodyOrder(consortium, action, _indices(entries), reason, int(time.time()))
        signature = settings.identity().sign(Label.BODY_ORDER, wanted.to_bytes())
        if not write_new(out, order_to_file(wanted, {settings.file.member: signature})):
            raise CreditError(Code.SETTINGS_INVALID, f"{out.name} exists")
        fields = {"file": str(out), "action": action.value, "entries": str(len(wanted.entries))}
        shown.show_fields({**fields, "entries": [*wanted.entries]}, {**fields, "next": "credit-gateway log order"})


def _indices(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found |= set(_span(part))
        if len(found) > MAXIMUM_ORDERED:
            raise _malformed()
    return tuple(sorted(found))


def _span(part: str) -> range:
    match = _SPAN.fullmatch(part.strip())
    if match is None:
        raise _malformed()
    span = range(int(match[1]), int(match[2] or match[1]) + 1)
    if not 0 < len(span) <= MAXIMUM_ORDERED:
        raise _malformed()
    return span


def _malformed() -> CreditError:
    return CreditError(Code.ORDER_INVALID, "--entries: indices and ranges as 3,4,10-12, at most 1024")
