"""`credit-participant signals show | propose`: the rules and the fallback table that assessments follow."""

from pathlib import Path
from typing import Annotated

import typer

from consortium.model.rulebook_document import SectionName
from consortium.model.signal_policy import SignalPolicy
from consortium.signals.defaults import DEFAULT_SIGNALS
from participants.cli.membership_options import FolderOption
from participants.cli.output import JsonOption
from participants.cli.sections import propose_section, show_section

SECTION: SectionName = "signals"


def show(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show the rules and the fallback table in force, or those to begin with where there are none."""
    show_section(node, SECTION, lambda: DEFAULT_SIGNALS, as_json=as_json)


def propose(
    node: FolderOption,
    file: Annotated[Path | None, typer.Argument(help="A JSON file with the policy, as `signals show` prints.")] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Have no rules: nobody can assess.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these rules; approvers `approve signals`."""
    propose_section(node, SECTION, SignalPolicy, file, remove=remove, as_json=as_json)
