"""`credit-participant policy show | propose`: the limits of the rulebook, with its families and suites."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.model.rulebook_document import Policy
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, output
from participants.cli.sections import read_section_file, show_proposal
from participants.membership import actions

CHANGE = "amend"


def show(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show the limits in force."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        value = party.rulebook.document.policy.model_dump(mode="json")
        shown.show({"policy": value}, Text(json.dumps(value, indent=2)))


def propose(
    node: FolderOption,
    file: Annotated[Path, typer.Argument(help="A JSON file with all limits, as `policy show` prints them.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these limits; approvers `approve amend`."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        show_proposal(shown, CHANGE, actions.propose_policy(party, read_section_file(Policy, file)))
