"""`credit-participant backtest`: the rules over a labelled file of past applications."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.model.catalogue import Purpose
from consortium.model.signal_policy import Hint
from participants.bootstrap import open_rulebooks
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.assess import policy_of
from participants.lender.backtest import MAXIMUM_REFUSED_SHOWN, Backtest, Outcome, read_past
from participants.lender.backtest import backtest as tested
from participants.lender.connectors import CsvSource, ParquetSource
from participants.settings import NodeSettings


def backtest(
    node: NodeOption,
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with bad, attributes, own.attributes: docs/assess.md.")],
    purpose: Annotated[Purpose, typer.Option(help="Whose rules.")] = Purpose.ORIGINATION,
    at: Annotated[int | None, typer.Option(min=0, help="Whose time's rules, Unix seconds; now without it.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Apply the rules to a labelled file of past applications: by the own numbers alone, and with the consortium."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        rulebook = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks).current()
        source = ParquetSource(file) if file.suffix == ".parquet" else CsvSource(file)
        rows = read_past(source, [*rulebook.attributes])
        found = tested(policy_of(rulebook), rows, purpose, int(time.time()) if at is None else at)
        shown.show(_value(found), _table(found), Text(_summary(found)))


def _table(found: Backtest) -> Table:
    table = Table(title=f"{found.rows:,} applications, {len(found.refused):,} rows refused", title_justify="left")
    table.add_column("hint")
    for column in ("own book alone", "bad", "with the consortium", "bad", "decided then", "bad"):
        table.add_column(column, justify="right")
    for hint in Hint:
        cells = (_cells(one[hint]) for one in (found.alone, found.consortium, found.decided))
        table.add_row(hint.name, *(cell for pair in cells for cell in pair))
    return table


def _cells(outcome: Outcome) -> tuple[str, str]:
    return f"{outcome.count:,}", f"{outcome.bad_rate:.1%}" if outcome.count else ""


def _summary(found: Backtest) -> str:
    lift = "nothing was approved alone" if found.lift is None else f"{found.lift:+.1%}"
    rows = f"; refused rows {', '.join(map(str, found.refused[:MAXIMUM_REFUSED_SHOWN]))}" if found.refused else ""
    return f"approvals at the bad rate of those alone: {found.at_equal_bad_rate:,} ({lift}){rows}"


def _value(found: Backtest) -> dict[str, CanonicalValue]:
    lift = None if found.lift is None else round(10_000 * found.lift)
    return {
        "rows": found.rows,
        "refused": [*found.refused],
        "alone": _outcomes(found.alone),
        "consortium": _outcomes(found.consortium),
        "decided": _outcomes(found.decided),
        "approvals_at_equal_bad_rate": found.at_equal_bad_rate,
        "lift_basis_points": lift,
    }


def _outcomes(found: dict[Hint, Outcome]) -> dict[str, CanonicalValue]:
    return {hint.name: {"count": one.count, "bad": one.bad} for hint, one in found.items()}
