"""
The report on an export: one HTML file that works from disk, findings first, nothing fetched from anywhere.

Everything in it comes from the verification; whatever the export says is escaped. The page forbids itself scripts and
requests by a content security policy.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from participants.regulator.charts import bars, columns
from participants.regulator.statistics import LATENCIES_MS, MS_PER_DAY, MS_PER_HOUR, Statistics
from participants.regulator.verdict import State
from participants.regulator.verify import Audit

WORDS = {
    State.COMPLETE: "Complete: every check holds",
    State.FAILED: "Failed: do not rely on this export, and keep it",
    State.UNDECIDED: "Not decided: nothing fails, but something cannot be known",
}
MARKS = {State.COMPLETE: "holds", State.FAILED: "FAILS", State.UNDECIDED: "open"}
HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer"><title>Audit report</title><style>
:root{color-scheme:light dark;--bar:#3b6ea5;--line:#8884}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:60rem;overflow-wrap:anywhere}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .5rem;vertical-align:top}td,th{border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}figure{margin:1.5rem 0}figcaption{font-weight:600}
svg{width:100%;height:auto}svg rect{fill:var(--bar)}svg text{font-size:13px;fill:currentColor}
.state{padding:.75rem 1rem;border-left:.4rem solid;margin:1rem 0;font-weight:600}
.COMPLETE{border-color:#2e7d32}.FAILED{border-color:#c62828}.UNDECIDED{border-color:#b26a00}
@media print{body{max-width:none}h2{break-after:avoid}figure{break-inside:avoid}}
</style></head><body>
"""
NOT_PROVEN = (
    "That a lender's numbers are true: that is what inspections are for.",
    "That a question which no gateway ever admitted was not asked elsewhere.",
    "Anything after the checkpoint's size, or after it was witnessed.",
    "What erased bodies said: their entries and the reason why they were erased are all that is left.",
    "That a missing message number was dropped by the gateway: it may have come too late. The member can tell.",
    "Who the people asked about are: the log holds commitments, no tags.",
    "That witnesses are independent of the gateway: judge that by who they are.",
)


def report(audit: Audit) -> str:
    """Give the page."""
    parts = [HEAD, _summary(audit), _findings(audit)]
    if audit.proof is not None:
        parts += [_figures(audit.statistics), _refusals(audit.statistics), _quotas(audit), _consent(audit.statistics)]
        parts += [_anomalies(audit)]
    return "".join([*parts, _list("What this report does not prove", NOT_PROVEN), "</body></html>\n"])


def _summary(audit: Audit) -> str:
    state, statistics = audit.verdict.state, audit.statistics
    rows: list[tuple[str, str]] = []
    if audit.proof is not None:
        proof, selection = audit.proof, audit.proof.selection
        rows = [
            ("Consortium", proof.consortium),
            (
                "Asked for",
                f"{_moment(selection.from_ms, 'the beginning')} to {_moment(selection.to_ms, 'the checkpoint')}",
            ),
            (
                "Only",
                ", ".join(filter(None, (selection.member, selection.purpose))) or "no member or purpose: everything",
            ),
            ("Entries", f"{proof.first:,} to {proof.end - 1:,} of {proof.size:,}"),
            ("In the time asked for", f"{sum(statistics.entries.values()):,} entries"),
        ]
    if audit.judged is not None:
        times = [f"{name} {_moment(time * 1000, '')}" for name, time in sorted(audit.judged.witnessed.items())]
        rows.append(("Witnessed", "; ".join(times) or "by nobody"))
    if audit.rulebook is not None:
        rows.append(("Rulebook", f"version {audit.rulebook.document.version}, {audit.rulebook.digest.hex()}"))
    return f'<h1>Audit report</h1><p class="state {state.name}">{WORDS[state]}</p>' + _table((), rows)


def _findings(audit: Audit) -> str:
    order = sorted(audit.verdict.findings, key=lambda one: (one.state is not State.FAILED, one.state is State.COMPLETE))
    rows = [(MARKS[one.state], one.part, one.text) for one in order]
    more = [f"{part}: {count:,} in all" for part, count in audit.verdict.counts.items() if count > 20]
    return "<h2>Findings</h2>" + _table(("state", "what was looked at", "finding"), rows) + _paragraphs(more)


def _figures(statistics: Statistics) -> str:
    by_day = sorted(statistics.queries_by_day.items())
    days = [(_day(day), count) for day, count in _without_gaps(by_day)]
    latencies = zip([*(f"up to {ms:,} ms" for ms in LATENCIES_MS), "longer"], statistics.latencies, strict=True)
    return "<h2>Queries</h2>" + "".join(
        (
            bars("Queries admitted, by member", statistics.queries_by_member.most_common()),
            bars("Queries admitted, by purpose", statistics.queries_by_purpose.most_common()),
            columns("Queries admitted, by day (UTC)", days),
            bars("Outcomes", statistics.outcomes.most_common()),
            bars("Time from admission to answer", [row for row in latencies if row[1]]),
            bars("Contributions, by member", statistics.answers_by_member.most_common()),
        )
    )


def _refusals(statistics: Statistics) -> str:
    rows = [(code, reason, f"{count:,}") for (code, reason), count in statistics.refusals.most_common(200)]
    return (
        "<h2>Refusals</h2>"
        + bars("Refusals, by member", statistics.refusals_by_member.most_common())
        + _table(("code", "reason", "#times"), rows)
    )


def _quotas(audit: Audit) -> str:
    rows = [
        (member, f"{most:,}", f"{limit:,}", f"{100 * most / limit:.1f} %")
        for member, (most, limit) in sorted(audit.statistics.quota.items())
    ]
    return "<h2>Quotas</h2>" + _table(("member", "#most in a day", "#limit", "#share"), rows)


def _consent(statistics: Statistics) -> str:
    rows = [(member, code, f"{count:,}") for (member, code), count in statistics.consent_refusals.most_common()]
    without = [
        (purpose, "admitted without a consent record", f"{n:,}") for purpose, n in statistics.without_consent.items()
    ]
    return (
        "<h2>Consent</h2><p>Queries refused for consent, and purposes that were asked for without a record.</p>"
        + _table(("member or purpose", "what", "#times"), [*rows, *without])
    )


def _anomalies(audit: Audit) -> str:
    statistics = audit.statistics
    found = [
        f"{member} asked {count:,} times in the hour of {_moment(hour * MS_PER_HOUR, '')}; its mean hour has {mean:.0f}"
        for member, hour, count, mean in statistics.spikes()
    ]
    found += [
        f"{member} had {count:,} requests dropped without entries" for member, count in statistics.dropped.items()
    ]
    found += [f"{a} and {b} held different pair keys {count:,} times" for (a, b), count in statistics.differing.items()]
    found += [f"{member}: {code}, {count:,} times" for (member, code), count in statistics.absences.most_common(50)]
    if statistics.outcomes["abandoned"]:
        found.append(f"{statistics.outcomes['abandoned']:,} queries were cut off by a stop of the gateway")
    if audit.checks is not None:
        gaps = {member: counters.missing for member, counters in audit.checks.counters.items() if counters.missing}
        found += [f"{member}: {count:,} message numbers are not in the log" for member, count in sorted(gaps.items())]
    return _list("Anomalies", found or ["None was found."])


def _without_gaps(days: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give every day from the first to the last, at most a leap year back."""
    if not days:
        return []
    counts, last = dict(days), days[-1][0]
    return [(day, counts.get(day, 0)) for day in range(max(days[0][0], last - 365), last + 1)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table; a column whose name begins with # holds numbers."""
    numbers = {at for at, name in enumerate(head) if name.startswith("#")}

    def cells(tag: str, row: Sequence[str]) -> str:
        marked = ((f'{tag} class="n"' if at in numbers else tag, text) for at, text in enumerate(row))
        return (
            "<tr>"
            + "".join(f"<{open_tag}>{escape(text.removeprefix('#'))}</{tag}>" for open_tag, text in marked)
            + "</tr>"
        )

    body = "".join(cells("td", row) for row in rows)
    if not body:
        return "<p>None.</p>"
    return f'<div class="wide"><table>{cells("th", head) if head else ""}{body}</table></div>'


def _list(title: str, items: Iterable[str]) -> str:
    return f"<h2>{escape(title)}</h2><ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def _moment(ms: int | None, otherwise: str) -> str:
    if ms is None:
        return otherwise
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)).strftime("%Y-%m-%d %H:%M:%S UTC")


def _day(day: int) -> str:
    return _moment(day * MS_PER_DAY, "")[:10]
