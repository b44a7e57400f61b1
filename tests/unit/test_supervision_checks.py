"""What statements, orders and cases in an export must fit; and what is absent, late or open."""

from typing import Any

from consortium.canonical import canonical_json
from consortium.membership.signed import sign_document
from consortium.supervision.documents import (
    FORMS,
    Case,
    CaseCause,
    CaseClosed,
    CaseKind,
    CaseOutcome,
    Filing,
    FilingKind,
    InspectionOrder,
    filing_digest,
)
from gateway.usecases import entries
from participants.regulator.entry_checks import VERSIONS, EntryChecks
from participants.regulator.supervision_checks import FILINGS, STATEMENTS, SupervisionChecks
from participants.regulator.verdict import State, Verdict
from tests.support.world import LENDERS, World
from tests.unit.test_supervision import days, statement

DAY_MS = 86_400_000


class Book:
    """Writes entries of supervision, and looks at them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rulebooks = {world.rulebook.digest.hex(): world.rulebook}
        self.day = world.rulebook.document.issued_at * 1000 // DAY_MS + 2
        self.entries: list[dict[str, Any]] = []

    def add(self, entry: dict[str, Any], at: float = 0) -> int:
        index = len(self.entries)
        self.entries.append({**entry, "index": index, "time_ms": int((self.day + at) * DAY_MS)})
        return index

    def file(self, kind: FilingKind, filing: Filing, by: str = "lender-a", at: float = 0) -> bytes:
        signed = sign_document(self.world.foundation.keys[by].signer, FORMS[kind][1], filing)
        self.add(entries.filed(kind.value, signed, self.world.rulebook.digest), at)
        return filing_digest(kind, signed)

    def message(self, counter: int, at: float) -> None:
        one = {"member": "lender-a", "round1": {"counter": counter, "digest": f"{counter}"}, "round2": None}
        self.add({"kind": "query-refused", "query": f"q{counter}", "contributions": [one]}, at)

    def look(self, first: int = 0) -> tuple[Verdict, SupervisionChecks, EntryChecks]:
        verdict = Verdict()
        checks, found = EntryChecks(verdict, first, self.rulebooks), SupervisionChecks(verdict, self.rulebooks, first)
        for entry in self.entries[first:]:
            checks.take(entry)
            found.take(entry)
        found.finish(checks)
        return verdict, found, checks


def chained(world: World) -> Book:
    book = Book(world)
    digest = book.file(FilingKind.STATEMENT, statement(1, messages=0))
    for counter in (1, 2, 5):
        book.message(counter, 0.5)
    second = statement(2, digest, messages=9, days=days((book.day, 6)))
    digest = book.file(FilingKind.STATEMENT, second, at=1)
    book.message(8, 1.5)
    third = statement(3, digest, messages=9, days=days((book.day + 1, 9)))
    book.file(FilingKind.STATEMENT, third, at=2)
    return book


def test_a_chain_of_statements_passes_and_says_what_is_missing(world: World) -> None:
    book = chained(world)
    verdict, found, checks = book.look()
    assert verdict.state is State.COMPLETE, verdict.findings
    stated = [(one.day - book.day, one.stated, one.missing, one.examples) for one in found.stated_days(checks)]
    assert stated == [(0, 6, 3, (3, 4, 6)), (1, 3, 2, (7, 9))]
    verdict, found, checks = book.look(first=4)
    assert verdict.state is State.COMPLETE, verdict.findings
    assert [one.missing for one in found.stated_days(checks)] == [0, 1], "what lies before the range is not missing"


def test_days_without_a_statement_are_told_of_every_active_lender(world: World) -> None:
    book = chained(world)
    book.message(10, 3.5)
    _, found, _ = book.look()
    absent = {(member, day - book.day) for member, day in found.absent()}
    assert absent == {(member, day) for member in LENDERS for day in range(3)} - {("lender-a", 0), ("lender-a", 1)}


def test_a_statement_that_contradicts_messages_or_itself_fails(world: World) -> None:
    book = chained(world)
    book.message(7, 0.9)  # on a day of which the member stated that 6 was the last
    verdict, _, _ = book.look()
    assert verdict.failed(STATEMENTS), verdict.findings
    book = chained(world)
    book.file(FilingKind.STATEMENT, statement(3, b"o" * 32, messages=9), at=3)
    verdict, _, _ = book.look()
    assert verdict.counts[STATEMENTS] == 1, verdict.findings


def test_a_document_that_its_author_did_not_sign_fails(world: World) -> None:
    book = chained(world)
    document = dict(book.entries[0]["document"])
    changed = [
        {**book.entries[0], "document": {**document, "messages": 1}},
        {**book.entries[0], "signature": "00" * 64},
        {**book.entries[0], "rulebook": "ab" * 32},
        {**book.entries[0], "document": {**document, "member": "lender-b"}},
    ]
    for entry in changed:
        assert canonical_json(entry)
        book.entries[0] = entry
        verdict, _, _ = book.look()
        assert verdict.failed(VERSIONS if entry is changed[2] else FILINGS), verdict.findings


def test_orders_and_cases_are_followed(world: World) -> None:
    book = Book(world)
    issued = book.day * DAY_MS // 1000
    common: dict[str, Any] = {"consortium": "demo-consortium"}
    order = InspectionOrder(
        **common,
        regulator="regulator",
        member="lender-b",
        entry=0,
        ctx=bytes(32),
        reason="audit",
        issued_at=issued,
        due_at=issued + 3600,
    )
    for _ in range(2):
        book.file(FilingKind.ORDER, order, "regulator")
    book.add(entries.inspection_answered(1, "lender-b", bytes(32), 9), 0.2)
    case = Case(
        **common, member="lender-a", kind=CaseKind.DISPUTE, cause=CaseCause.OTHER, entry=0, text="x", opened_at=1
    )
    for _ in range(2):
        book.file(FilingKind.CASE, case, at=0.3)
    closed = CaseClosed(**common, member="lender-a", case=3, outcome=CaseOutcome.WITHDRAWN, text="x", closed_at=1)
    book.file(FilingKind.CASE_CLOSED, closed, at=5.4)
    verdict, found, _ = book.look()
    assert verdict.state is State.COMPLETE, verdict.findings
    assert [index for index, _ in found.overdue()] == [0]
    assert [(index, days_open) for index, _, days_open in found.open_cases()] == [(4, 5)]
    book.add(entries.inspection_answered(4, "lender-b", bytes(32), 9), 6)
    book.add(entries.inspection_answered(0, "lender-c", bytes(32), 9), 6)
    verdict, _, _ = book.look()
    assert verdict.counts[FILINGS] == 2, verdict.findings
