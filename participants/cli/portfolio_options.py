"""The options of `credit-participant portfolio run`, and the request that they make."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from participants.input_files import read_input
from participants.lender.portfolio.portfolio_input import MAX_PORTFOLIO_BYTES


class Format(StrEnum):
    """How the output is written."""

    CSV = "csv"
    PARQUET = "parquet"


ListOption = Annotated[Path | None, typer.Option("--list", help="The list; without it the mapping names it.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="How the list is read (TOML), see docs/portfolio.md.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="The output; its name tells CSV from Parquet.")]
FormatOption = Annotated[Format | None, typer.Option("--format", help="CSV or Parquet, whatever the output's name.")]
AttributeOption = Annotated[
    list[str] | None, typer.Option("--attribute", help="An attribute to ask for; once for each.")
]
OwnOption = Annotated[bool, typer.Option("--own", help="Write the own part beside each total.")]
ScorecardOption = Annotated[
    str | None, typer.Option("--scorecard", help="ID or ID-VERSION of a card in effect: scores and reasons, too.")
]
SinceOption = Annotated[
    Path | None, typer.Option("--since", help="An earlier output to compare with; that of --out itself will do.")
]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", help="A Dask scheduler (tls://HOST:PORT) that prepares the list.")
]
ConsentOption = Annotated[Path | None, typer.Option("--consent", help="A file with the consent's terms (JSON).")]
RefusedOption = Annotated[
    float | None, typer.Option("--max-refused", min=0, max=100, help="Percentage of refused rows that is tolerated.")
]


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line."""

    source: Path | None
    mapping: Path | None
    out: Path | None
    format: Format | None
    attributes: list[str] | None
    own: bool
    scorecard: str | None
    since: Path | None
    scheduler: str | None
    consent: Path | None
    max_refused: float | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return not any((self.source, self.mapping, self.out, self.attributes, self.scorecard))


def request_of(file: Path | None, options: Options) -> bytes:
    """Give the portfolio's request: the file's, or the standard input's, or that of the options."""
    if options.is_empty:
        return read_input(file, MAX_PORTFOLIO_BYTES, "the file with the portfolio")
    if file is not None:
        raise typer.BadParameter("a file with the portfolio goes without options that say the same")
    if options.out is None or options.mapping is None:
        raise typer.BadParameter("--mapping and --out are needed")
    value = {
        "source": _absolute(options.source),
        "mapping": _absolute(options.mapping),
        "out": _absolute(options.out),
        "format": options.format.value if options.format else None,
        "attributes": options.attributes or [],
        "own": options.own,
        "scorecard": options.scorecard,
        "since": _absolute(options.since),
        "scheduler": options.scheduler,
        "consent": _consent(options.consent),
        "max_refused_percent": options.max_refused,
    }
    return json.dumps({name: one for name, one in value.items() if one is not None}).encode()


def _absolute(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None


def _consent(path: Path | None) -> object:
    if path is None:
        return None
    try:
        found: object = json.loads(read_input(path, MAX_PORTFOLIO_BYTES, "the file with the consent's terms"))
    except ValueError:
        raise CreditError(Code.RECORD_INVALID, "consent: not JSON") from None
    return found
