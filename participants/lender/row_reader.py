"""
From raw rows to raw records: a mapping bound to the columns of a source; the second step of a load.

Every row gives one record or one reason why not; the identifier is in canonical form, nothing is tokenised yet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import TypeAlias, get_type_hints

from consortium.errors import Code, CreditError
from consortium.model.credit_file import Characteristics, Freeze, Inquiry, Piece, Tradeline
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier
from participants.lender.expressions import (
    Cells,
    Columns,
    FieldKind,
    FieldReader,
    FullExpression,
    Target,
    compile_conditions,
    compile_expression,
)
from participants.lender.mapping import Block, IdentifierTable, ListFile, MappingFile
from participants.lender.normalise import normalise
from participants.lender.records import RawRecord, RawRow, Reason
from participants.lender.values import RefusedError, Value

PieceReader: TypeAlias = Callable[[Cells], Piece | None]

_DAYS = frozenset({"opened", "reported", "closed", "first_delinquency", "payment_due"})
_IDENTIFIERS = {
    IdentifierKind.NATIONAL_ID: "national_id",
    IdentifierKind.PHONE: "phone",
    IdentifierKind.EMAIL: "email",
}


class RowReader:
    """
    Reads the rows of one source.

    Raises CreditError(MAPPING_INVALID) where an expression does not suit its field, or names a column that is not
    one of the source's.
    """

    def __init__(self, mapping: MappingFile, columns: Sequence[str]) -> None:
        index = {name: place for place, name in enumerate(columns)}
        bound = Columns(index, frozenset(mapping.source.missing), mapping.source.zone)
        self._identifiers = IdentifierReader(mapping.identifiers, bound)
        self._pieces = [
            *(_piece(block, Tradeline, f"tradeline.{i}", bound) for i, block in enumerate(mapping.tradeline)),
            *(_piece(block, Inquiry, f"inquiry.{i}", bound) for i, block in enumerate(mapping.inquiry)),
        ]
        if mapping.characteristics is not None:
            self._pieces.append(_characteristics(mapping.characteristics, bound))
        if mapping.freeze is not None:
            self._pieces.append(_piece(mapping.freeze, Freeze, "freeze", bound))

    def read(self, row: RawRow) -> RawRecord:
        """Read a row; raises RefusedError. A row for which no condition holds gives a record without pieces."""
        if row.broken is not None:
            raise RefusedError(row.broken)
        identifier = self._identifiers.read(row.cells)
        found = (read(row.cells) for read in self._pieces)
        return RawRecord(identifier, tuple(piece for piece in found if piece is not None))


class ListRowReader:
    """
    Reads the rows of a list of people: each one's name in the output, and whom it is about; raises as `RowReader`.

    Names are told apart by nobody: two rows may have the same.
    """

    def __init__(self, mapping: ListFile, columns: Sequence[str]) -> None:
        index = {name: place for place, name in enumerate(columns)}
        bound = Columns(index, frozenset(mapping.source.missing), mapping.source.zone)
        self._identifiers = IdentifierReader(mapping.identifiers, bound)
        name = mapping.row.id
        self._column = (name.column if name else None) or "row.id"
        self._name = compiled(name, Target("row.id", FieldKind.TEXT), bound) if name else None

    def read(self, row: RawRow) -> tuple[str, NormalisedIdentifier]:
        """Read a row; raises RefusedError."""
        if row.broken is not None:
            raise RefusedError(row.broken)
        name = self._name(row.cells) if self._name else str(row.number)
        if name is None:
            raise RefusedError(Reason.MISSING, self._column)
        if "\0" in str(name):
            raise RefusedError(Reason.NOT_ALLOWED, self._column)
        return str(name), self._identifiers.read(row.cells)


class IdentifierReader:
    """Finds the strongest identifier of a row and brings it into canonical form."""

    def __init__(self, table: IdentifierTable, columns: Columns) -> None:
        self._country = compiled(table.country, Target("identifiers.country", FieldKind.TEXT), columns)
        self._country_column = table.country.column or "identifiers.country"
        self._readers: list[tuple[IdentifierKind, str, FieldReader]] = []
        for kind, name in _IDENTIFIERS.items():
            expression: FullExpression | None = getattr(table, name)
            if expression is not None:
                read = compiled(expression, Target(f"identifiers.{name}", FieldKind.TEXT), columns)
                self._readers.append((kind, expression.column or name, read))

    def read(self, cells: Cells) -> NormalisedIdentifier:
        """Give it; raises RefusedError."""
        for kind, column, read in self._readers:
            text = read(cells)
            if text is not None:
                return self._normalise(kind, str(text), column, cells)
        raise RefusedError(Reason.NO_IDENTIFIER, ", ".join(column for _, column, _ in self._readers))

    def _normalise(self, kind: IdentifierKind, text: str, column: str, cells: Cells) -> NormalisedIdentifier:
        country = self._country(cells)
        if country is None:
            raise RefusedError(Reason.MISSING, self._country_column)
        try:
            return normalise(RawIdentifier(kind, text, str(country)))
        except CreditError as error:
            reason = Reason(error.code)
        raise RefusedError(reason, column)


@dataclass(frozen=True, slots=True)
class _FieldOfRow:
    """A field of a piece: its name, the column to blame, whether a value is needed, how it is read."""

    name: str
    column: str
    required: bool
    read: FieldReader


def _piece(block: Block, kind: type[Tradeline | Inquiry | Freeze], path: str, columns: Columns) -> PieceReader:
    targets = _targets(kind, path)
    if missing := [name for name, target in targets.items() if target.required and name not in block.fields]:
        raise CreditError(Code.MAPPING_INVALID, f"{path}.{missing[0]}: the field is needed")
    rows = _fields(block, targets, path, columns)
    holds = _conditions(block, path, columns)
    blame = {row.name: row.column for row in rows}

    def read(cells: Cells) -> Piece | None:
        if holds is not None and not holds(cells):
            return None
        values = _values(rows, cells)
        try:
            return kind(**values)  # type: ignore[arg-type]  # each value was read as what its field is
        except CreditError as error:
            cause = error.cause
        raise _refused_piece(cause, blame)

    return read


def _characteristics(block: Block, columns: Columns) -> PieceReader:
    path = "characteristics"
    rows = _fields(block, {n: Target(f"{path}.{n}", FieldKind.NUMBER) for n in block.fields}, path, columns)
    holds = _conditions(block, path, columns)
    blame = {row.name: row.column for row in rows}

    def read(cells: Cells) -> Piece | None:
        if holds is not None and not holds(cells):
            return None
        values = {name: int(value) for name, value in _values(rows, cells).items() if isinstance(value, int)}
        for name, value in values.items():
            try:
                Characteristics(((name, value),))
            except CreditError:
                raise RefusedError(Reason.NOT_ALLOWED, blame[name]) from None
        return Characteristics.of(values) if values else None

    return read


def _values(rows: list[_FieldOfRow], cells: Cells) -> dict[str, Value]:
    values = {}
    for row in rows:
        value = row.read(cells)
        if value is not None:
            values[row.name] = value
        elif row.required:
            raise RefusedError(Reason.MISSING, row.column)
    return values


def _refused_piece(cause: str, blame: Mapping[str, str]) -> RefusedError:
    """Find the column to blame; a cause of the model begins with its field's name."""
    reason = Reason.OUT_OF_ORDER if "before" in cause else Reason.NOT_ALLOWED
    words = cause.split()
    field = next((word for word in words if word in blame), words[0] if words else "")
    return RefusedError(reason, blame.get(field, field))


def _fields(block: Block, targets: Mapping[str, Target], path: str, columns: Columns) -> list[_FieldOfRow]:
    rows = []
    for name, expression in block.fields.items():
        target = targets.get(name)
        if target is None:
            raise CreditError(Code.MAPPING_INVALID, f"{path}.{name}: no such field")
        column = expression.column or ", ".join(expression.columns or ()) or target.path
        rows.append(_FieldOfRow(name, column, target.required, compiled(expression, target, columns)))
    return rows


def compiled(expression: FullExpression, target: Target, columns: Columns) -> FieldReader:
    """Compile an expression whose columns the source must have; raises CreditError(MAPPING_INVALID)."""
    _check_columns(expression.named, target.path, columns)
    try:
        return compile_expression(expression, target, columns)
    except ValueError as error:
        raise CreditError(Code.MAPPING_INVALID, f"{target.path}: {error}") from None


def _conditions(block: Block, path: str, columns: Columns) -> Callable[[Cells], bool] | None:
    _check_columns([condition.column for condition in block.when], f"{path}.when", columns)
    return compile_conditions(block.when, columns)


def _check_columns(names: Iterable[str], path: str, columns: Columns) -> None:
    for name in names:
        if name not in columns.index:
            raise CreditError(Code.MAPPING_INVALID, f"{path}: the source has no column '{name}'")


def _targets(kind: type[Tradeline | Inquiry | Freeze], path: str) -> dict[str, Target]:
    hints = get_type_hints(kind)
    return {
        field.name: _target(f"{path}.{field.name}", field.name, hints[field.name], required=field.default is MISSING)
        for field in fields(kind)
    }


def _target(path: str, name: str, hint: object, *, required: bool) -> Target:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Target(path, FieldKind.TERM, required, hint)
    if name in _DAYS:
        return Target(path, FieldKind.DAY, required)
    kinds = {str: FieldKind.TEXT, bool: FieldKind.TRUTH, int: FieldKind.NUMBER, tuple[int, ...]: FieldKind.HISTORY}
    return Target(path, FieldKind.TIME if name == "time" else kinds[hint], required)  # type: ignore[index]  # the field types of the three pieces
