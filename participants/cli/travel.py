"""`credit-participant travel show | propose`: the rulebook's terms of travel checks."""

from pathlib import Path
from typing import Annotated

import typer

from consortium.model.rulebook_document import SectionName
from consortium.travel.policy import DEFAULT_TRAVEL, TravelPolicy
from participants.cli.membership_options import FolderOption
from participants.cli.output import JsonOption
from participants.cli.sections import propose_section, show_section

SECTION: SectionName = "travel"


def show(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show the terms of travel checks that are in force, or those to begin with where there are none."""
    show_section(node, SECTION, lambda: DEFAULT_TRAVEL, as_json=as_json)


def propose(
    node: FolderOption,
    file: Annotated[Path | None, typer.Argument(help="A JSON file with the terms, as `travel show` prints.")] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Have no travel checks any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these terms of travel checks; approvers `approve travel`."""
    propose_section(node, SECTION, TravelPolicy, file, remove=remove, as_json=as_json)
