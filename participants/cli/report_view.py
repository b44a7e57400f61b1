"""A validation report for people: counts, then reasons by column with the first rows of each."""

from rich.text import Text

from participants.lender.records import REASON_TEXTS
from participants.lender.validation import Example, SetAside, ValidationReport


def report_view(report: ValidationReport, aside: SetAside) -> list[Text]:
    """
    Render a report line by line, so that no code is cut however narrow the screen is.

    Names of columns and files are shown as they are, without markup.
    """
    counts = f"{report.source}: {report.read:,} rows read, {report.accepted:,} accepted, {report.refused:,} refused"
    empty = f" ({report.without_content:,} of the accepted without content)" if report.without_content else ""
    lines = [Text(counts + empty)]
    for (column, reason), found in report.by_frequency():
        rows = "1 row" if found.count == 1 else f"{found.count:,} rows"
        lines.append(Text(f"  {column or '(whole row)'}: {reason.value} in {rows}"))
        lines.append(Text(f"    {REASON_TEXTS[reason]}"))
        lines.append(Text(f"    {', '.join(map(_example, found.examples))}"))
    if aside.written is not None:
        lines.append(Text("Refused rows, as they were, with everything in them:"))
        lines.append(Text(f"  {aside.written}"))
    return lines


def _example(example: Example) -> str:
    return f"row {example.row}" + (f" (line {example.line})" if example.line is not None else "")
