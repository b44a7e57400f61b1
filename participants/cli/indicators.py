"""`credit-participant indicators`: what membership is worth, and how good everybody's data are."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.model.catalogue import Purpose
from consortium.model.rulebook import Rulebook
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from participants.cli.cases import every_filing
from participants.cli.filing_desk import filing_desk
from participants.cli.output import JsonOption, NodeOption, Output, output
from participants.indicators import lift_value
from participants.indicators_page import Indicators, indicators_page
from participants.lender.assess import policy_of
from participants.lender.backtest import Backtest, backtest, read_past
from participants.lender.connectors import CsvSource, ParquetSource
from participants.lender.ports import day_text
from participants.quality import newest, percent, shares_of, shares_value
from participants.storage.result_figures import coverage_in
from participants.whole_files import write_public

RunOption = Annotated[
    Path | None,
    typer.Option("--run", exists=True, dir_okay=False, help="The result of a portfolio over the own book."),
]
BacktestOption = Annotated[
    Path | None,
    typer.Option("--backtest", exists=True, dir_okay=False, help="A labelled file, as `backtest` takes it."),
]
PageOption = Annotated[Path | None, typer.Option("--html", help="Write it as one page with charts.")]


def indicators(
    node: NodeOption,
    run: RunOption = None,
    labelled: BacktestOption = None,
    purpose: Annotated[Purpose, typer.Option(help="Whose rules the backtest follows.")] = Purpose.ORIGINATION,
    html: PageOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show coverage and overlap of the customers, the lift of a backtest, and the quality that lenders state."""
    with output(as_json=as_json) as shown:
        with filing_desk(node) as desk:
            quality = newest(every_filing(desk.client), desk.rulebook)
            rulebook, member = desk.rulebook, desk.member
        found = Indicators(
            member=member,
            coverage=coverage_in(run) if run else None,
            backtest=_tested(labelled, rulebook, purpose) if labelled else None,
            quality=quality,
        )
        if html is not None:
            write_public(html, indicators_page(found).encode())
        _show(shown, found)


def _tested(file: Path, rulebook: Rulebook, purpose: Purpose) -> Backtest:
    source = ParquetSource(file) if file.suffix == ".parquet" else CsvSource(file)
    return backtest(policy_of(rulebook), read_past(source, [*rulebook.attributes]), purpose, int(time.time()))


def _show(shown: Output, found: Indicators) -> None:
    value: dict[str, CanonicalValue] = {"member": found.member}
    if (coverage := found.coverage) is not None:
        value["coverage"] = coverage.to_json()
        covered = "nobody has an answer" if coverage.covered is None else f"{coverage.covered:.1%} known elsewhere"
        others = "" if coverage.others is None else f", {coverage.others:.2f} other lenders a person"
        shown.show({}, Text(f"{coverage.rows:,} people on the list: {covered}{others}"), _overlap(coverage.lenders))
    if (tested := found.backtest) is not None:
        value["lift"] = lift_value(tested)
        lift = "nothing was approved alone" if tested.lift is None else f"{tested.lift:+.1%}"
        shown.show({}, Text(f"approvals at the bad rate of those alone: {tested.at_equal_bad_rate:,} ({lift})"))
    value["quality"] = {
        member: {"day": one.day, **shares_value(shares_of(one))} for member, one in found.quality.items()
    }
    shown.show(value, _quality(found))


def _overlap(lenders: Mapping[int, int]) -> Table:
    table = Table("lenders that know a person", "people", title_justify="left")
    for number, count in sorted(lenders.items()):
        table.add_row(f"{number}", f"{count:,}")
    return table


def _quality(found: Indicators) -> Table:
    table = Table(title="Quality of data, as each lender states it", title_justify="left")
    table.add_column("lender")
    table.add_column("book of")
    for name in QUALITY_SHARES:
        table.add_column(name, justify="right")
    for member, one in sorted(found.quality.items()):
        shares = shares_of(one)
        table.add_row(member, day_text(one.day) or "", *(percent(shares[name]) for name in QUALITY_SHARES))
    return table
