"""`credit-participant tags`: a person's tags for the regulator, who can then say who asked about the person."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Oprf, RulebookDocument
from participants.bootstrap import inquired, open_tokeniser
from participants.cli.book_load import warn_of_holder
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.event_input import MAX_EVENT_BYTES, InquiryInput, parse_event
from participants.secret_files import has_generation
from participants.settings import NodeSettings
from participants.whole_files import write_new

OutArgument = Annotated[Path, typer.Argument(help="The file to write, for the regulator alone.")]


def tags(node: NodeOption, out: OutArgument, *, as_json: JsonOption = False) -> None:
    """
    Write the tags of {"identifiers": {...}} on standard input to an owner-only file, one a line.

    Those of earlier generations of the key are among them, as long as key holders still evaluate for it. Hand it to the
    regulator over a channel of its own: whoever has a tag and an envelope key can recognise the person.
    """
    with output(as_json=as_json) as shown:
        told = parse_event(InquiryInput, sys.stdin.buffer.read(MAX_EVENT_BYTES + 1))
        identifiers = told.identifiers.every()
        settings = NodeSettings(node)
        with open_tokeniser(settings, warn_of_holder(shown), beside=partial(_kept, settings)) as tokens:
            found = [one.tag.value.hex() for token in tokens.tokenise(identifiers) for one in (token, *token.others)]
        if not write_new(out, "".join(f"{tag}\n" for tag in found).encode()):
            raise CreditError(Code.SETTINGS_INVALID, f"{out.name} exists")
        shown.show_fields({"file": str(out), "tags": len(found)}, {"file": str(out), "tags": str(len(found))})


def _kept(settings: NodeSettings, document: RulebookDocument, now: int) -> list[Oprf]:
    """Give the earlier generations of which this lender has the secrets: who came later has not all of them."""
    return [one for one in inquired(document, now) if has_generation(settings, document.consortium, one)]
