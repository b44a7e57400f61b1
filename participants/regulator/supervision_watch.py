"""
Watching statements, inspections and cases while the log grows: what is absent, late or contradicts itself.

Times are those of the entries, so that the same entries give the same alarms. Memory is bounded by the members, the
orders that are open, and a window of message numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.canonical import canonical_json
from consortium.errors import CreditError
from consortium.supervision.documents import FilingKind, Finding, MemberStatement, filing_digest
from consortium.supervision.statements import StatementChain, begin_chain, begins_anew
from participants.regulator.alarms import Alarm
from participants.regulator.counters import NumberSet

Entry = Mapping[str, Any]

DAY_MS = 86_400_000
LATE_MS = 6 * 3_600_000
MAXIMUM_ORDERS = 4096
MAXIMUM_MEMBERS = 1024


@dataclass(frozen=True, slots=True)
class GapLimits:
    """When numbers that are missing in the log become an alarm: at least so many, and such a share of a day's."""

    minimum: int = 10
    share: float = 0.02


@dataclass
class _Member:
    """What is known of one lender."""

    through: int
    """The last day that it has stated, or the one before it was first seen."""
    numbers: NumberSet = field(default_factory=lambda: NumberSet(4096))
    chain: StatementChain | None = None
    told: int = -1
    """The last day of which an absent statement was told."""


@dataclass
class SupervisionWatch:
    """Takes entries one after another and gives the alarms that each raises."""

    limits: GapLimits = field(default_factory=GapLimits)
    _members: dict[str, _Member] = field(default_factory=dict)
    _orders: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Open orders: the member and when it is due."""
    _looked_ms: int = 0

    def take(self, entry: Entry) -> Iterator[Alarm]:
        """Look at the next entry."""
        match entry["kind"]:
            case "query-admitted":
                self._see(entry["roster"], entry["time_ms"])
            case "query-answered" | "query-refused":
                self._count(entry)
            case FilingKind.STATEMENT:
                yield from self._statement(entry)
            case FilingKind.ORDER | "inspection-answered" | FilingKind.VERDICT:
                yield from self._inspection(entry)
            case FilingKind.CASE:
                yield _case(entry)
            case FilingKind.KEY_USE:
                document = entry["document"]
                text = f"the audit key was used: {document['purpose']}, {document['reference']}"
                yield _alarm("audit-key", document["regulator"], text, entry)
        if entry["time_ms"] - self._looked_ms >= LATE_MS // 6:
            self._looked_ms = entry["time_ms"]
            yield from self._absent(entry["time_ms"])
            yield from self._overdue(entry["time_ms"])

    def _see(self, roster: list[str], time_ms: int) -> None:
        for member in roster:
            if member not in self._members and len(self._members) < MAXIMUM_MEMBERS:
                self._members[member] = _Member(time_ms // DAY_MS - 1)

    def _count(self, entry: Entry) -> None:
        for one in entry["contributions"]:
            known = self._members.get(one["member"])
            for message in filter(None, (one["round1"], one["round2"])):
                if known is not None:
                    known.numbers.add(message["counter"])

    def _statement(self, entry: Entry) -> Iterator[Alarm]:
        statement = MemberStatement.model_validate(entry["document"])
        self._see([statement.member], entry["time_ms"])
        known, digest = self._members.get(statement.member), statement_digest(entry)
        if known is None:
            return
        try:
            if known.chain is None:
                known.chain = begin_chain(statement, digest)
            else:
                yield from self._gaps(entry, statement, known)
                known.chain.take(statement, digest)
        except CreditError as error:
            known.chain = begin_chain(statement, digest)
            yield _alarm("statement-broken", statement.member, error.cause, entry)
        if begins_anew(statement):
            text = "a book that follows no other: is there a new generation of tags, or was one lost?"
            yield _alarm("book-anew", statement.member, text, entry)
        if statement.days:
            known.through = max(known.through, statement.days[-1].day)

    def _gaps(self, entry: Entry, statement: MemberStatement, known: _Member) -> Iterator[Alarm]:
        """Hold the days that are stated to the numbers that the log has."""
        if not statement.days or known.chain is None:
            return
        begin, last = known.chain.last + 1, statement.days[-1].last
        begin = max(begin, known.numbers.lowest)  # what came before this watch began was not seen
        missing, first = known.numbers.missing(begin, last) if last >= begin else (0, [])
        if missing >= max(self.limits.minimum, self.limits.share * (last - begin + 1)):
            named = ", ".join(map(str, first))
            text = f"{missing} of {last - begin + 1} message numbers are not in the log, the first {named}"
            yield _alarm("counter-gap", statement.member, text, entry)

    def _absent(self, time_ms: int) -> Iterator[Alarm]:
        due = (time_ms - LATE_MS) // DAY_MS - 1
        for name, known in self._members.items():
            if known.through < due and known.told < due:
                known.told = due
                yield Alarm("statement-absent", name, f"nothing stated since day {known.through}", time_ms)

    def _inspection(self, entry: Entry) -> Iterator[Alarm]:
        if entry["kind"] == "inspection-answered":
            self._orders.pop(entry["order"], None)
            return
        document = entry["document"]
        if entry["kind"] == FilingKind.ORDER:
            if len(self._orders) < MAXIMUM_ORDERS:
                self._orders[entry["index"]] = document["member"], document["due_at"]
            return
        self._orders.pop(document["order"], None)
        if document["finding"] in (Finding.REFUTED, Finding.OVERDUE):
            text = f"the order at {document['order']}: {document['finding']}; {document['cause']}"
            yield _alarm("inspection", document["member"], text, entry, document["order"])

    def _overdue(self, time_ms: int) -> Iterator[Alarm]:
        late = [(index, member) for index, (member, due) in self._orders.items() if due * 1000 < time_ms]
        for index, member in late:
            del self._orders[index]
            yield Alarm("inspection-overdue", member, f"the order at {index} is not answered", time_ms, (index,))


def statement_digest(entry: Entry) -> bytes:
    """Give the digest by which the next statement names this one."""
    signed = bytes.fromhex(entry["signature"]) + canonical_json(entry["document"])
    return filing_digest(FilingKind.STATEMENT, signed)


def _case(entry: Entry) -> Alarm:
    case = entry["document"]
    about = f"entry {case['entry']}" if case["entry"] is not None else case["about"]
    entries = () if case["entry"] is None else (case["entry"],)
    return _alarm(case["kind"], case["member"], f"{case['cause']} about {about}: {case['text']}", entry, *entries)


def _alarm(kind: str, member: str, text: str, entry: Entry, *others: int) -> Alarm:
    return Alarm(kind, member, text, entry["time_ms"], (*others, entry["index"]))
