"""`credit-participant tags`: a person's tags for the regulator, who can then say who asked about the person."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from participants.bootstrap import open_tokeniser
from participants.cli.book_load import warn_of_holder
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.event_input import MAX_EVENT_BYTES, InquiryInput, parse_event
from participants.settings import NodeSettings
from participants.whole_files import write_new

OutArgument = Annotated[Path, typer.Argument(help="The file to write, for the regulator alone.")]


def tags(node: NodeOption, out: OutArgument, *, as_json: JsonOption = False) -> None:
    """
    Write the tags of {"identifiers": {...}} on standard input to an owner-only file, one a line.

    Hand it to the regulator over a channel of its own: whoever has a tag and an envelope key can recognise the person.
    """
    with output(as_json=as_json) as shown:
        told = parse_event(InquiryInput, sys.stdin.buffer.read(MAX_EVENT_BYTES + 1))
        identifiers = told.identifiers.every()
        with open_tokeniser(NodeSettings(node), warn_of_holder(shown)) as tokens:
            found = [token.tag.value.hex() for token in tokens.tokenise(identifiers)]
        if not write_new(out, "".join(f"{tag}\n" for tag in found).encode()):
            raise CreditError(Code.SETTINGS_INVALID, f"{out.name} exists")
        shown.show_fields({"file": str(out), "tags": len(found)}, {"file": str(out), "tags": str(len(found))})
