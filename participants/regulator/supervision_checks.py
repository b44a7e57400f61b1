"""
Statements, inspections and cases of an export: every signature, every chain, and what is missing or late.

What contradicts itself under a member's own signature fails the export; what is absent, late or open is an anomaly.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.canonical import canonical_json
from consortium.errors import CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.supervision.documents import (
    AuditKeyUse,
    Case,
    CaseClosed,
    Filing,
    FilingKind,
    InspectionOrder,
    InspectionVerdict,
    MemberStatement,
    filing_digest,
    read_filing,
)
from consortium.supervision.releases import StatisticRelease
from consortium.supervision.statements import StatementChain, begin_chain, begins_anew
from participants.regulator.entry_checks import DAY_MS, VERSIONS, EntryChecks
from participants.regulator.markup import day as as_date
from participants.regulator.verdict import Verdict

Entry = Mapping[str, Any]

STATEMENTS = "statements"
FILINGS = "filed documents"
LATE_MS = 6 * 3_600_000
"""How long after a day a statement about it is not yet absent."""


@dataclass(frozen=True, slots=True)
class DayStated:
    """What one member stated of a day, and how many of the numbers it gave out on it are in the log."""

    member: MemberId
    day: int
    stated: int
    missing: int
    examples: tuple[int, ...]


@dataclass
class SupervisionChecks:
    """Takes the entries of a range that begins at `first`; `rulebooks` are trusted, by their digests in hexadecimal."""

    verdict: Verdict
    rulebooks: Mapping[str, Rulebook]
    first: int
    chains: dict[MemberId, StatementChain] = field(default_factory=dict)
    statements: Counter[MemberId] = field(default_factory=Counter)
    days: dict[MemberId, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """Of each member, by day: the number after the last one of the day before, and the last one."""
    orders: dict[int, InspectionOrder] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    verdicts: dict[int, InspectionVerdict] = field(default_factory=dict)
    cases: dict[int, tuple[Case, int]] = field(default_factory=dict)
    """Each case with its entry's time."""
    closed: dict[int, CaseClosed] = field(default_factory=dict)
    key_uses: Counter[str] = field(default_factory=Counter)
    anew: list[tuple[MemberId, int]] = field(default_factory=list)
    """Member and entry of statements with a book that follows no other, without a new generation of tags."""
    generations: dict[MemberId, int] = field(default_factory=dict)
    releases: dict[int, StatisticRelease] = field(default_factory=dict)
    filed: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def take(self, entry: Entry) -> None:
        """Look at the next entry."""
        self.first_ms, self.last_ms = self.first_ms or entry["time_ms"], entry["time_ms"]
        if entry["kind"] == "inspection-answered":
            self._answered(entry)
        elif "document" in entry:
            self._filed(entry)

    def finish(self, checks: EntryChecks) -> None:
        """Hold statements to the messages that the entries name, and say what holds."""
        for member, days in self.days.items():
            for day, (_, last) in days.items():
                if checks.by_day[member][day] > last:
                    self.verdict.fail(STATEMENTS, f"{member}, {as_date(day)}: messages beyond the last one it stated")
        if not self.verdict.failed(STATEMENTS):
            count = sum(self.statements.values())
            text = f"{count:,} of {len(self.statements)} members, each a chain without gaps that fits its messages"
            self.verdict.complete(STATEMENTS, text if count else "none in this range")
        if not self.verdict.failed(FILINGS):
            self.verdict.complete(FILINGS, f"{self.filed:,}, each signed by an author who may")

    def stated_days(self, checks: EntryChecks) -> Iterator[DayStated]:
        """Compare each stated day with the log: numbers that are missing came too late, or were dropped."""
        for member, days in sorted(self.days.items()):
            numbers = checks.counters[member].numbers
            for day, (begin, last) in sorted(days.items()):
                begin = max(begin, numbers.lowest) if self.first else begin  # noqa: PLW2901  before the range
                missing, examples = numbers.missing(begin, last) if last >= begin else (0, [])
                yield DayStated(member, day, last - begin + 1, missing, tuple(examples))

    def absent(self) -> Iterator[tuple[MemberId, int]]:
        """Give member and day of every statement that should be there; a day is due six hours after its end."""
        for day in range(self.first_ms // DAY_MS, (self.last_ms - LATE_MS) // DAY_MS):
            rulebook = self._in_force(day * DAY_MS // 1000)
            for member in rulebook.roster if rulebook else ():
                if day not in self.days.get(member, {}):
                    yield member, day

    def overdue(self) -> Iterator[tuple[int, InspectionOrder]]:
        """Give the orders that were due before the range's end and that nobody answered."""
        for index, order in self.orders.items():
            if index not in self.answered and order.due_at * 1000 < self.last_ms:
                yield index, order

    def open_cases(self) -> Iterator[tuple[int, Case, int]]:
        """Give every case that is not closed, with the days for which it has been open at the range's end."""
        for index, (case, opened_ms) in self.cases.items():
            if index not in self.closed:
                yield index, case, (self.last_ms - opened_ms) // DAY_MS

    def _answered(self, entry: Entry) -> None:
        order = self.orders.get(entry["order"])
        if order is None and entry["order"] < self.first:
            return
        if order is None or order.member != entry["member"]:
            self._fail(FILINGS, entry, "an answer to an order that there is not")
            return
        self.answered.add(entry["order"])

    def _filed(self, entry: Entry) -> None:
        if not self.rulebooks:
            return
        kind, rulebook = FilingKind(entry["kind"]), self.rulebooks.get(entry["rulebook"])
        if rulebook is None:
            self._fail(VERSIONS, entry, "under a rulebook that is not in the chain")
            return
        try:
            signed = bytes.fromhex(entry["signature"]) + canonical_json(entry["document"])
            filing = read_filing(kind, signed, rulebook)
        except CreditError as error:
            self._fail(FILINGS, entry, f"{error.code}: {error.cause}")
            return
        self.filed += 1
        self._note(entry, filing, filing_digest(kind, signed))

    def _note(self, entry: Entry, filing: Filing, digest: bytes) -> None:
        index: int = entry["index"]
        match filing:
            case MemberStatement():
                self._statement(entry, filing, digest)
            case InspectionOrder():
                self.orders[index] = filing
            case InspectionVerdict():
                self.verdicts[filing.order] = filing
            case Case():
                self.cases[index] = filing, entry["time_ms"]
            case CaseClosed():
                self.closed[filing.case] = filing
            case AuditKeyUse():
                self.key_uses[filing.purpose] += 1
            case StatisticRelease():
                self.releases[index] = filing

    def _statement(self, entry: Entry, statement: MemberStatement, digest: bytes) -> None:
        member = statement.member
        chain = self.chains.get(member)
        try:
            if chain is not None:
                self._note_days(chain.last, statement)
                chain.take(statement, digest)
            elif self.first == 0:
                self.chains[member] = StatementChain()
                self._note_days(0, statement)
                self.chains[member].take(statement, digest)
            else:
                self.chains[member] = begin_chain(statement, digest)
                self._note_days(None, statement)
        except CreditError as error:
            self._fail(STATEMENTS, entry, f"{member}: {error.cause}")
            self.chains[member] = begin_chain(statement, digest)  # one contradiction is told once
        self.statements[member] += 1
        generation = self.rulebooks[entry["rulebook"]].document.oprf.generation
        if begins_anew(statement) and self.generations.get(member, 0) >= generation:
            self.anew.append((member, entry["index"]))
        self.generations[member] = generation

    def _note_days(self, last: int | None, statement: MemberStatement) -> None:
        """Note which numbers were given out on which day; of the first day in a range the beginning is not known."""
        days = self.days.setdefault(statement.member, {})
        for day in statement.days:
            days[day.day] = (day.last + 1 if last is None else last + 1), day.last
            last = day.last

    def _in_force(self, seconds: int) -> Rulebook | None:
        found = [one for one in self.rulebooks.values() if one.document.issued_at <= seconds]
        return max(found, key=lambda one: one.document.version, default=None)

    def _fail(self, part: str, entry: Entry, text: str) -> None:
        self.verdict.fail(part, f"entry {entry['index']}: {text}", entry["index"])
