"""`credit-participant statistics dimensions`: region tier and age band of the own customers, for statistics alone."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from participants.bootstrap import open_tokeniser
from participants.cli.book_load import warn_of_holder
from participants.cli.output import JsonOption, LateProgress, NodeOption, output
from participants.cli.report_view import report_view
from participants.cli.source_options import DEFAULT_PERCENTAGE, RefusedOption, SourceOption
from participants.lender.dimension_source import DimensionLoad, check_bands
from participants.lender.mapping import load_dimensions_mapping
from participants.lender.validation import SetAside
from participants.settings import NodeSettings
from participants.storage.dimensions import SqliteDimensions

MAXIMUM_VALUES = 64


def dimensions(
    node: NodeOption,
    mapping: Annotated[Path, typer.Option("--mapping", help="A mapping with [dimensions]; see docs/statistics.md.")],
    source: SourceOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Replace what the node knows of its customers for statistics; no query, and no credit file, has any of it."""
    with output(as_json=as_json) as shown:
        settings, found = NodeSettings(node), load_dimensions_mapping(mapping)
        load = DimensionLoad(found.file, found.source(source), max_refused / 100)
        kept = SqliteDimensions(settings.path(settings.file.dimensions))
        try:
            with (
                open_tokeniser(settings, warn_of_holder(shown)) as tokens,
                LateProgress([load.source], hidden=as_json),
            ):
                people = kept.load(check_bands(load.rows(tokens), MAXIMUM_VALUES), int(time.time()))
        finally:
            shown.show({"report": load.report.to_value()}, *report_view(load.report, SetAside(None)))
        shown.show({"people": people}, Text(f"{people:,} people with region tier or age band, for statistics alone"))
