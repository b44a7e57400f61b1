"""The options of commands that read a source."""

from pathlib import Path
from typing import Annotated

import typer

from participants.lender.connectors import Source
from participants.lender.loading import BookLoad
from participants.lender.mapping import load_mapping
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED

MappingOption = Annotated[Path, typer.Option("--mapping", help="The mapping file (TOML); see docs/books.md.")]
SourceOption = Annotated[Path | None, typer.Option("--source", help="A file instead of the one the mapping names.")]
RefusedOption = Annotated[
    float, typer.Option("--max-refused", min=0, max=100, help="Percentage of refused rows that is tolerated.")
]
AsideOption = Annotated[
    Path | None, typer.Option("--set-aside", help="A new file for refused rows; it will hold them as they are.")
]
DEFAULT_PERCENTAGE = 100 * DEFAULT_MAXIMUM_REFUSED


def prepare(mapping: Path, source: Path | None, percentage: float, set_aside: Path | None) -> tuple[BookLoad, Source]:
    """Read the mapping and find the source."""
    found = load_mapping(mapping)
    rows = found.source(source)
    return BookLoad(found.file, rows, maximum_refused=percentage / 100, set_aside=set_aside), rows
