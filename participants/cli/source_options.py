"""The options of commands that read a source."""

from pathlib import Path
from typing import Annotated

import typer

from participants.lender.loading import BookLoad
from participants.lender.mapping import load_mapping
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED

MappingsOption = Annotated[
    list[Path],
    typer.Option("--mapping", help="The mapping file (TOML); once for each source, see docs/books.md."),
]
SourceOption = Annotated[Path | None, typer.Option("--source", help="A file instead of the one the mapping names.")]
RefusedOption = Annotated[
    float, typer.Option("--max-refused", min=0, max=100, help="Percentage of refused rows that is tolerated.")
]
AsideOption = Annotated[
    Path | None, typer.Option("--set-aside", help="A new file for refused rows; it will hold them as they are.")
]
DEFAULT_PERCENTAGE = 100 * DEFAULT_MAXIMUM_REFUSED


def prepare(mappings: list[Path], path: Path | None, percentage: float, set_aside: Path | None) -> list[BookLoad]:
    """
    Read the mappings and find their sources; `path` takes the place of the one source there is.

    With several sources the names of the files of refused rows end in -1, -2 and so on.
    """
    if path is not None and len(mappings) > 1:
        raise typer.BadParameter("--source goes with one --mapping")
    loads = []
    for number, found in enumerate(map(load_mapping, mappings), start=1):
        aside = set_aside
        if set_aside is not None and len(mappings) > 1:
            aside = set_aside.with_stem(f"{set_aside.stem}-{number}")
        source = found.source(path)
        loads.append(BookLoad(found.file, source, maximum_refused=percentage / 100, set_aside=aside))
    return loads
