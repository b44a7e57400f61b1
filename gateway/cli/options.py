"""What the operator's commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import CreditError

ConfigOption = Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DEFAULT_CONFIG = Path("gateway.toml")


@contextmanager
def reported() -> Iterator[None]:
    """Print an error of ours and end with status 1."""
    try:
        yield
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
