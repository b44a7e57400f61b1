"""`credit-participant book check`: validate a source; no keys, no network, nothing written but refused rows."""

from participants.cli.output import JsonOption, LateProgress, Output, output
from participants.cli.report_view import report_view
from participants.cli.source_options import (
    DEFAULT_PERCENTAGE,
    AsideOption,
    MappingOption,
    RefusedOption,
    SourceOption,
    prepare,
)
from participants.lender.loading import BookLoad


def check(
    mapping: MappingOption,
    source: SourceOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    set_aside: AsideOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Validate a source by its mapping; nothing is tokenised or loaded."""
    with output(as_json=as_json) as shown:
        load, rows = prepare(mapping, source, max_refused, set_aside)
        try:
            with LateProgress(rows, hidden=as_json) as progress:
                load.check(progress)
        finally:
            show_report(shown, load)


def show_report(shown: Output, load: BookLoad) -> None:
    """Show what became of the rows, if any were read."""
    if load.report.read:
        written = load.aside.written
        value = {**load.report.to_value(), "set_aside": str(written) if written is not None else None}
        shown.show({"report": value}, report_view(load.report, load.aside))
