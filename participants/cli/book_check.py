"""`credit-participant book check`: validate sources; no keys, no network, nothing written but refused rows."""

from collections.abc import Sequence
from itertools import chain

from participants.cli.output import JsonOption, LateProgress, Output, output
from participants.cli.report_view import report_view
from participants.cli.source_options import (
    DEFAULT_PERCENTAGE,
    AsideOption,
    MappingsOption,
    RefusedOption,
    SourceOption,
    prepare,
)
from participants.lender.loading import BookLoad


def check(
    mapping: MappingsOption,
    source: SourceOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    set_aside: AsideOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Validate sources by their mappings; nothing is tokenised or loaded."""
    with output(as_json=as_json) as shown:
        loads = prepare(mapping, source, max_refused, set_aside)
        try:
            for load in loads:
                with LateProgress([load.source], hidden=as_json) as progress:
                    load.check(progress)
        finally:
            show_reports(shown, loads)


def show_reports(shown: Output, loads: Sequence[BookLoad]) -> None:
    """Show what became of the rows of every source that was read at all."""
    read = [load for load in loads if load.report.read]
    asides = [str(load.aside.written) if load.aside.written is not None else None for load in read]
    values = [{**load.report.to_value(), "set_aside": aside} for load, aside in zip(read, asides, strict=True)]
    views = chain.from_iterable(report_view(load.report, load.aside) for load in read)
    shown.show({"reports": values}, *views)
