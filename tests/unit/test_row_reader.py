"""What a mapping makes of rows: each step of an expression, the strongest identifier, and the reason of a refusal."""

import pytest

from consortium.model.credit_file import (
    AccountStatus,
    Channel,
    Characteristics,
    Freeze,
    Inquiry,
    Piece,
    PortfolioType,
    Tradeline,
)
from consortium.model.identifiers import IdentifierKind
from participants.lender.records import Cell, RawRecord, RawRow, Reason
from participants.lender.row_reader import RowReader
from participants.lender.values import RefusedError
from tests.support.sources import IDENTIFIERS, MAPPING, SOURCE, mapping

PHONE = "13910000000"
CELLS: dict[str, Cell] = {"phone": PHONE, "account": "a-1", "opened": "2025-01-31", "limit": "1000"}


def record(text: str, **cells: Cell) -> RawRecord:
    row = CELLS | cells
    return RowReader(mapping(text), tuple(row)).read(RawRow(1, tuple(row.values())))


def tradeline(line: str = "", **cells: Cell) -> Tradeline:
    (piece,) = record(MAPPING + line + "\n", **cells).pieces
    assert isinstance(piece, Tradeline)
    return piece


def refusal(text: str, **cells: Cell) -> tuple[Reason, str]:
    with pytest.raises(RefusedError) as caught:
        record(text, **cells)
    return caught.value.reason, caught.value.column


def refused_line(line: str, **cells: Cell) -> tuple[Reason, str]:
    return refusal(MAPPING + line + "\n", **cells)


def test_a_row_becomes_a_tradeline() -> None:
    assert record(MAPPING).pieces == (
        Tradeline(
            "a-1",
            PortfolioType.REVOLVING,
            AccountStatus.CURRENT,
            opened=20_119,  # 2025-01-31
            reported=20_758,  # 2026-11-01
            limit=100_000,
        ),
    )


@pytest.mark.parametrize(
    ("expression", "text", "balance"),
    [
        ("'x'", "12", 12),
        ("'x'", " 12 ", 12),
        ("'x'", "1.2e3", 1_200),
        ("'x'", "12.00", 12),
        ("'x'", "+7", 7),
        ("'x'", "", 0),
        ("'x'", None, 0),
        ("{ column = 'x', scale = 100 }", "12.34", 1_234),
        ("{ column = 'x', scale = 100 }", "12", 1_200),
        ("{ column = 'x', scale = 0.01 }", "500", 5),
        ("{ column = 'x', scale = 100, round = true }", "0.30000000000000004", 30),
        ("{ column = 'x', round = true }", "2.5", 2),
        ("{ column = 'x', round = true }", "3.5", 4),
        ("{ column = 'x', minimum = 0 }", "-5.0", 0),
        ("{ column = 'x', maximum = 9, scale = 100 }", "1", 9),
        ("{ column = 'x', default = 7, scale = 100 }", "", 7),
        ("{ column = 'x', missing = ['-', 0], default = 7 }", "-", 7),
        ("{ column = 'x', missing = ['-', 0], default = 7 }", "0", 7),
        ("{ column = 'x', map = { none = 3 }, scale = 100 }", "none", 3),
        ("{ column = 'x', map = { none = 3 }, scale = 100 }", "2", 200),
        ("{ column = 'x', map = { none = 3 }, otherwise = 4 }", "2", 4),
        ("{ column = 'x', bands = { 0 = 1, '10.5' = 2 } }", "10.5", 2),
        ("{ column = 'x', bands = { 0 = 1, '10.5' = 2 } }", "10.49", 1),
        ("{ constant = 5 }", "1", 5),
        ("{ column = 'x', when = { column = 'limit', above = 999 } }", "6", 6),
        ("{ column = 'x', when = { column = 'limit', above = 1000 } }", "6", 0),
        ("{ column = 'x', when = { column = 'limit', below = 1000 }, default = 8 }", "6", 8),
        ("{ column = 'x', when = { column = 'account', in = ['a-1', 'b'] } }", "6", 6),
        ("{ column = 'x', when = { column = 'account', not_in = ['a-1', 'b'] } }", "6", 0),
        ("{ column = 'x', when = { column = 'x', present = false }, default = 2 }", "6", 2),
        ("{ column = 'x', when = [{ column = 'limit', above = 1 }, { column = 'limit', below = 9 }] }", "6", 0),
    ],
)
def test_numbers(expression: str, text: Cell, balance: int) -> None:
    assert tradeline(f"balance = {expression}", x=text).balance == balance


@pytest.mark.parametrize(
    ("expression", "text", "reason"),
    [
        ("'x'", "twelve", Reason.NOT_A_NUMBER),
        ("'x'", "1,200", Reason.NOT_A_NUMBER),
        ("'x'", "1_200", Reason.NOT_A_NUMBER),
        ("'x'", "٣", Reason.NOT_A_NUMBER),
        ("'x'", "nan", Reason.NOT_A_NUMBER),
        ("'x'", "inf", Reason.NOT_A_NUMBER),
        ("'x'", "1" * 65, Reason.NOT_A_NUMBER),
        ("'x'", "1e9999", Reason.NOT_A_NUMBER),
        ("'x'", "1e999", Reason.NOT_ALLOWED),
        ("'x'", "9007199254740992", Reason.NOT_ALLOWED),
        ("'x'", "-1", Reason.NOT_ALLOWED),
        ("'x'", "12.5", Reason.NOT_WHOLE),
        ("{ column = 'x', scale = 100 }", "12.345", Reason.NOT_WHOLE),
        ("{ column = 'x', bands = { 0 = 1 } }", "-1", Reason.NOT_IN_TABLE),
    ],
)
def test_numbers_that_are_refused(expression: str, text: str, reason: Reason) -> None:
    assert refused_line(f"balance = {expression}", x=text) == (reason, "x")


@pytest.mark.parametrize(
    ("expression", "text", "day"),
    [
        ("'x'", "2026-11-23", 20_780),
        ("'x'", "20261123", 20_780),
        ("'x'", "2026-11-23 23:59:59", 20_780),
        ("'x'", "2026-11-23T23:59:59.5+08:00", 20_780),
        ("{ column = 'x', format = '%d/%m/%Y' }", "23/11/2026", 20_780),
        ("{ column = 'x', format = '%d/%m/%Y', default = 2026-11-22 }", "", 20_779),
        ("{ column = 'x', format = '%Y%m%d', missing = ['00000000'] }", "00000000", None),
        ("{ column = 'x', map = { yesterday = '2026-11-22' } }", "yesterday", 20_779),
    ],
)
def test_days(expression: str, text: str, day: int | None) -> None:
    assert tradeline(f"closed = {expression}", x=text).closed == day


@pytest.mark.parametrize(
    "text", ["23.11.2026", "2026-02-30", "2026-11-23x", "9" * 65, "0000-00-00", "2026-11-23 25:00"]
)
def test_days_that_are_none(text: str) -> None:
    assert refused_line("closed = 'x'", x=text) == (Reason.NOT_A_DATE, "x")
    assert refused_line("closed = { column = 'x', format = '%d/%m/%Y' }", x=text) == (Reason.NOT_A_DATE, "x")


@pytest.mark.parametrize("day", ["1899-12-31", "0001-01-01"])
def test_a_day_beyond_the_calendar_of_the_book_is_refused(day: str) -> None:
    assert refused_line("payment_due = 'x'", x=day) == (Reason.NOT_ALLOWED, "x")


def test_a_day_before_the_opening_is_refused_by_its_own_column() -> None:
    assert refused_line("closed = 'x'", x="2025-01-30") == (Reason.OUT_OF_ORDER, "x")


@pytest.mark.parametrize(
    ("expression", "text", "seconds"),
    [
        ("'x'", "2026-11-23T10:00:00Z", 1_795_428_000),
        ("'x'", "2026-11-23T18:00:00+08:00", 1_795_428_000),
        ("'x'", "2026-11-23 18:00:00.999", 1_795_428_000),
        ("'x'", "2026-11-24", 1_795_449_600),
        ("{ column = 'x', format = 'unix' }", "1795428000", 1_795_428_000),
        ("{ column = 'x', format = 'unix-ms' }", "1795428000999", 1_795_428_000),
        ("{ column = 'x', format = '%Y-%m-%d %H:%M %z' }", "2026-11-23 12:00 +0200", 1_795_428_000),
    ],
)
def test_times_know_their_zone(expression: str, text: str, seconds: int) -> None:
    source = SOURCE + 'utc_offset = "+08:00"\n'
    found = record(source + IDENTIFIERS + f"[[inquiry]]\ntime = {expression}\nhard = {{ constant = false }}\n", x=text)
    assert found.pieces == (Inquiry(seconds, hard=False),)


def test_a_condition_on_a_number_needs_one_where_there_is_a_text() -> None:
    line = "balance = { column = 'limit', when = { column = 'x', above = 3 } }"
    assert refused_line(line, x="many") == (Reason.NOT_A_NUMBER, "x")
    assert tradeline(line, x="").balance == 0


def test_a_time_before_1970_is_refused() -> None:
    text = SOURCE + IDENTIFIERS + "[[inquiry]]\ntime = 'x'\n"
    assert refusal(text, x="1969-12-31T23:59:59Z") == (Reason.NOT_ALLOWED, "x")
    assert refusal(text, x="") == (Reason.MISSING, "x")


@pytest.mark.parametrize(("text", "truth"), [("TRUE", True), ("y", True), ("1", True), ("No", False), ("f", False)])
def test_truth_values(text: str, *, truth: bool) -> None:
    assert record(SOURCE + IDENTIFIERS + "[freeze]\nfrozen = 'x'\n", x=text).pieces == (Freeze(truth),)


def test_a_truth_value_that_is_none() -> None:
    assert refused_line("disputed = 'x'", x="perhaps") == (Reason.NOT_A_TRUTH_VALUE, "x")


def test_terms_are_exact() -> None:
    assert tradeline("channel = 'x'", x="web").channel is Channel.WEB
    assert refused_line("channel = 'x'", x="Web") == (Reason.NOT_IN_TABLE, "x")
    assert tradeline("channel = { column = 'x', map = { Web = 'web' } }", x="Web").channel is Channel.WEB


def test_a_history_ends_at_the_first_empty_month() -> None:
    line = "history = { columns = ['m1', 'm2', 'm3'], scale = 30, minimum = 0 }"
    assert tradeline(line, m1="2", m2="-1", m3="0").history == (60, 0, 0)
    assert tradeline(line, m1="2", m2="", m3="1").history == (60,)
    assert refused_line(line, m1="0", m2="x", m3="0") == (Reason.NOT_A_NUMBER, "m2")
    filled = line.replace("scale", "default = 5, scale")
    assert tradeline(filled, m1="2", m2=None, m3="1").history == (60, 5, 30)


def test_one_row_may_bring_several_tradelines_under_conditions() -> None:
    second = MAPPING.split("[[tradeline]]")[1].replace(
        'account = "account"', "account = {column='account',prefix='b:'}"
    )
    text = MAPPING + "[[tradeline]]\nwhen = { column = 'x', present = true }\n" + second
    both: list[Piece] = list(record(text, x="1").pieces)
    assert [piece.account for piece in both if isinstance(piece, Tradeline)] == ["a-1", "b:a-1"]
    assert len(record(text, x="").pieces) == 1


def test_a_row_without_content_is_no_refusal() -> None:
    text = MAPPING.replace("[[tradeline]]", "[[tradeline]]\nwhen = { column = 'limit', above = 5000 }")
    assert record(text).pieces == ()


@pytest.mark.parametrize("account", ["", "has space", "x" * 65, "编号"])
def test_an_account_of_the_wrong_form_is_refused(account: str) -> None:
    reason = Reason.NOT_ALLOWED if account else Reason.MISSING
    assert refused_line("", account=account) == (reason, "account")


def test_characteristics_leave_out_what_is_missing_and_are_small() -> None:
    text = SOURCE + IDENTIFIERS + "[characteristics]\nmonths = 'x'\nrenting = { column = 'y', map = { rent = 1 } }\n"
    assert record(text, x="7", y="").pieces == (Characteristics((("months", 7),)),)
    assert record(text, x="-7", y="rent").pieces == (Characteristics((("months", -7), ("renting", 1))),)
    assert record(text, x="", y="").pieces == ()
    assert refusal(text, x="2147483648", y="") == (Reason.NOT_ALLOWED, "x")
    assert refusal(text, x="1", y="buy") == (Reason.NOT_A_NUMBER, "y")


THREE = """
[identifiers]
country = "country"
national_id = "id"
phone = "phone"
email = "mail"
"""
PERSON: dict[str, Cell] = {"country": "CN", "id": "11010519491231002X", "phone": PHONE, "mail": "a@example.org"}


def kind_of(**cells: Cell) -> IdentifierKind:
    return record(MAPPING.replace(IDENTIFIERS, THREE), **(PERSON | cells)).identifier.kind


def refused_person(**cells: Cell) -> tuple[Reason, str]:
    return refusal(MAPPING.replace(IDENTIFIERS, THREE), **(PERSON | cells))


def test_the_strongest_identifier_of_the_row_counts() -> None:
    assert kind_of() is IdentifierKind.NATIONAL_ID
    assert kind_of(id="") is IdentifierKind.PHONE
    assert kind_of(id=None, phone=" ") is IdentifierKind.EMAIL


def test_a_wrong_identifier_does_not_fall_back_on_a_weaker_one() -> None:
    assert refused_person(id="110105194912310021") == (Reason.IDENTIFIER_CHECKSUM, "id")
    assert refused_person(id="none") == (Reason.IDENTIFIER_MALFORMED, "id")
    assert refused_person(id="", phone="110") == (Reason.IDENTIFIER_MALFORMED, "phone")
    assert refused_person(country="XX") == (Reason.IDENTIFIER_UNSUPPORTED, "id")
    assert refused_person(country="") == (Reason.MISSING, "country")
    assert refused_person(id="", phone="", mail="") == (Reason.NO_IDENTIFIER, "id, phone, mail")


@pytest.mark.parametrize("reason", [Reason.BROKEN_ROW, Reason.NOT_TEXT, Reason.ROW_TOO_LONG])
def test_a_broken_row_is_refused_as_a_whole(reason: Reason) -> None:
    with pytest.raises(RefusedError) as caught:
        RowReader(mapping(), tuple(CELLS)).read(RawRow(1, ("x",), 2, reason))
    assert (caught.value.reason, caught.value.column) == (reason, "")
