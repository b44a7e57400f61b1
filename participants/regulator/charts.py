"""
Charts inside a page: no script, no file beside it, text that keeps its size on a phone and in print.

Bars are tables, so that they can be read aloud and copied; columns are one SVG whose text stands beside it.
"""

from collections.abc import Sequence
from html import escape
from typing import TypeAlias

Bar: TypeAlias = tuple[str, float]

MAXIMUM_BARS = 40
MAXIMUM_COLUMNS = 366
COLUMN_HEIGHT = 100


def bars(title: str, rows: Sequence[Bar], unit: str = "", tone: str = "", most: float = 0) -> str:
    """
    Draw horizontal bars with their numbers, at most 40; what is beyond is told.

    `tone` is "" or "bad"; `most` is what a full bar stands for, the largest value without it.
    """
    shown = rows[:MAXIMUM_BARS]
    full = most or max((value for _, value in shown), default=0) or 1
    body = "".join(_bar(label, value, min(100.0, 100 * value / full), unit) for label, value in shown)
    rest = f"<p>{len(rows) - len(shown)} more are not drawn.</p>" if len(rows) > len(shown) else ""
    drawn = f'<table class="bars {escape(tone)}">{body}</table>{rest}' if shown else ""
    return _figure(title, drawn)


def columns(title: str, rows: Sequence[Bar]) -> str:
    """Draw one column a day or hour, at most 366, with the first, the last and the largest named."""
    shown = rows[-MAXIMUM_COLUMNS:]
    if not shown:
        return _figure(title, "")
    most = max(value for _, value in shown) or 1
    body = "".join(_column(at, label, value, most) for at, (label, value) in enumerate(shown))
    svg = (
        f'<svg viewBox="0 0 {len(shown)} {COLUMN_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{body}</svg>'
    )
    first, last = escape(shown[0][0]), escape(shown[-1][0])
    ends = f"<span>{first}</span>" + (f"<span>{last}</span>" if len(shown) > 1 else "")
    return _figure(title, f'<p class="top">{most:,.0f}</p>{svg}<p class="axis">{ends}</p>')


def breakable(text: str) -> str:
    """Escape text; a code may be broken at its underscores, nowhere else."""
    return escape(text).replace("_", "_<wbr>")


def _bar(label: str, value: float, share: float, unit: str) -> str:
    number = f"{value:,.0f}{unit}"
    return (
        f'<tr><th scope="row">{breakable(label)}</th><td class="track"><i style="width:{share:.1f}%"></i></td>'
        f'<td class="n">{escape(number)}</td></tr>'
    )


def _column(at: int, label: str, value: float, most: float) -> str:
    height = COLUMN_HEIGHT * value / most
    return (
        f'<rect x="{at + 0.1:.1f}" y="{COLUMN_HEIGHT - height:.1f}" width="0.8" height="{height:.1f}">'
        f"<title>{escape(label)}: {value:,.0f}</title></rect>"
    )


def _figure(title: str, drawn: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn or '<p>None.</p>'}</figure>"
