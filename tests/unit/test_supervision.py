"""Statements, numbers, sealed reports and documents of supervision, by themselves."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consortium.errors import Code
from consortium.membership.signed import sign_document
from consortium.supervision.documents import (
    FORMS,
    NO_STATEMENT,
    SUM_REPORT_BYTES,
    Case,
    CaseCause,
    CaseClosed,
    CaseKind,
    CaseOutcome,
    Filing,
    FilingKind,
    InspectionOrder,
    MemberStatement,
    StatedBook,
    StatedDay,
    filing_digest,
    read_filing,
)
from consortium.supervision.statements import StatementChain, begin_chain, stated_journals
from consortium.supervision.sums import CODES, PLACES, Sealing, Unreadable, open_report, seal_report
from participants.lender.statements import parse_statement
from participants.regulator.counters import NumberSet
from tests.support.codes import refused
from tests.support.randomness import seeded
from tests.support.supervised import Supervised
from tests.support.world import ALICE, World, tradeline

DAY = 86_400


def book(name: bytes, previous: bytes = bytes(32)) -> StatedBook:
    return StatedBook(day=20_000, root=name * 32, salt_digest=name * 32, start=name * 32, previous=previous)


def statement(number: int, previous: bytes = NO_STATEMENT, **changes: Any) -> MemberStatement:
    values: dict[str, Any] = {
        "consortium": "demo-consortium",
        "member": "lender-a",
        "number": number,
        "previous": previous,
        "stated_at": 1_790_000_000,
        "books": (book(b"a"),) if number == 1 else (),
        "journal": b"j" * 32,
        "days": (),
        "messages": 10,
        "report": bytes(SUM_REPORT_BYTES),
    }
    return MemberStatement(**values | changes)


def days(*pairs: tuple[int, int]) -> tuple[StatedDay, ...]:
    return tuple(StatedDay(day=day, last=last) for day, last in pairs)


def chain_of(*statements: MemberStatement) -> StatementChain:
    chain = StatementChain()
    for one in statements:
        chain.take(one, bytes([one.number]) * 32)
    return chain


def test_a_chain_of_statements_follows_itself() -> None:
    second = statement(2, b"\1" * 32, days=days((20_000, 4), (20_001, 10)))
    chain = chain_of(statement(1), second, statement(3, b"\2" * 32, messages=12, days=days((20_002, 12))))
    assert (chain.number, chain.through, chain.last, chain.messages) == (3, 20_002, 12, 12)


@pytest.mark.parametrize(
    "wrong",
    [
        statement(3, b"\1" * 32),
        statement(2, b"\7" * 32),
        statement(2, b"\1" * 32, messages=9),
        statement(2, b"\1" * 32, days=days((20_001, 10))),
        statement(2, b"\1" * 32, days=days((19_999, 10))),
        statement(2, b"\1" * 32, days=days((20_000, 3))),
    ],
)
def test_a_contradiction_is_found(wrong: MemberStatement) -> None:
    first = statement(1, days=days((19_999, 4)))
    chain_of(first, statement(2, b"\1" * 32, days=days((20_000, 4))))
    with refused(Code.COUNTER_GAP):
        chain_of(first, wrong)


def test_the_first_statement_begins_with_the_first_book() -> None:
    for wrong in (statement(1, books=()), statement(1, books=(book(b"b", b"p" * 32),))):
        with refused(Code.COUNTER_GAP):
            chain_of(wrong)
    assert begin_chain(statement(7, b"p" * 32), b"d" * 32).number == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"days": days((5, 4), (5, 6))},
        {"days": days((5, 4), (6, 3))},
        {"days": days((5, 11))},
        {"previous": b"p" * 32},
        {"report": bytes(SUM_REPORT_BYTES - 1)},
    ],
)
def test_a_statement_that_contradicts_itself_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        statement(1, **changes)


def test_journals_end_where_the_next_book_begins() -> None:
    told = [
        statement(1, journal=b"1" * 32),
        statement(2, b"p" * 32, journal=b"2" * 32),
        statement(3, b"p" * 32, journal=b"3" * 32, books=(book(b"b", b"e" * 32), book(b"c", b"f" * 32))),
    ]
    found = stated_journals(told)
    assert found[b"a" * 32].heads == {b"1" * 32, b"2" * 32}
    assert [found[name * 32].ended for name in (b"a", b"b", b"c")] == [b"e" * 32, b"f" * 32, None]
    assert not found[b"b" * 32].heads
    assert found[b"c" * 32].heads == {b"3" * 32}


def test_every_report_of_sums_has_one_length() -> None:
    key, rng, sealing = X25519PrivateKey.generate(), seeded("sums"), Sealing("demo-consortium", "lender-a", 3)
    public = key.public_key().public_bytes_raw()
    for count in (0, 1, PLACES):
        found = [Unreadable(bytes([n]) * 32, CODES[n % len(CODES)]) for n in range(count)]
        sealed = seal_report(found, sealing, public, rng)
        assert len(sealed) == SUM_REPORT_BYTES
        assert open_report(key, sealing, sealed) == found
        with refused(Code.PAYLOAD_INVALID):
            open_report(key, Sealing("demo-consortium", "lender-a", 4), sealed)
    many = [Unreadable(bytes(32), Code.SUM_INVALID)] * (PLACES + 5)
    assert len(open_report(key, sealing, seal_report(many, sealing, public, rng))) == PLACES


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(1, 60), st.integers(0, 60))
def test_missing_numbers_are_counted_and_named(seen: list[int], first: int, length: int) -> None:
    numbers = NumberSet()
    for number in seen:
        numbers.add(number)
    wanted = [number for number in range(first, first + length) if number not in seen]
    assert numbers.missing(first, first + length - 1, 100) == (len(wanted), wanted)
    assert (numbers.lowest, numbers.highest) == (min(seen, default=0), max(seen, default=0))


def test_a_set_of_numbers_is_bounded() -> None:
    numbers = NumberSet(most=10)
    for number in range(1, 100, 2):
        numbers.add(number)
    assert numbers.missing(82, 99) == (9, list(range(82, 100, 2))), "what is old is forgotten, not what is new"


def signed(world: World, kind: FilingKind, filing: Filing, by: str) -> bytes:
    return sign_document(world.foundation.keys[by].signer, FORMS[kind][1], filing)


def test_a_document_is_filed_by_whom_its_role_allows(world: World) -> None:
    common: dict[str, Any] = {"consortium": "demo-consortium", "text": "naming nobody"}
    dispute = Case(**common, member="lender-a", kind=CaseKind.DISPUTE, cause=CaseCause.OTHER, entry=4, opened_at=1)
    complaint = dispute.model_copy(update={"kind": CaseKind.COMPLAINT, "member": "regulator"})
    closed = CaseClosed(**common, member="lender-a", case=4, outcome=CaseOutcome.WITHDRAWN, closed_at=1)
    for kind, filing, by in (
        (FilingKind.CASE, dispute, "lender-a"),
        (FilingKind.CASE, complaint, "regulator"),
        (FilingKind.CASE_CLOSED, closed, "lender-a"),
    ):
        made = signed(world, kind, filing, by)
        assert read_filing(kind, made, world.rulebook) == filing
        assert len(filing_digest(kind, made)) == 32
        with refused(Code.SIGNATURE_INVALID):
            read_filing(kind, signed(world, kind, filing, "lender-b"), world.rulebook)
    wrong: list[tuple[Filing, Code]] = [
        (dispute.model_copy(update={"member": "regulator"}), Code.ROLE_NOT_ALLOWED),
        (complaint.model_copy(update={"member": "lender-a"}), Code.ROLE_NOT_ALLOWED),
        (dispute.model_copy(update={"member": "lender-z"}), Code.MEMBER_NOT_ACTIVE),
        (dispute.model_copy(update={"consortium": "other"}), Code.MALFORMED),
    ]
    for other, code in wrong:
        with refused(code):
            read_filing(FilingKind.CASE, signed(world, FilingKind.CASE, other, "lender-a"), world.rulebook)
    upheld = closed.model_copy(update={"outcome": CaseOutcome.UPHELD})
    with refused(Code.ROLE_NOT_ALLOWED):
        read_filing(FilingKind.CASE_CLOSED, signed(world, FilingKind.CASE_CLOSED, upheld, "lender-a"), world.rulebook)


@pytest.mark.parametrize("due", [0, -5, 400 * DAY])
def test_an_order_gives_time_but_not_for_ever(due: int) -> None:
    values: dict[str, Any] = {"regulator": "regulator", "member": "lender-a", "entry": 1, "ctx": bytes(32)}
    with pytest.raises(ValidationError):
        InspectionOrder(consortium="demo", **values, reason="x", issued_at=1000, due_at=1000 + due)


def test_a_lender_states_every_day_that_is_over(world: World, tmp_path: Path) -> None:
    lender = Supervised(world, tmp_path)
    today = world.now // DAY
    lender.state()
    assert not lender.stating.due(world.now)
    lender.ask(world.subject(ALICE))
    lender.record(lender.held(world.subject(ALICE)), tradeline(5))
    assert not lender.stating.due(world.now), "a change of the journal is stated with the day"
    assert lender.stating.due(world.now + DAY)
    world.now += 3 * DAY
    lender.store.note_unreadable(Unreadable(b"q" * 32, Code.SUM_INVALID), world.now)
    lender.state()
    newest = lender.stated[-1]
    assert [(one.day, one.last) for one in newest.days] == [(today, 2), (today + 1, 2), (today + 2, 2)]
    assert (newest.messages, newest.books) == (2, ())
    sealing = Sealing(newest.consortium, newest.member, newest.number)
    regulator = world.foundation.keys["regulator"].hpke
    assert [one.query for one in open_report(regulator, sealing, newest.report)] == [b"q" * 32]
    assert lender.store.unreadable(9) == []
    lender.store.drop_unsent()
    assert [one.query for one in lender.store.unreadable(9)] == [b"q" * 32], "what was not sent is told anew"
    assert parse_statement(lender.stating.make(world.rulebook, world.now)).number == 1
    lender.close()
