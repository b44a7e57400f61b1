"""A release as a page, a table and a data set: for people, for spreadsheets, for public bodies."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path

from consortium.model.statistic_policy import RHO_UNITS
from consortium.supervision.releases import StatisticRelease, release_to_bytes
from participants.regulator.markup import cards, moment, page_head, paragraphs, section, table
from participants.statistics.desk import Release, weight_of
from participants.whole_files import write_public

MAXIMUM_BARS = 48
BAR, GAP, LEFT, WIDE, RIGHT = 16, 6, 260, 900, 90
ERRORS_SHOWN = 2
"""The whiskers of the chart are so many standard errors long, to either side."""
CHART_STYLE = (
    "<style>svg.chart{height:auto;background:none}svg.chart text{font-size:12px;fill:currentColor}"
    "svg.chart line{stroke:var(--bad);stroke-width:1.5}</style>"
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From numbers to places on the chart; `error` is half a whisker."""

    low: float
    high: float
    error: float

    def place(self, value: float) -> float:
        return LEFT + (WIDE - LEFT - RIGHT) * (value - self.low) / (self.high - self.low)


def shown_rows(release: Release) -> Sequence[tuple[str, float]]:
    """Give each cell by its values in one text, with its number; people are counted as people."""
    weight = weight_of(release.document)
    return [(" / ".join(names), number / weight) for names, number in release.table.rows]


def shown_error(document: StatisticRelease) -> float:
    """Give the standard error of a number as it is shown."""
    return float(document.standard_error) / weight_of(document)


def chart(release: Release) -> str:
    """Draw the cells as bars with whiskers of two standard errors, as one SVG; at most 48, the rest is told."""
    every = shown_rows(release)
    rows, error = every[:MAXIMUM_BARS], ERRORS_SHOWN * shown_error(release.document)
    numbers = [number for _, number in rows]
    scale = _Scale(min(0.0, min(numbers) - error), max(1.0, max(numbers) + error), error)
    height = len(rows) * (BAR + GAP) + GAP
    body = "".join(_bar(at, label, number, scale) for at, (label, number) in enumerate(rows))
    rest = f"<p>{len(every) - len(rows)} more cells are in the table only.</p>" if len(every) > len(rows) else ""
    return (
        f'{CHART_STYLE}<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height}" role="img" '
        f'aria-label="{escape(release.document.title)}">{body}</svg>{rest}'
    )


def _bar(at: int, label: str, number: float, scale: _Scale) -> str:
    top = GAP + at * (BAR + GAP)
    middle, text = top + BAR / 2, top + BAR * 0.75
    start, end = sorted((scale.place(0), scale.place(number)))
    left, right = scale.place(number - scale.error), scale.place(number + scale.error)
    return (
        f'<text x="{LEFT - 8}" y="{text}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{start:.1f}" y="{top}" width="{max(end - start, 0.5):.1f}" height="{BAR}"/>'
        f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<text x="{max(right, end) + 6:.1f}" y="{text}">{number:,.0f}</text>'
    )


def release_page(release: Release) -> str:
    """Give one page without script or network: what was released, what it is worth, chart and table."""
    document = release.document
    rows = [[label, f"{number:,.0f}", f"{shown_error(document):,.0f}"] for label, number in shown_rows(release)]
    return "".join(
        (
            page_head(document.title),
            f"<h1>{escape(document.title)}</h1>",
            paragraphs(in_words(release)),
            cards(
                (
                    ("epsilon", document.epsilon, False),
                    ("delta", document.delta, False),
                    ("standard error of a cell", f"{shown_error(document):,.0f}", False),
                    ("contributors", f"{len(document.contributors)}", False),
                )
            ),
            section("Chart", chart(release)),
            section("Table", table((" / ".join(release.table.axes), "#number", "#standard error"), rows)),
            section("What was signed", table(("field", "value"), list(_fields(release)))),
            "</body></html>\n",
        )
    )


def in_words(release: Release) -> list[str]:
    """Say what the numbers are and what they are not."""
    document = release.document
    day, lenders, cost = moment(document.as_of * 1000), len(document.contributors), document.rho / RHO_UNITS
    noise = "Every number is a sum with noise: two of three lie within one standard error of the true sum"
    odds = f"by at most a factor of e^{float(document.epsilon):.2f}, but for a chance of {document.delta}"
    return [
        f"As of {day}, from {lenders} lenders. {noise}, and small or negative ones mean little.",
        f"The release cost rho = {cost:g}: whether one {document.unit} is in it or not changes any odds {odds}.",
    ]


def _fields(release: Release) -> list[tuple[str, str]]:
    value = release.document.model_dump(mode="json")
    value["contributors"] = ", ".join(release.document.contributors)
    place = "not published yet" if release.entry is None else f"{release.entry}"
    return [*((name, str(one)) for name, one in value.items()), ("entry of the log", place)]


def release_csv(release: Release) -> str:
    """Give the table for spreadsheets: a column for each axis, the signed number, its standard error."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*release.table.axes, "number", "standard_error"])
    for names, number in release.table.rows:
        writer.writerow([*names, number, release.document.standard_error])
    return out.getvalue()


def write_data_set(folder: Path, releases: Sequence[Release]) -> list[str]:
    """
    Write a folder that can be put on any web server: each release signed, as CSV and as a page; index and checksums.

    What is there stays or is replaced by the same; gives the names of the files. Raises STORAGE_FULL or STORAGE_BROKEN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    for release in releases:
        stem = file_stem(release)
        files[f"{stem}.json"] = release_to_bytes(release.signed, release.table) + b"\n"
        files[f"{stem}.csv"] = release_csv(release).encode()
        files[f"{stem}.html"] = release_page(release).encode()
    files["index.json"] = json.dumps([_indexed(one) for one in releases], indent=2).encode() + b"\n"
    sums = "".join(f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files["SHA256SUMS"] = sums.encode()
    for name, content in files.items():
        write_public(folder / name, content)
    return sorted(files)


def file_stem(release: Release) -> str:
    """Name a release's files: template, day of the data, beginning of its request id."""
    return f"{release.document.template}-{moment(release.document.as_of * 1000)[:10]}-{release.name[:8]}"


def _indexed(release: Release) -> dict[str, object]:
    document = release.document
    return {
        "template": document.template,
        "title": document.title,
        "as_of": document.as_of,
        "files": file_stem(release),
        "entry": release.entry,
        "epsilon": document.epsilon,
        "delta": document.delta,
        "rho": document.rho,
        "standard_error": document.standard_error,
        "contributors": len(document.contributors),
        "publisher": document.member,
    }
