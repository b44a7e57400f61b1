"""`python -m demo`: the whole system on real input, a process for each party, every total held against the truth."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from consortium.errors import CreditError
from consortium.model.query import Suite
from demo.run import FIRST_PORT, SUITES, Options, run
from participants.sandbox.processes import ProcessFailedError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
MINIMUM_WIDTH = 120
PROFILE = SUITES[Suite.PAILLIER_3072_MASKED]


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="UCI_Credit_Card.csv; left out, a population is made up")] = None,
    people: Annotated[int, typer.Option(min=1, help="how many people are asked about")] = 1_000,
    population: Annotated[int | None, typer.Option(min=90, help="fewer people in the books, for short tries")] = None,
    seed: Annotated[int, typer.Option(min=0, help="what everything made up follows from")] = 1,
    out: Annotated[Path, typer.Option(help="where sources, books and summary.json are written")] = Path("build/demo"),
    port: Annotated[int, typer.Option(min=1024, max=60_000, help="the first port to try")] = FIRST_PORT,
    profile: Annotated[str, typer.Option(help=f"how sums are protected: {', '.join(SUITES.values())}")] = PROFILE,
) -> None:
    """Load five books, ask about people by one lender, and compare every total with the truth."""
    console = Console()
    console.width = max(console.width, MINIMUM_WIDTH)
    suites = {name: suite for suite, name in SUITES.items()}
    if profile not in suites:
        raise typer.BadParameter(f"one of {', '.join(suites)}", param_hint="--profile")
    if suites[profile] is Suite.INSECURE_TEST_1024_MASKED:
        console.print(f"[bold red]{profile}: KEYS OF THIS SIZE PROTECT NOTHING. For tests only, never for real data.")
    options = Options(data, people, population, seed, out, suites[profile], port)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        wrong = run(options, console)
    except (CreditError, ProcessFailedError) as error:
        console.print(Text(str(error), style="bold red"))
        raise typer.Exit(1) from None
    if wrong:
        console.print(f"[bold red]{wrong} differences from the truth")
        raise typer.Exit(1)
    console.print(f"[bold green]Every total is the truth. {out / 'summary.json'}")


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End as by Ctrl-C, so that every process that was started is ended, too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    app()
