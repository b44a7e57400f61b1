"""Pieces of a report in one page without script or network; whatever is put into them is escaped."""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from participants.regulator.charts import breakable

MS_PER_DAY = 86_400_000

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><title>!TITLE!</title><style>
:root{color-scheme:light dark;--bar:#2f6db5;--bad:#c2503a;--line:#8883;--soft:#8881;--good:#2e7d32;--open:#b26a00;
--fail:#c62828}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;margin:0 auto;padding:1rem;max-width:68rem;
overflow-wrap:anywhere}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.2rem;margin:2.5rem 0 .5rem;padding-bottom:.25rem;
border-bottom:2px solid var(--line)}
p{margin:.5rem 0}ul{padding-left:1.2rem}li{margin:.25rem 0}
.state{padding:.75rem 1rem;border-left:.5rem solid;background:var(--soft);border-radius:.25rem;font-weight:600}
.COMPLETE{border-color:var(--good)}.FAILED{border-color:var(--fail)}.UNDECIDED{border-color:var(--open)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1rem 0}
.card{background:var(--soft);border-radius:.5rem;padding:.6rem .8rem}
.card b{display:block;font-size:1.5rem;line-height:1.2;font-variant-numeric:tabular-nums}
.card.bad b{color:var(--bad)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:0 2rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .5rem;vertical-align:top;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.list th{font-size:.85rem;opacity:.75}.list td,.list th{overflow-wrap:normal}.list td:last-child{overflow-wrap:anywhere;
min-width:9rem}.wide{overflow-x:auto}
.mark{font-weight:600;white-space:nowrap}.holds{color:var(--good)}.FAILS{color:var(--fail)}.open{color:var(--open)}
figure{margin:1rem 0;min-width:0}figcaption{font-weight:600;margin-bottom:.25rem}
.bars{table-layout:fixed}.bars td,.bars th{border:0;padding:.15rem .4rem .15rem 0;font-weight:400}
.bars th{width:42%}.bars .n{width:5.5rem}.bars .track{vertical-align:middle}
.bars i{display:block;height:.9rem;min-width:2px;border-radius:2px;background:var(--bar)}
.bars.bad i{background:var(--bad)}
svg{display:block;width:100%;height:9rem;background:var(--soft)}svg rect{fill:var(--bar)}
.axis,.top{display:flex;justify-content:space-between;font-size:.85rem;margin:.15rem 0;opacity:.8}
@media print{body{max-width:none}h2{break-after:avoid}figure,.card,tr{break-inside:avoid}.wide{overflow:visible}}
</style></head><body>
"""


def page_head(title: str) -> str:
    """Begin a page."""
    return _HEAD.replace("!TITLE!", escape(title))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table; a column whose name begins with # holds numbers, one that begins with ! holds marks."""
    kinds = {at: {"#": "n", "!": "mark"}.get(name[:1], "") for at, name in enumerate(head)}

    def cell(tag: str, at: int, text: str) -> str:
        kind = kinds.get(at, "")
        if kind == "mark" and tag == "td":
            kind = f"mark {text}"
        opened = f'{tag} class="{escape(kind)}"' if kind else tag
        return f"<{opened}>{breakable(text.lstrip('#!'))}</{tag}>"

    def line(tag: str, row: Sequence[str]) -> str:
        return "<tr>" + "".join(cell(tag, at, text) for at, text in enumerate(row)) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    if not body:
        return "<p>None.</p>"
    return f'<div class="wide"><table class="list">{line("th", head) if head else ""}{body}</table></div>'


def cards(values: Iterable[tuple[str, str, bool]]) -> str:
    """Render numbers with what they count; the third says that there should be none."""
    found = (
        f'<div class="card{" bad" if bad else ""}"><b>{escape(number)}</b>{escape(what)}</div>'
        for what, number, bad in values
    )
    return f'<div class="cards">{"".join(found)}</div>'


def section(title: str, *parts: str) -> str:
    """Render a part of the page."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def figures(*drawn: str) -> str:
    """Put charts beside each other where there is room."""
    return f'<div class="figures">{"".join(drawn)}</div>'


def bullets(items: Iterable[str]) -> str:
    """Render a list."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def paragraphs(texts: Iterable[str]) -> str:
    """Render paragraphs."""
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def moment(ms: int | None, otherwise: str = "") -> str:
    """Give a time, UTC to the second."""
    if ms is None:
        return otherwise
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(number: int) -> str:
    """Give a day, days since 1970-01-01, as an ISO date."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=number)).isoformat()
