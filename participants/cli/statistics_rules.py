"""`credit-participant statistics rules | propose`: the templates and budgets of the rulebook."""

from pathlib import Path
from typing import Annotated

import typer

from consortium.model.rulebook_document import SectionName
from consortium.model.statistic_policy import StatisticsPolicy
from consortium.rules.statistic_defaults import DEFAULT_STATISTICS
from participants.cli.membership_options import FolderOption
from participants.cli.output import JsonOption
from participants.cli.sections import propose_section, show_section

SECTION: SectionName = "statistics"


def rules(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show the templates and budgets that are in force, or those to begin with where there are none."""
    show_section(node, SECTION, lambda: DEFAULT_STATISTICS, as_json=as_json)


def propose(
    node: FolderOption,
    file: Annotated[Path | None, typer.Argument(help="A JSON file with the section, as `rules` prints.")] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Have no statistics any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these statistics; approvers `approve statistics`."""
    propose_section(node, SECTION, StatisticsPolicy, file, remove=remove, as_json=as_json)
