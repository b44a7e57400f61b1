"""
The report on an export: one HTML file that works from disk, findings first, nothing fetched from anywhere.

Everything in it comes from the verification; whatever the export says is escaped. The page forbids itself scripts and
requests by a content security policy.
"""

from collections.abc import Iterator, Sequence

from participants.regulator.charts import bars, columns
from participants.regulator.markup import (
    bullets,
    cards,
    day,
    figures,
    moment,
    page_head,
    paragraphs,
    section,
    table,
)
from participants.regulator.report_supervision import supervision
from participants.regulator.statistics import LATENCIES_MS, MS_PER_HOUR, Statistics
from participants.regulator.supervision_checks import DayStated
from participants.regulator.verdict import State
from participants.regulator.verify import Audit

WORDS = {
    State.COMPLETE: "Complete: every check holds",
    State.FAILED: "Failed: do not rely on this export, and keep it",
    State.UNDECIDED: "Not decided: nothing fails, but something cannot be known",
}
MARKS = {State.COMPLETE: "holds", State.FAILED: "FAILS", State.UNDECIDED: "open"}
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
    parts = [page_head("Audit report"), _summary(audit), _findings(audit)]
    if audit.proof is not None:
        statistics = audit.statistics
        parts += [_queries(statistics), _refusals(statistics), _quotas(statistics), _consent(statistics)]
        if audit.supervision is not None and audit.checks is not None:
            parts.append(supervision(audit.supervision, audit.checks))
        parts.append(section("Anomalies", bullets([*_anomalies(audit)] or ["None was found."])))
    return "".join([*parts, section("What this report does not prove", bullets(NOT_PROVEN)), "</body></html>\n"])


def _summary(audit: Audit) -> str:
    state, rows = audit.verdict.state, list[tuple[str, str]]()
    if audit.proof is not None:
        proof, selection = audit.proof, audit.proof.selection
        chosen = ", ".join(filter(None, (selection.member, selection.purpose)))
        rows = [
            ("Consortium", proof.consortium),
            ("Asked for", f"{moment(selection.from_ms, 'the beginning')} to {moment(selection.to_ms, 'the newest')}"),
            ("Only", chosen or "no member or purpose: everything"),
            ("Entries", f"{proof.first:,} to {proof.end - 1:,} of {proof.size:,}" if proof.end else "none"),
        ]
    if audit.judged is not None:
        times = [f"{name} {moment(time * 1000)}" for name, time in sorted(audit.judged.witnessed.items())]
        rows.append(("Witnessed", "; ".join(times) or "by nobody"))
    if audit.rulebook is not None:
        rows.append(("Rulebook", f"version {audit.rulebook.document.version}, {audit.rulebook.digest.hex()}"))
    title = f'<h1>Audit report</h1><p class="state {state.name}">{WORDS[state]}</p>'
    return title + (_glance(audit) if audit.proof is not None else "") + table((), rows)


def _glance(audit: Audit) -> str:
    statistics, outcomes = audit.statistics, audit.statistics.outcomes
    values = [
        ("entries in this time", f"{sum(statistics.entries.values()):,}", False),
        ("queries admitted", f"{statistics.queries_by_member.total():,}", False),
        ("answered in full", f"{outcomes['answered']:,}", False),
        ("incomplete", f"{outcomes['incomplete']:,}", False),
        ("refused", f"{outcomes['refused']:,}", False),
        ("checks that fail", f"{audit.verdict.counts.total():,}", audit.verdict.counts.total() > 0),
    ]
    if audit.supervision is not None:
        late, cases = [*audit.supervision.overdue()], [*audit.supervision.open_cases()]
        values.append(("inspections overdue", f"{len(late):,}", bool(late)))
        values.append(("open cases", f"{len(cases):,}", False))
    return cards(values)


def _findings(audit: Audit) -> str:
    order = sorted(audit.verdict.findings, key=lambda one: (one.state is not State.FAILED, one.state is State.COMPLETE))
    rows = [(MARKS[one.state], one.part, one.text) for one in order]
    more = [f"{part}: {count:,} in all" for part, count in audit.verdict.counts.items() if count > 20]
    if audit.verdict.state is State.FAILED:
        more.append("`credit-regulator verify --evidence FILE` writes what contradicts itself, for a third party.")
    return section("Findings", table(("!state", "what was looked at", "finding"), rows), paragraphs(more))


def _queries(statistics: Statistics) -> str:
    by_day = sorted(statistics.queries_by_day.items())
    days = [(day(number), count) for number, count in _without_gaps(by_day)]
    latencies = zip([*(f"up to {ms:,} ms" for ms in LATENCIES_MS), "longer"], statistics.latencies, strict=True)
    return section(
        "Queries",
        columns("Queries admitted, by day (UTC)", days),
        figures(
            bars("Queries admitted, by member", statistics.queries_by_member.most_common()),
            bars("Queries admitted, by purpose", statistics.queries_by_purpose.most_common()),
            bars("Outcomes", statistics.outcomes.most_common()),
            bars("Time from admission to answer", [row for row in latencies if row[1]]),
            bars("Contributions, by member", statistics.answers_by_member.most_common()),
        ),
    )


def _refusals(statistics: Statistics) -> str:
    rows = [(code, reason, f"{count:,}") for (code, reason), count in statistics.refusals.most_common(200)]
    by_code: dict[str, int] = {}
    for (code, _), count in statistics.refusals.items():
        by_code[code] = by_code.get(code, 0) + count
    codes = sorted(by_code.items(), key=lambda item: -item[1])
    return section(
        "Refusals",
        figures(
            bars("Refusals, by member", statistics.refusals_by_member.most_common(), tone="bad"),
            bars("Refusals, by code", codes, tone="bad"),
        ),
        table(("code", "reason", "#times"), rows),
    )


def _quotas(statistics: Statistics) -> str:
    used = [(f"{member}: {most:,} of {limit:,}", 100 * most / limit) for member, (most, limit) in _quota(statistics)]
    return section("Quotas", bars("Most queries in one day, as a share of the daily limit", used, " %", most=100))


def _quota(statistics: Statistics) -> list[tuple[str, tuple[int, int]]]:
    return sorted(statistics.quota.items(), key=lambda item: -item[1][0] / item[1][1])


def _consent(statistics: Statistics) -> str:
    rows = [(member, code, f"{count:,}") for (member, code), count in statistics.consent_refusals.most_common()]
    return section(
        "Consent",
        figures(
            bars("Admitted without a consent record, by purpose", statistics.without_consent.most_common(), tone="bad"),
            bars(
                "Refused for consent, by member",
                [(f"{member}: {code}", count) for (member, code), count in statistics.consent_refusals.most_common()],
                tone="bad",
            ),
        ),
        table(("member", "refused with", "#times"), rows) if rows else "",
    )


def _anomalies(audit: Audit) -> Iterator[str]:
    statistics = audit.statistics
    for member, hour, count, mean in statistics.spikes():
        when = moment(hour * MS_PER_HOUR)
        yield f"{member} asked {count:,} times in the hour of {when}; its mean hour has {mean:.0f}"
    for member, count in statistics.dropped.items():
        yield f"{member} had {count:,} requests dropped without entries"
    for (one, other), count in statistics.differing.items():
        yield f"{one} and {other} held different pair keys {count:,} times"
    for (member, code), count in statistics.absences.most_common(50):
        yield f"{member}: {code}, {count:,} times"
    if statistics.outcomes["abandoned"]:
        yield f"{statistics.outcomes['abandoned']:,} queries were cut off by a stop of the gateway"
    if audit.checks is not None and audit.supervision is not None:
        yield from _unstated(audit)
        for index, order in audit.supervision.overdue():
            yield f"{order.member} has not answered the inspection ordered by entry {index}"
        for member, index in audit.supervision.anew:
            yield f"{member} stated a book that follows no other (entry {index}), and no new generation explains it"


def _unstated(audit: Audit) -> Iterator[str]:
    """Tell of message numbers that are missing, by day where the member has stated it, and of days not stated."""
    checks, stated = audit.checks, audit.supervision
    if checks is None or stated is None:
        return
    yield from _gaps([*stated.stated_days(checks)])
    for member, counters in sorted(checks.counters.items()):
        if counters.missing and member not in stated.days:
            yield f"{member}: {counters.missing:,} message numbers are not in the log, and it has stated nothing"
    absent: dict[str, list[int]] = {}
    for member, number in stated.absent():
        absent.setdefault(member, []).append(number)
    for member, days in sorted(absent.items()):
        yield f"{member} stated nothing of {len(days)} days, the first {day(days[0])}"


def _gaps(stated: Sequence[DayStated]) -> Iterator[str]:
    """Tell of each member how many of its stated messages are not in the log, and on which day most of them."""
    for member in sorted({one.member for one in stated if one.missing}):
        days = [one for one in stated if one.member == member and one.missing]
        worst = max(days, key=lambda one: one.missing)
        total, missing = sum(one.stated for one in stated if one.member == member), sum(one.missing for one in days)
        named = ", ".join(map(str, worst.examples[:5]))
        yield (
            f"{member}: {missing:,} of {total:,} messages that it stated are not in the log, on {len(days)} days; "
            f"most on {day(worst.day)}: {worst.missing:,} (numbers {named})"
        )


def _without_gaps(days: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give every day from the first to the last, at most a leap year back."""
    if not days:
        return []
    counts, last = dict(days), days[-1][0]
    return [(number, counts.get(number, 0)) for number in range(max(days[0][0], last - 365), last + 1)]
