"""`credit-participant scorecard fit | monitor`: cards from labelled samples, and whether people have changed since."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.membership.genesis import DEFAULT_FAMILIES
from consortium.model.attributes import DEFAULT_ATTRIBUTES
from consortium.model.scorecard_checks import CardTerms, check_card
from participants.cli.output import JsonOption, Output, output
from participants.scorecards.files import read_card, write_card
from participants.scorecards.fitting import FOLDS, SEED, Fitted, fit, wanted_of
from participants.scorecards.measures import Measures
from participants.scorecards.plan import load_plan
from participants.scorecards.report import report
from participants.scorecards.sampled import monitor, wanted_by
from participants.scorecards.samples import read_sample

KeyOption = Annotated[str, typer.Option("--key", help="The column by which several files are pooled.")]
DIGITS = 6


def fit_command(
    plan: Annotated[Path, typer.Argument(help="The plan (TOML): what a person decides.")],
    sample: Annotated[list[Path], typer.Option("--sample", help="A labelled file, CSV or Parquet; several: pooled.")],
    out: Annotated[Path, typer.Option("--out", help="Where the card goes (JSON).")],
    report_to: Annotated[Path | None, typer.Option("--report", help="Where the validation report goes (HTML).")] = None,
    key: KeyOption = "",
    folds: Annotated[int, typer.Option("--folds", min=0, max=50, help="Parts, each left out once.")] = FOLDS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides who is in which part.")] = SEED,
    *,
    as_json: JsonOption = False,
) -> None:
    """Fit a card: bins by weight of evidence, logistic regression, whole points; with AUC, KS and Gini."""
    with output(as_json=as_json) as shown:
        planned = load_plan(plan)
        people = read_sample(sample, wanted_of(planned, key))
        fitted = fit(planned, people, folds, seed)
        write_card(out, fitted.card)
        if report_to is not None:
            report_to.write_text(report(fitted, people), encoding="utf-8")
        shown.show(_fitted_value(fitted), _fitted_table(fitted), *_left_out(fitted))
        _warn(shown, fitted)


def monitor_command(
    card: Annotated[Path, typer.Argument(help="The card (JSON).")],
    expected: Annotated[list[Path], typer.Option("--expected", help="The sample that the card was made from.")],
    actual: Annotated[list[Path], typer.Option("--actual", help="People of today; no label is needed.")],
    key: KeyOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Compare two populations: the stability index of the score and of every characteristic."""
    with output(as_json=as_json) as shown:
        found = read_card(card)
        wanted = wanted_by(found, key)
        indices = monitor(found, read_sample(expected, wanted), read_sample(actual, wanted))
        table = Table(title=f"{found.name}: population stability", title_justify="left")
        table.add_column("what")
        table.add_column("index", justify="right")
        table.add_column("says")
        for name, (index, says) in indices.items():
            table.add_row(name, f"{index:.4f}", says)
        value: dict[str, CanonicalValue] = {
            name: {"index": f"{index:.{DIGITS}f}", "says": says.value} for name, (index, says) in indices.items()
        }
        shown.show({"card": found.name, "stability": value}, table)


def _fitted_value(fitted: Fitted) -> dict[str, CanonicalValue]:
    return {
        "card": fitted.card.name,
        "characteristics": [one.id for one in fitted.figures],
        "left_out": list(fitted.left_out),
        "sample": _measures_value(fitted.whole),
        "folds": [_measures_value(one) for one in fitted.folds],
        "mean_auc": f"{fitted.mean_auc:.{DIGITS}f}",
    }


def _measures_value(one: Measures) -> dict[str, CanonicalValue]:
    figures = {"auc": one.auc, "ks": one.ks, "gini": one.gini}
    return {"people": one.people, "bad": one.bad, **{name: f"{each:.{DIGITS}f}" for name, each in figures.items()}}


def _fitted_table(fitted: Fitted) -> Table:
    table = Table(title=f"{fitted.card.name}: {fitted.card.title}", title_justify="left")
    table.add_column("on")
    for name in ("people", "bad", "AUC", "KS", "Gini"):
        table.add_column(name, justify="right")
    parts = ((f"part {number}, left out", one) for number, one in enumerate(fitted.folds, start=1))
    for name, one in [("the whole sample", fitted.whole), *parts]:
        table.add_row(name, f"{one.people:,}", f"{one.bad:,}", f"{one.auc:.4f}", f"{one.ks:.4f}", f"{one.gini:.4f}")
    return table


def _left_out(fitted: Fitted) -> list[Text]:
    lines = [Text(f"mean AUC on the parts left out: {fitted.mean_auc:.4f}")] if fitted.folds else []
    if fitted.left_out:
        lines.append(Text(f"without a say beside the others, and so not in the card: {', '.join(fitted.left_out)}"))
    return lines


def _warn(shown: Output, fitted: Fitted) -> None:
    """Say what a consortium with the usual terms would refuse; `check --node` says it for the rulebook in force."""
    for one in check_card(fitted.card, CardTerms(DEFAULT_ATTRIBUTES, frozenset(DEFAULT_FAMILIES))):
        shown.warn(str(one))
