"""The report's part on statements, inspections and cases."""

from participants.regulator.charts import bars
from participants.regulator.entry_checks import DAY_MS, EntryChecks
from participants.regulator.markup import day, figures, moment, section, table
from participants.regulator.supervision_checks import SupervisionChecks


def supervision(found: SupervisionChecks, checks: EntryChecks) -> str:
    """Render what was stated, ordered, complained of and disputed."""
    return "".join(
        (
            section("Statements of members", _statements(found, checks)),
            section("Inspections", _orders(found)),
            section("Complaints and disputes", _cases(found), _key_uses(found)),
        )
    )


def _statements(found: SupervisionChecks, checks: EntryChecks) -> str:
    rows = []
    for member, count in sorted(found.statements.items()):
        chain, days = found.chains[member], found.days.get(member, {})
        missing = sum(one.missing for one in found.stated_days(checks) if one.member == member)
        through = day(chain.through) if chain.through is not None else "no day yet"
        rows.append((member, f"{count:,}", f"{len(days):,}", through, f"{chain.messages:,}", f"{missing:,}"))
    return table(("member", "#statements", "#days", "through", "#messages", "#not in the log"), rows)


def _orders(found: SupervisionChecks) -> str:
    rows = []
    for index, order in sorted(found.orders.items()):
        verdict = found.verdicts.get(index)
        late = order.due_at * 1000 < found.last_ms
        state = "shown" if index in found.answered else "overdue" if late else "open"
        said = verdict.cause if verdict else order.reason
        due = moment(order.due_at * 1000)
        rows.append((f"{index}", order.member, f"{order.entry}", due, verdict.finding if verdict else state, said))
    return table(("#order", "member", "#entry", "due", "state", "cause or reason"), rows)


def _cases(found: SupervisionChecks) -> str:
    rows, ages = [], []
    for index, (case, opened_ms) in sorted(found.cases.items()):
        closed = found.closed.get(index)
        age = (found.last_ms - opened_ms) // DAY_MS
        state = closed.outcome.value if closed else f"open for {age} days"
        about = ", ".join(filter(None, (case.about, f"entry {case.entry}" if case.entry is not None else "")))
        rows.append((f"{index}", case.kind.value, case.cause.value, case.member, about, state, case.text))
        if not closed:
            ages.append((f"{case.kind} {index}: {case.cause}", float(age)))
    listed = table(("#case", "kind", "cause", "by", "about", "state", "text"), rows)
    oldest = sorted(ages, key=lambda item: -item[1])
    return listed + (figures(bars("Open cases, by age", oldest, " days", tone="bad")) if oldest else "")


def _key_uses(found: SupervisionChecks) -> str:
    if not found.key_uses:
        return ""
    return figures(bars("Uses of the audit key, by purpose", found.key_uses.most_common()))
