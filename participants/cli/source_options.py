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


def prepare(
    mappings: list[Path], path: Path | None, percentage: float, set_aside: Path | None, *, node: Path | None = None
) -> list[BookLoad]:
    """
    Read the mappings and find their sources; `path` takes the place of the one source there is.

    Refused rows go to `set_aside`, with several sources to files whose names end in -1, -2 and so on. Without it they
    go to the node's folder, if there is one: a file named after each mapping, which only ever holds the newest.
    """
    if path is not None and len(mappings) > 1:
        raise typer.BadParameter("--source goes with one --mapping")
    loads = []
    for mapping, aside in zip(mappings, _asides(mappings, set_aside, node), strict=True):
        found = load_mapping(mapping)
        load = BookLoad(
            found.file,
            found.source(path),
            maximum_refused=percentage / 100,
            set_aside=aside,
            newest_only=set_aside is None,
        )
        loads.append(load)
    return loads


def _asides(mappings: list[Path], set_aside: Path | None, node: Path | None) -> list[Path | None]:
    """Name the file of refused rows of each source."""
    numbered = [f"-{number}" for number in range(1, len(mappings) + 1)] if len(mappings) > 1 else [""]
    if set_aside is not None:
        return [set_aside.with_stem(set_aside.stem + number) for number in numbered]
    if node is None:
        return [None] * len(mappings)
    stems = [mapping.stem for mapping in mappings]
    alike = len(set(stems)) < len(stems)
    names = (stem + (number if alike else "") for stem, number in zip(stems, numbered, strict=True))
    return [node / f"refused-{name}.csv" for name in names]
