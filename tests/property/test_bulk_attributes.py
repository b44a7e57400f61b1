"""Attributes over columns are those of `evaluate`, for every file, attribute and scorecard slot."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.model.attributes import DEFAULT_ATTRIBUTES, EVALUATORS, evaluate
from consortium.model.catalogue import META_SLOTS
from consortium.model.credit_file import (
    MAX_AMOUNT,
    AccountStatus,
    Characteristics,
    CreditFile,
    Inquiry,
    PortfolioType,
    Tradeline,
)
from consortium.model.credit_file_bytes import credit_file_of, credit_file_to_bytes
from consortium.model.facts import Moment
from consortium.model.identifiers import IdentifierKind
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_slots import card_slots, slot_readers
from consortium.sums.block_layout import pack_rows
from consortium.sums.packing import Layout, Slot
from consortium.sums.words import WORD_BITS, words_of
from participants.lender.bulk.attributes import READERS, clamped_columns, slot_columns
from participants.lender.bulk.column_maker import CharacteristicNames, columns_of
from participants.lender.bulk.columns import FileColumns
from participants.lender.bulk.facts import FactColumns
from tests.support import books, cards

moments = st.integers(books.NOW - 100 * 86_400, books.NOW + 100 * 86_400)
retentions = st.integers(1, 4_000)
card_values = st.dictionaries(
    st.sampled_from([f"{name}_{i}" for name in ("repayment", "online", "risk") for i in range(3)] + ["late_months"]),
    st.just(-9) | st.just(-1) | st.integers(-60, 60),
).map(Characteristics.of)
card_files = st.lists(
    st.builds(credit_file_of, books.kinds, st.lists(books.pieces | card_values, max_size=6)), max_size=5
)
some_files = st.lists(
    books.credit_files | st.lists(books.tradelines()).map(lambda t: credit_file_of(IdentifierKind.PHONE, t)), max_size=6
)


LAST = books.DAY - 1  # the day that the snapshot of a query of books.DAY ends with
edge_days = st.sampled_from([0, 29, 30, 31, 89, 90, 91, 364, 365, 366, 730, 731, -1, -29, -30]).map(lambda n: LAST - n)
edge_months = st.integers(0, 24).flatmap(lambda n: st.integers(-2, 2).map(lambda d: LAST - round(n * 30.44) + d))
edge_late = st.sampled_from([0, 1, 29, 30, 59, 60, 89, 90, 119, 120])


@st.composite
def edge_lines(draw: st.DrawFn) -> Tradeline:
    """Tradelines whose days and delays lie where a rule begins or ends."""
    opened = draw(edge_days | edge_months)
    later = st.none() | edge_days.filter(lambda day: day >= opened)
    money = st.sampled_from([0, 0, 7])
    return Tradeline(
        account=draw(st.sampled_from(["a1", "a2", "a3"])),
        portfolio=PortfolioType.REVOLVING,
        status=draw(st.sampled_from(AccountStatus)),
        opened=opened,
        reported=draw(edge_days | edge_months),
        closed=draw(later),
        first_delinquency=draw(later),
        limit=draw(money),
        balance=draw(money),
        past_due=draw(money),
        payment=draw(st.sampled_from([0, 5])),
        payment_due=draw(st.none() | edge_days),
        days_past_due=draw(edge_late),
        history=tuple(draw(st.lists(edge_late, max_size=12))),
        charged_off=draw(money),
        in_collection=draw(money),
        disputed=draw(st.booleans()),
    )


edge_inquiries = st.builds(
    lambda age, more, hard: Inquiry(books.DAY * 86_400 - 1 - age + more, hard=hard),
    st.sampled_from([0, 3_600, 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400]),
    st.integers(-1, 1),
    st.booleans(),
)
edge_files = st.builds(credit_file_of, books.kinds, st.lists(edge_lines() | edge_inquiries, min_size=1, max_size=4))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(edge_files, min_size=6, max_size=6), st.sampled_from([1, 29, 30, 31, 60, 93, 310, 341, 365, 366, 4_000])
)
def test_columns_are_what_evaluate_gives_where_rules_begin_and_end(files: list[CreditFile], retention: int) -> None:
    check_equal(files, books.NOW, retention)


def test_history_ends_with_the_retention_period() -> None:
    """A month counts as long as 31 days a month back are within the period; each month alone, at its last period."""
    for months in range(12):
        line = books.tradeline(reported=LAST, history=(0,) * months + (95,))
        for retention in range(max(1, months * 30), months * 31 + 2):
            check_equal([credit_file_of(IdentifierKind.PHONE, [line])], books.NOW, retention)


def check_equal(files: list[CreditFile], as_of: int, retention: int) -> None:
    moment = Moment.of(as_of, live=False, retention_days=retention, clock_skew=300)
    part = columns(files)
    asked = [(name, READERS[name], attribute.bound) for name, attribute in DEFAULT_ATTRIBUTES.items()]
    found = clamped_columns(part, FactColumns(part, moment), asked)
    for row, file in enumerate(files):
        expected = evaluate(file, DEFAULT_ATTRIBUTES, as_of, live=False, retention_days=retention)
        assert {name: int(column[row]) for name, column in found.items()} == expected


def columns(files: list[CreditFile]) -> FileColumns:
    booked = [(books.subject(n).tag.value, bytes(64), None, credit_file_to_bytes(f)) for n, f in enumerate(files)]
    return columns_of(booked, CharacteristicNames())[1]


def test_every_attribute_has_a_reader() -> None:
    assert READERS.keys() == EVALUATORS.keys() >= DEFAULT_ATTRIBUTES.keys()


@settings(max_examples=30, deadline=None)
@given(files=some_files, as_of=moments, retention=retentions)
def test_columns_are_what_evaluate_gives(files: list[CreditFile], as_of: int, retention: int) -> None:
    check_equal(files, as_of, retention)


@settings(max_examples=30, deadline=None)
@given(card=cards.cards() | st.just(cards.small_card()), files=card_files, as_of=moments)
def test_slots_of_scorecards_are_what_evaluate_gives(card: Scorecard, files: list[CreditFile], as_of: int) -> None:
    slots, one_by_one = card_slots([card]), slot_readers([card])
    moment = Moment.of(as_of, live=False, retention_days=1_000, clock_skew=300)
    part = columns(files)
    read = slot_columns([card])
    assert read.keys() == slots.keys()
    asked = [(name, read[name], slot.bound) for name, slot in slots.items()]
    found = clamped_columns(part, FactColumns(part, moment), asked)
    for row, file in enumerate(files):
        expected = evaluate(file, slots, as_of, live=False, retention_days=1_000, attributes=slots, more=one_by_one)
        assert {name: int(column[row]) for name, column in found.items()} == expected


def test_sums_of_the_largest_amounts_do_not_overflow() -> None:
    lines = [books.tradeline(f"a{n}", balance=MAX_AMOUNT, limit=1) for n in range(3_000)]
    part = columns(
        [credit_file_of(IdentifierKind.EMAIL, lines), credit_file_of(IdentifierKind.EMAIL, [replace(lines[0])])]
    )
    facts = FactColumns(part, Moment.of(books.NOW, live=False, retention_days=1_000, clock_skew=0))
    assert list(facts.balance) == [MAX_AMOUNT + 1, MAX_AMOUNT]
    assert list(facts.credit_limit) == [3_000, 1]


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_rows_are_packed_as_one_is(values: list[tuple[int, int, int]]) -> None:
    bounds = {"amount": 2**40, "flag": 1, **dict(list(META_SLOTS.items())[-1:])}
    layout = Layout.build([Slot(name, bound) for name, bound in bounds.items()], 128, 64 * WORD_BITS, WORD_BITS)
    named = {
        name: np.array(column, dtype=np.int64) for name, column in zip(bounds, zip(*values, strict=True), strict=True)
    }
    packed = pack_rows(layout, named)
    for row, one in enumerate(values):
        assert (packed[row] == words_of(layout.pack(dict(zip(bounds, one, strict=True))), layout.words)).all()
