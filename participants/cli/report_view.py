"""A validation report for people: counts, then reasons by column with the first rows of each."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from participants.lender.records import REASON_TEXTS
from participants.lender.validation import Example, SetAside, ValidationReport


def report_view(report: ValidationReport, aside: SetAside) -> list[RenderableType]:
    """Render a report; names of columns and files are shown as they are, without markup."""
    counts = f"{report.source}: {report.read:,} rows read, {report.accepted:,} accepted, {report.refused:,} refused"
    empty = f" ({report.without_content:,} of the accepted without content)" if report.without_content else ""
    parts: list[RenderableType] = [Text(counts + empty)]
    if report.refusals:
        parts.append(_refusals(report))
    if aside.written is not None:
        parts.append(Text(f"Refused rows, as they were, with everything in them: {aside.written}"))
    return parts


def _refusals(report: ValidationReport) -> Table:
    table = Table("column", "reason", "meaning", "rows refused", "for example")
    for (column, reason), found in report.by_frequency():
        examples = ", ".join(map(_example, found.examples))
        cells = (column or "(whole row)", reason.value, REASON_TEXTS[reason], f"{found.count:,}", examples)
        table.add_row(*map(Text, cells))
    return table


def _example(example: Example) -> str:
    return f"row {example.row}" + (f" (line {example.line})" if example.line is not None else "")
