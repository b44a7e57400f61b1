"""
How one field is read from a row: the expressions of a mapping file and what they compile to.

An expression names a column and a few fixed steps, in this order: `when` decides whether there is a value at all; an
empty cell (or a text of `missing`) gives `default`, or no value; a text that `map` lists gives the value beside it;
any other gives `otherwise` where that is set; a number gives the value of its band where `bands` are set; everything
else is read as what the field is: a text after `prefix`, a number times `scale`, rounded where `round` allows it and
brought within `minimum` and `maximum`, a date in `format`.
What `constant`, `default`, `map`, `bands` and `otherwise` give is the field's own value. Nothing is ever executed.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from participants.lender.records import Cell, Reason
from participants.lender.values import (
    RefusedError,
    TextReader,
    Value,
    check_format,
    day_reader,
    integer_reader,
    read_number,
    read_truth,
    term_reader,
    text_reader,
    time_reader,
)

Cells: TypeAlias = tuple[Cell, ...]
FieldReader: TypeAlias = Callable[[Cells], Value | None]
"""Gives the field's value for a row, None where it has none; raises RefusedError."""


class FieldKind(Enum):
    """What a field is."""

    TEXT = "a text"
    NUMBER = "a number"
    DAY = "a date"
    TIME = "a time"
    TRUTH = "a truth value"
    TERM = "a term"
    HISTORY = "a list of numbers"


@dataclass(frozen=True, slots=True)
class Target:
    """A field that an expression fills; `terms` are those of a TERM."""

    path: str
    kind: FieldKind
    required: bool = False
    terms: type[StrEnum] | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column of a source is, what its empty cells look like, and the zone of times that name none."""

    index: Mapping[str, int]
    missing: frozenset[str]
    zone: dt.timezone

    def reader(self, name: str, missing: tuple[str, ...] = ()) -> Callable[[Cells], str | None]:
        """Give a reader of a column's text without outer spaces, None for an empty cell; KeyError for no such."""
        place, empty = self.index[name], self.missing.union(missing, {""})

        def read(cells: Cells) -> str | None:
            text = cells[place]
            if text is None:
                return None
            text = text.strip()
            return None if text in empty else text

        return read


def _given(value: object) -> object:
    """Take a TOML value as the text that it stands for."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case dt.date() | dt.datetime():
            return value.isoformat()
        case _:
            return value


def _column_alone(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


Given = Annotated[str, BeforeValidator(_given)]


class Table(BaseModel):
    """A table of a mapping file: no key but the known ones, and no content in any error or repr."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Condition(Table):
    """One test of one column."""

    column: str
    among: tuple[Given, ...] | None = Field(default=None, alias="in")
    not_among: tuple[Given, ...] | None = Field(default=None, alias="not_in")
    present: bool | None = None
    above: Decimal | None = None
    below: Decimal | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        tests = (self.among, self.not_among, self.present, self.above, self.below)
        if sum(test is not None for test in tests) != 1:
            raise ValueError("needs one of in, not_in, present, above, below")
        return self


Conditions = Annotated[tuple[Condition, ...], BeforeValidator(_one_or_more)]


class FullExpression(Table):
    """One field's expression; see the module."""

    column: str | None = None
    columns: tuple[str, ...] | None = None
    constant: Given | None = None
    missing: tuple[Given, ...] = ()
    default: Given | None = None
    map: dict[str, Given] = Field(default_factory=dict)
    otherwise: Given | None = None
    bands: dict[Decimal, Given] = Field(default_factory=dict)
    prefix: str = ""
    format: str | None = None
    scale: Decimal | None = Field(default=None, gt=0, max_digits=24)
    round: bool = False
    minimum: int | None = None
    maximum: int | None = None
    when: Conditions = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that it reads, those of its conditions among them."""
        own = (self.column,) if self.column is not None else self.columns or ()
        return *own, *(condition.column for condition in self.when)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.column, self.columns, self.constant)) != 1:
            raise ValueError("needs one of column, constant, or columns for a list")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        if self.format is not None:
            check_format(self.format)
        return self


Expression = Annotated[FullExpression, BeforeValidator(_column_alone)]
_PLAIN = FullExpression(constant="")

_OPTIONS = {
    FieldKind.TEXT: {"prefix"},
    FieldKind.NUMBER: {"scale", "round", "minimum", "maximum"},
    FieldKind.HISTORY: {"scale", "round", "minimum", "maximum"},
    FieldKind.DAY: {"format"},
    FieldKind.TIME: {"format"},
    FieldKind.TRUTH: set[str](),
    FieldKind.TERM: set[str](),
}


def compile_conditions(conditions: tuple[Condition, ...], columns: Columns) -> Callable[[Cells], bool] | None:
    """Compile conditions that must all hold; None where there are none."""
    tests = [_test(condition, columns) for condition in conditions]
    if len(tests) <= 1:
        return tests[0] if tests else None
    return lambda cells: all(test(cells) for test in tests)


def compile_expression(expression: FullExpression, target: Target, columns: Columns) -> FieldReader:
    """
    Compile an expression for a field.

    Raises ValueError, with a text that says what to correct, where the expression does not suit the field.
    """
    _check_options(expression, target)
    holds = compile_conditions(expression.when, columns)
    default = _own_value(expression.default, target, columns)
    read = _origin(expression, target, columns, default)
    if holds is None:
        return read
    return lambda cells: read(cells) if holds(cells) else default


def _origin(expression: FullExpression, target: Target, columns: Columns, default: Value | None) -> FieldReader:
    if expression.constant is not None:
        constant = _own_value(expression.constant, target, columns)
        return lambda _cells: constant
    if expression.columns is not None:
        months = [_cell_reader(expression, name, target, columns, default) for name in expression.columns]
        return lambda cells: _until_none(months, cells)
    return _cell_reader(expression, expression.column or "", target, columns, default)


def _cell_reader(
    expression: FullExpression, name: str, target: Target, columns: Columns, default: Value | None
) -> FieldReader:
    text_of = columns.reader(name, expression.missing)
    table = {text: _own_value(given, target, columns) for text, given in expression.map.items()}
    otherwise = _own_value(expression.otherwise, target, columns)
    parse = _band_reader(expression.bands, target, columns) or _text_reader(expression, target, columns)

    def read(cells: Cells) -> Value | None:
        text = text_of(cells)
        if text is None:
            return default
        if text in table:
            return table[text]
        if otherwise is not None:
            return otherwise
        try:
            return parse(text)
        except RefusedError as refused:
            refused.column = name
            raise

    return read


def _band_reader(bands: Mapping[Decimal, str], target: Target, columns: Columns) -> TextReader | None:
    """Make a reader of numbers that gives the value of the highest band that begins at or below the number."""
    if not bands:
        return None
    starts = sorted(bands)
    values = [_own_value(bands[start], target, columns) for start in starts]

    def read(text: str) -> Value:
        place = bisect_right(starts, read_number(text))
        value = values[place - 1] if place else None
        if value is None:
            raise RefusedError(Reason.NOT_IN_TABLE)
        return value

    return read


def _until_none(readers: list[FieldReader], cells: Cells) -> tuple[int, ...]:
    """Read a history: it ends at the first month that has no value."""
    found = []
    for read in readers:
        value = read(cells)
        if not isinstance(value, int):
            break
        found.append(value)
    return tuple(found)


def _text_reader(expression: FullExpression, target: Target, columns: Columns) -> TextReader:
    match target.kind:
        case FieldKind.TEXT:
            return text_reader(expression.prefix)
        case FieldKind.DAY:
            return day_reader(expression.format)
        case FieldKind.TIME:
            return time_reader(expression.format, columns.zone)
        case FieldKind.TRUTH:
            return read_truth
        case FieldKind.TERM if target.terms is not None:
            return term_reader(target.terms)
        case _:
            scale = expression.scale or Decimal(1)
            return integer_reader(scale, expression.minimum, expression.maximum, may_round=expression.round)


def _own_value(given: str | None, target: Target, columns: Columns) -> Value | None:
    """Read a value that the mapping file itself gives."""
    if given is None:
        return None
    refusal = None
    try:
        return _text_reader(_PLAIN, target, columns)(given)
    except RefusedError as refused:
        refusal = refused.reason
    raise ValueError(f"a given value is not {target.kind.value} of the field ({refusal})")


def _check_options(expression: FullExpression, target: Target) -> None:
    several = target.kind is FieldKind.HISTORY
    if (expression.columns is not None) is not several:
        raise ValueError("a list of months is read from columns, every other field from column or constant")
    general = {"column", "columns", "constant", "missing", "default", "map", "otherwise", "bands", "when"}
    unsuited = expression.model_fields_set - general - _OPTIONS[target.kind]
    if unsuited:
        raise ValueError(f"{', '.join(sorted(unsuited))} is not for {target.kind.value}")
    if expression.bands and expression.model_fields_set & _OPTIONS[target.kind]:
        raise ValueError("bands give the value itself: no " + ", ".join(sorted(_OPTIONS[target.kind])))
    if expression.constant is not None and expression.model_fields_set - {"constant", "when", "default"}:
        raise ValueError("a constant takes no other key but when and default")
    if expression.format in {"unix", "unix-ms"} and target.kind is not FieldKind.TIME:
        raise ValueError("unix times are for times, not for dates")


def _test(condition: Condition, columns: Columns) -> Callable[[Cells], bool]:
    text_of = columns.reader(condition.column)
    if condition.present is not None:
        return lambda cells: (text_of(cells) is not None) is condition.present
    if condition.among is not None:
        among = frozenset(condition.among)
        return lambda cells: text_of(cells) in among
    if condition.not_among is not None:
        not_among = frozenset(condition.not_among)
        return lambda cells: text_of(cells) not in not_among
    return _comparison(condition, text_of)


def _comparison(condition: Condition, text_of: Callable[[Cells], str | None]) -> Callable[[Cells], bool]:
    def holds(cells: Cells) -> bool:
        text = text_of(cells)
        if text is None:
            return False
        try:
            number = read_number(text)
        except RefusedError as refused:
            refused.column = condition.column
            raise
        return number > condition.above if condition.above is not None else number < (condition.below or 0)

    return holds
