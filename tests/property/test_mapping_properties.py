"""Mappings over all inputs: numbers are exact, dates come back, and no bytes of a source raise anything unmapped."""

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from participants.lender.connectors import CsvSource
from participants.lender.loading import BookLoad
from participants.lender.mapping import parse_mapping
from participants.lender.values import RefusedError, day_reader, integer_reader, read_number, time_reader
from participants.storage.memory import MemoryBook
from tests.support.books import IDENTITY, NOW
from tests.support.sources import HEADER, MAPPING, FakeTokens, mapping, read_rows

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15)
scales = st.decimals(min_value=Decimal("0.0001"), max_value=10**6, places=4, allow_nan=False)
bounds = st.none() | st.integers(-(10**9), 10**9)

WIDE = (
    MAPPING
    + """
closed = { column = "opened", format = "%d/%m/%Y", missing = ["-"] }
balance = { column = "limit", scale = 0.5, round = true, minimum = 0, maximum = 1000000 }
history = { columns = ["limit", "opened"], map = { x = 1 }, otherwise = 2 }
disputed = { column = "account", map = { a = true }, when = { column = "limit", above = 3 } }

[[inquiry]]
when = { column = "opened", present = true }
time = { column = "limit", format = "unix" }

[characteristics]
limit = { column = "limit", bands = { 0 = 1, 10 = 2 } }

[freeze]
frozen = { column = "account", otherwise = false }
"""
)


@given(amounts, scales)
def test_a_number_is_scaled_exactly_or_refused(amount: Decimal, scale: Decimal) -> None:
    read = integer_reader(scale, None, None, may_round=False)
    number, denominator = (amount.as_integer_ratio(), scale.as_integer_ratio())
    top, bottom = number[0] * denominator[0], number[1] * denominator[1]
    try:
        assert read(f"{amount:f}") * bottom == top
    except RefusedError:
        assert top % bottom != 0


@given(amounts, scales)
def test_rounding_is_to_the_nearest_whole(amount: Decimal, scale: Decimal) -> None:
    found = integer_reader(scale, None, None, may_round=True)(f"{amount:f}")
    (a, b), (c, d) = amount.as_integer_ratio(), scale.as_integer_ratio()
    assert abs(2 * (found * b * d - a * c)) <= b * d


@given(st.integers(-(10**17), 10**17), st.integers(1, 1_000), bounds, bounds)
def test_bounds_hold_and_change_nothing_within(number: int, scale: int, low: int | None, high: int | None) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    found = integer_reader(Decimal(scale), low, high, may_round=False)(str(number))
    assert low is None or found >= low
    assert high is None or found <= high
    if (low is None or number * scale >= low) and (high is None or number * scale <= high):
        assert found == number * scale


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        assert read_number(text) == Decimal(text)
    except RefusedError:
        return


@given(st.dates(), st.sampled_from([None, "%d/%m/%Y", "%Y%m%d", "%d.%m.%Y"]))
def test_days_come_back(day: dt.date, date_format: str | None) -> None:
    text = day.isoformat() if date_format is None else date_format.replace("%d", f"{day.day:02}")
    text = text.replace("%m", f"{day.month:02}").replace("%Y", f"{day.year:04}")
    assert day_reader(date_format)(text) == (day - dt.date(1970, 1, 1)).days


@given(time=st.datetimes(), minutes=st.integers(-12 * 60, 14 * 60), named=st.booleans())
def test_times_come_back(time: dt.datetime, minutes: int, *, named: bool) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    text = (time.replace(tzinfo=zone) if named else time).isoformat()
    seconds = time_reader(None, dt.UTC if named else zone)(text)
    begun = time.replace(microsecond=0) - dt.timedelta(minutes=minutes)
    assert seconds == (begun - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1)  # noqa: DTZ001  both are naive


@given(st.text(max_size=70))
def test_any_text_is_a_day_and_a_time_or_refused(text: str) -> None:
    for read in (day_reader(None), day_reader("%d/%m/%Y"), time_reader(None, dt.UTC), time_reader("unix", dt.UTC)):
        try:
            assert isinstance(read(text), int)
        except RefusedError:
            continue


def _load(data: bytes, folder: str) -> None:
    path = Path(folder) / "rows.csv"
    path.write_bytes(data)
    aside = Path(folder) / "aside.csv"
    aside.unlink(missing_ok=True)
    load = BookLoad(mapping(WIDE), CsvSource(path), maximum_refused=1, set_aside=aside)
    try:
        load.load(MemoryBook(IDENTITY), FakeTokens(), now=NOW, as_of=NOW)
    except CreditError as error:
        assert error.code in {Code.SOURCE_UNREADABLE, Code.ROWS_REFUSED, Code.MAPPING_INVALID}, str(error)  # noqa: PT017
    assert load.report.read == load.report.accepted + load.report.refused


pieces = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\r\n", b"\xff", b"\0", b"13912345678", b"2025-01-31", b"31/12/2025", b"7", b"-", b" a"]
)


@settings(max_examples=400)
@given(st.lists(pieces | st.binary(max_size=6), max_size=40))
def test_no_bytes_of_rows_raise_anything_unmapped(found: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _load(f"{HEADER}\n".encode() + b"".join(found), folder)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@settings(max_examples=200)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=8))
def test_quoted_cells_are_read_as_they_were_written(rows: list[tuple[str, str]]) -> None:
    lines = (",".join(map(_quoted, row)) for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes("\n".join(["a,b", *lines, ""]).encode())
        assert [row.cells for row in read_rows(CsvSource(path))] == rows


@settings(max_examples=400)
@given(st.binary(max_size=120) | st.text(alphabet='[]{}="\n.ab15', max_size=120).map(str.encode))
def test_no_bytes_of_a_mapping_raise_anything_unmapped(data: bytes) -> None:
    try:
        parse_mapping(data, Path())
    except CreditError as error:
        assert error.code is Code.MAPPING_INVALID  # noqa: PT017  any other exception fails the test
