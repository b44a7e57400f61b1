"""`credit-regulator indicators`: what a verified export says of each lender."""

from pathlib import Path

from rich.table import Table

from consortium.transparency.kinds import parse_entry
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from participants.cli.output import JsonOption, output
from participants.cli.regulator_inspect import verified
from participants.cli.regulator_serve import FolderOption
from participants.cli.regulator_sums import ExportArgument
from participants.cli.regulator_verify import trust_of
from participants.quality import percent, shares_of
from participants.regulator.archive import open_export
from participants.regulator.indicators import LogIndicators, MemberIndicators


def indicators(folder: FolderOption, export: ExportArgument, *, as_json: JsonOption = False) -> None:
    """Verify an export and show, for each lender, what it asked, how often it answered, and how good its data are."""
    with output(as_json=as_json) as shown:
        found = _found(folder, export)
        shown.show({"members": {member: one.to_json() for member, one in found.items()}}, _table(found))


def _found(folder: Path, export: Path) -> dict[str, MemberIndicators]:
    verified(export, trust_of(folder, None, None))
    found = LogIndicators()
    with open_export(export) as opened:
        found.take_all(parse_entry(line) for line in opened.lines())
    return dict(sorted(found.members.items()))


def _table(found: dict[str, MemberIndicators]) -> Table:
    table = Table(title="Lenders in this export", title_justify="left")
    table.add_column("lender")
    for column in ("asked", "complete", "refused", "answers given", "available", *QUALITY_SHARES):
        table.add_column(column, justify="right")
    for member, one in found.items():
        available = "" if one.availability is None else f"{one.availability:.1%}"
        counts = f"{one.asked:,}", f"{one.complete:,}", f"{one.refused:,}", f"{one.given:,} of {one.due:,}"
        stated = shares_of(one.quality) if one.quality else {}
        table.add_row(member, *counts, available, *(percent(stated.get(name)) for name in QUALITY_SHARES))
    return table
