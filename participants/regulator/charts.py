"""Bar charts as SVG inside a page: no script, no file beside it, readable at any width."""

from collections.abc import Sequence
from html import escape
from typing import TypeAlias

Bar: TypeAlias = tuple[str, float]

WIDTH = 640
LABEL = 190
ROW = 26
VALUE = 70
MAXIMUM_BARS = 40
COLUMN_HEIGHT = 180
MAXIMUM_COLUMNS = 366


def bars(title: str, rows: Sequence[Bar], unit: str = "") -> str:
    """Draw horizontal bars with their numbers, at most 40; what is beyond is told."""
    shown = rows[:MAXIMUM_BARS]
    most = max((value for _, value in shown), default=0) or 1
    room = WIDTH - LABEL - VALUE
    body = "".join(_bar(at, label, value, room * value / most, unit) for at, (label, value) in enumerate(shown))
    rest = f"<p>{len(rows) - len(shown)} more are not drawn.</p>" if len(rows) > len(shown) else ""
    return _figure(title, body, max(1, len(shown)) * ROW + 4, rows) + rest


def columns(title: str, rows: Sequence[Bar]) -> str:
    """Draw one column a day or hour, at most 366, with the first and the last named."""
    shown = rows[-MAXIMUM_COLUMNS:]
    most = max((value for _, value in shown), default=0) or 1
    step = WIDTH / max(1, len(shown))
    body = "".join(_column(at, label, value, most, step) for at, (label, value) in enumerate(shown))
    if shown:
        base = COLUMN_HEIGHT + 16
        body += f'<text x="0" y="{base}">{escape(shown[0][0])}</text>'
        body += f'<text x="{WIDTH}" y="{base}" text-anchor="end">{escape(shown[-1][0])}</text>'
    return _figure(title, body, COLUMN_HEIGHT + 22, rows)


def _bar(at: int, label: str, value: float, length: float, unit: str) -> str:
    top, name = at * ROW + 4, escape(label if len(label) <= 28 else f"{label[:27]}~")
    number, long = f"{value:,.0f}{unit}", max(length, 1)
    return (
        f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{name}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{long:.1f}" height="18">'
        f"<title>{escape(label)}: {number}</title></rect>"
        f'<text x="{LABEL + long + 6:.1f}" y="{top + 14}">{number}</text>'
    )


def _column(at: int, label: str, value: float, most: float, step: float) -> str:
    height = COLUMN_HEIGHT * value / most
    return (
        f'<rect x="{at * step:.2f}" y="{COLUMN_HEIGHT - height:.1f}" width="{max(step - 1, 0.5):.2f}" '
        f'height="{height:.1f}"><title>{escape(label)}: {value:,.0f}</title></rect>'
    )


def _figure(title: str, body: str, height: int, rows: Sequence[Bar]) -> str:
    if not rows:
        return f"<figure><figcaption>{escape(title)}</figcaption><p>None.</p></figure>"
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{body}</svg></figure>'
    )
