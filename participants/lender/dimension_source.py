"""
Region tier and age band from a source of the lender's own, for statistics alone; a load of its own beside the book's.

Bands and tiers are made by the mapping (`bands`, `map`), so that no date of birth and no address is kept anywhere.
"""

import re
from collections.abc import Iterator

from consortium.errors import Code, CreditError
from consortium.model.identifiers import NormalisedIdentifier, SubjectTag
from consortium.rules.statistic_cells import Surroundings
from participants.lender.connectors import Source
from participants.lender.expressions import Cells, Columns, FieldKind, FieldReader, FullExpression, Target
from participants.lender.loading import KnownTokens
from participants.lender.mapping import DimensionsFile
from participants.lender.records import RawRow, Reason
from participants.lender.row_reader import IdentifierReader, compiled
from participants.lender.tokens import Tokenises
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED, ValidationReport
from participants.lender.values import RefusedError

UNKNOWN = "unknown"
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+<=-]{0,63}")


class DimensionLoad:
    """One reading of one source; `report` says what became of the rows, also after an error."""

    def __init__(
        self, mapping: DimensionsFile, source: Source, maximum_refused: float = DEFAULT_MAXIMUM_REFUSED
    ) -> None:
        self.source = source
        self.report = ValidationReport(source.name)
        self._mapping = mapping
        self._maximum_refused = maximum_refused

    def rows(self, tokens: Tokenises) -> Iterator[tuple[SubjectTag, Surroundings]]:
        """
        Give tag and surroundings of each good row; of several rows of one person the last one counts.

        Raises CreditError: SOURCE_UNREADABLE, SOURCE_LOST, MAPPING_INVALID, ROWS_REFUSED, TOO_FEW_HOLDERS.
        """
        known = KnownTokens(tokens)
        with self.source.open() as table:
            reader = _DimensionReader(self._mapping, table.columns)
            for batch in table.batches:
                records = [record for row in batch if (record := self._read(reader, row)) is not None]
                found = known.find({identifier for identifier, _ in records})
                yield from ((found[identifier].tag, around) for identifier, around in records)
        self.report.check_share(self._maximum_refused)

    def _read(self, reader: "_DimensionReader", row: RawRow) -> tuple[NormalisedIdentifier, Surroundings] | None:
        try:
            record = reader.read(row)
        except RefusedError as refused:
            self.report.refuse(row, refused)
            return None
        self.report.accept(empty=False)
        return record


class _DimensionReader:
    """Reads the rows of one source by its mapping."""

    def __init__(self, mapping: DimensionsFile, columns: tuple[str, ...] | list[str]) -> None:
        index = {name: place for place, name in enumerate(columns)}
        bound = Columns(index, frozenset(mapping.source.missing), mapping.source.zone)
        table = mapping.dimensions
        self._identifiers = IdentifierReader(mapping.identifiers, bound)
        self._region = _field(table.region_tier, "region_tier", bound)
        self._age = _field(table.age_band, "age_band", bound)

    def read(self, row: RawRow) -> tuple[NormalisedIdentifier, Surroundings]:
        """Read a row; raises RefusedError."""
        if row.broken is not None:
            raise RefusedError(row.broken)
        identifier = self._identifiers.read(row.cells)
        return identifier, Surroundings(_value(self._region, row.cells), _value(self._age, row.cells))


def _field(expression: FullExpression | None, name: str, columns: Columns) -> tuple[str, FieldReader] | None:
    if expression is None:
        return None
    return expression.column or name, compiled(expression, Target(f"dimensions.{name}", FieldKind.TEXT), columns)


def _value(field: tuple[str, FieldReader] | None, cells: Cells) -> str:
    if field is None:
        return UNKNOWN
    column, read = field
    found = read(cells)
    if found is None:
        return UNKNOWN
    if not _VALUE.fullmatch(str(found)):
        raise RefusedError(Reason.NOT_ALLOWED, column)
    return str(found)


def check_bands(
    rows: Iterator[tuple[SubjectTag, Surroundings]], most: int
) -> Iterator[tuple[SubjectTag, Surroundings]]:
    """
    Pass rows on, and raise CreditError(MAPPING_INVALID) once either dimension has more than `most` values.

    So many are no bands: a mapping that passes dates or postcodes through would keep what nobody needs.
    """
    regions, ages = set[str](), set[str]()
    for tag, around in rows:
        regions.add(around.region_tier)
        ages.add(around.age_band)
        if max(len(regions), len(ages)) > most:
            raise CreditError(Code.MAPPING_INVALID, f"dimensions: more than {most} values; use `bands` or `map`")
        yield tag, around
