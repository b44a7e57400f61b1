"""
From the text of a cell to the value of a field: numbers, days, times, truth values and terms of a list.

Each maker gives a reader; a reader raises `RefusedError`, which never holds the text. Called by `expressions`.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from participants.lender.records import Reason

Value: TypeAlias = int | str | bool | tuple[int, ...]
TextReader: TypeAlias = Callable[[str], Value]

UNIX, UNIX_MILLISECONDS = "unix", "unix-ms"  # formats of times besides those of strptime
MAX_NUMBER_TEXT = 64
MAX_DATE_TEXT = 64
REMEMBERED_DATES = 4_096
_EPOCH = dt.date(1970, 1, 1).toordinal()
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_EXACT = Context(prec=3_000)  # more digits than any text of 64 characters has, so that nothing is rounded unasked
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_DIRECTIVES = frozenset("YymdHMSfjbBz%")  # strptime's that mean the same everywhere


class RefusedError(Exception):
    """A row is refused: why, and the column (or the field, where it has none) that is at fault."""

    def __init__(self, reason: Reason, column: str = "") -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column


def read_number(text: str) -> Decimal:
    """Read a decimal number exactly; ASCII digits, a point, perhaps an exponent, no separators of thousands."""
    if len(text) > MAX_NUMBER_TEXT or not _NUMBER.fullmatch(text):
        raise RefusedError(Reason.NOT_A_NUMBER)
    return _EXACT.create_decimal(text)


def integer_reader(
    scale: Decimal, minimum: int | None, maximum: int | None, *, may_round: bool
) -> Callable[[str], int]:
    """
    Make a reader of numbers that gives whole multiples of the target's unit: `text * scale`, then clamped.

    A product that is not whole is rounded half to even where `may_round`, else refused as NOT_WHOLE.
    """
    whole_scale = int(scale) if scale == scale.to_integral_value() else None

    def read(text: str) -> int:
        if whole_scale is not None and _INTEGER.fullmatch(text):
            number = int(text) * whole_scale
        else:
            number = _whole(_EXACT.multiply(read_number(text), scale), may_round=may_round)
        if minimum is not None and number < minimum:
            return minimum
        return maximum if maximum is not None and number > maximum else number

    return read


def _whole(number: Decimal, *, may_round: bool) -> int:
    whole = number.to_integral_value(ROUND_HALF_EVEN)
    if whole != number and not may_round:
        raise RefusedError(Reason.NOT_WHOLE)
    return int(whole)


def day_reader(date_format: str | None) -> Callable[[str], int]:
    """Make a reader of dates that gives epoch days: the date as written, whatever time and zone come with it."""
    read_time = _time_reader(date_format)

    @lru_cache(REMEMBERED_DATES)
    def read(text: str) -> int:
        return read_time(text).date().toordinal() - _EPOCH

    return read


def time_reader(time_format: str | None, zone: dt.timezone) -> Callable[[str], int]:
    """Make a reader of times that gives Unix seconds; a time that names no zone is one of `zone`."""
    if time_format in {UNIX, UNIX_MILLISECONDS}:
        return _unix_reader(1 if time_format == UNIX else 1_000)
    read_time = _time_reader(time_format)

    @lru_cache(REMEMBERED_DATES)
    def read(text: str) -> int:
        time = read_time(text)
        aware = time if time.tzinfo else time.replace(tzinfo=zone)
        return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)

    return read


def check_format(date_format: str) -> None:
    """Raise ValueError unless the format has a whole date and nothing that differs from place to place."""
    if date_format in {UNIX, UNIX_MILLISECONDS}:
        return
    directives = set(re.findall(r"%(.)", date_format))
    sample = dt.datetime(2013, 11, 25, 17, 5, 9, tzinfo=dt.UTC)
    if not directives <= _DIRECTIVES:
        raise ValueError("a directive other than " + " ".join(sorted(_DIRECTIVES)))
    if dt.datetime.strptime(sample.strftime(date_format), date_format).date() != sample.date():  # noqa: DTZ007
        raise ValueError("not a whole date")


def read_truth(text: str) -> bool:
    """Read true/false, yes/no, y/n, t/f, 1/0 in any case."""
    word = text.lower()
    if word not in _TRUE and word not in _FALSE:
        raise RefusedError(Reason.NOT_A_TRUTH_VALUE)
    return word in _TRUE


def term_reader(terms: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Make a reader of the terms of a list, by their exact codes."""
    members = {term.value: term for term in terms}

    def read(text: str) -> StrEnum:
        found = members.get(text)
        if found is None:
            raise RefusedError(Reason.NOT_IN_TABLE)
        return found

    return read


def text_reader(prefix: str) -> Callable[[str], str]:
    """Make a reader that puts a prefix before the text."""
    return lambda text: prefix + text


def _unix_reader(divisor: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        return int(_EXACT.divide_int(read_number(text), Decimal(divisor)))

    return read


def _time_reader(time_format: str | None) -> Callable[[str], dt.datetime]:
    def parse(text: str) -> dt.datetime | None:
        if len(text) > MAX_DATE_TEXT:
            return None
        try:
            if time_format is None:
                return dt.datetime.fromisoformat(text)
            return dt.datetime.strptime(text, time_format)  # noqa: DTZ007  the callers know the zone
        except (ValueError, OverflowError):
            return None

    def read(text: str) -> dt.datetime:
        found = parse(text)
        if found is None:
            raise RefusedError(Reason.NOT_A_DATE)
        return found

    return read
