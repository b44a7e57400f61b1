"""
`python -m benchmarks [NAME ...]`: measure, print tables, keep the figures, and renew them in docs/performance.md.

A benchmark is a module of this package with a function `run` that gives rows; each row has metric, value, unit,
whether more or less of it is better, and a target or None. Figures of one run compare; those of two machines do not.
"""

import json
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.rows import Row

OUT = Path("build/bench")
PAGE = Path("docs/performance.md")
MINIMUM_WIDTH = 120
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="which benchmarks; left out, all of them")] = None,
) -> None:
    """Run benchmarks by name."""
    console = Console()
    console.width = max(console.width, MINIMUM_WIDTH)
    known = found()
    for name in names or [*known]:
        if name not in known:
            raise typer.BadParameter(f"one of {', '.join(known)}")
        with console.status(f"measuring {name}"):
            start = time.perf_counter()
            rows = known[name]()
        console.print(_table(f"{name}, {time.perf_counter() - start:.0f} s", rows))
        OUT.mkdir(parents=True, exist_ok=True)
        (OUT / f"{name}.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), name, rows), encoding="utf-8")


def found() -> dict[str, Callable[[], list[Row]]]:
    """Give the `run` of every module of this package that has one, by the module's name."""
    names = (module.name for module in iter_modules(benchmarks.__path__) if not module.name.startswith("_"))
    modules = {name: import_module(f"benchmarks.{name}") for name in names}
    return {name: module.run for name, module in modules.items() if hasattr(module, "run")}


def renewed(page: str, name: str, rows: Sequence[Row]) -> str:
    """
    Put a benchmark's table between its markers, adding them at the end where the page has none.

    Everything outside `<!-- begin NAME -->` and `<!-- end NAME -->` stays as it is.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page:
        page = f"{page.rstrip()}\n\n## {name.capitalize()}\n\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_end:
        raise ValueError(f"{PAGE}: '{begin}' without '{end}'")
    return f"{before}{begin}\n{markdown(rows)}\n{end}{after}"


def markdown(rows: Sequence[Row]) -> str:
    """Give rows as a Markdown table."""
    head = ["| what | figure | target | figure / target | reached |", "|---|---:|---:|---:|---|"]
    return "\n".join(head + [f"| {row['metric']} | {_figure(row)} | {' | '.join(_verdict(row))} |" for row in rows])


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("figure", "target", "figure / target"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("reached")
    for row in rows:
        target, ratio, reached = _verdict(row)
        table.add_row(
            str(row["metric"]), _figure(row), target, ratio, reached, style="red" if reached == "no" else None
        )
    return table


def _figure(row: Row) -> str:
    if row["value"] is None:
        return f"not measured: {row['unit']}"
    return f"{_shown(_number(row['value']))} {row['unit']}"


def _verdict(row: Row) -> tuple[str, str, str]:
    """Give target, ratio and verdict of a row; nothing where it has no target."""
    if row["target"] is None:
        return "", "", ""
    value, target = _number(row["value"]), _number(row["target"])
    higher = row["better"] == "higher"
    reached = value >= target if higher else value <= target
    bound = f"{'at least' if higher else 'at most'} {_shown(target)}"
    ratio = f"{value / target:.2f}" if target else ""
    return bound, ratio, "yes" if reached else "no"


def _number(value: str | float | None) -> float:
    if not isinstance(value, int | float):
        raise TypeError("a figure that is not a number")
    return float(value)


def _shown(value: float) -> str:
    """Give three figures or all whole digits, whichever are more."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    app()
