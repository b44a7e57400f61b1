"""
The mapping file (TOML) of one source: where it is, who its rows are about and how they become pieces of credit files.

`docs/books.md` is its reference. Reading one checks everything that can be checked without the source; `RowReader`
does the rest once the columns are known.
"""

import codecs
import datetime as dt
import os
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from consortium.errors import Code, CreditError
from consortium.model.credit_file import check_characteristic_id
from participants.lender.connectors import (
    CsvSource,
    ParquetSource,
    Source,
    SqlSource,
    query_of_table,
    query_of_text,
)
from participants.lender.expressions import Conditions, Expression, FullExpression, Given, Table

MAX_MAPPING_BYTES = 2**20
_OFFSET = r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]$"


class SourceTable(Table):
    """Where the rows are."""

    kind: Literal["csv", "parquet", "sql"]
    path: str | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    url: str | None = None
    url_env: str | None = None
    query: str | None = None
    table: str | None = None
    missing: tuple[Given, ...] = ()
    utc_offset: str = Field(default="+00:00", pattern=_OFFSET)

    @property
    def zone(self) -> dt.timezone:
        """The zone of times that name none."""
        sign = -1 if self.utc_offset[0] == "-" else 1
        return dt.timezone(sign * dt.timedelta(hours=int(self.utc_offset[1:3]), minutes=int(self.utc_offset[4:])))

    @model_validator(mode="after")
    def _suits_kind(self) -> Self:
        own = {"csv": {"path", "encoding", "delimiter"}, "parquet": {"path"}}
        known = own.get(self.kind, {"url", "url_env", "query", "table"}) | {"kind", "missing", "utc_offset"}
        if unsuited := self.model_fields_set - known:
            raise ValueError(f"{', '.join(sorted(unsuited))} is not for {self.kind}")
        if self.kind != "sql":
            _check_text_format(self.encoding, self.delimiter)
        elif (self.url is None) is (self.url_env is None) or (self.query is None) is (self.table is None):
            raise ValueError("sql needs one of url and url_env, and one of query and table")
        return self


class IdentifierTable(Table):
    """Which columns identify the person; the strongest that a row has counts."""

    country: Expression
    national_id: Expression | None = None
    phone: Expression | None = None
    email: Expression | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.national_id is None and self.phone is None and self.email is None:
            raise ValueError("needs one of national_id, phone, email")
        return self


class DimensionTable(Table):
    """What a row says of a person for statistics alone; it goes into no credit file."""

    region_tier: Expression | None = None
    age_band: Expression | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.region_tier is None and self.age_band is None:
            raise ValueError("needs one of region_tier, age_band")
        return self


class Block(Table):
    """One piece made of a row, where its conditions hold: an expression for each field."""

    when: Conditions = ()
    fields: dict[str, Expression]

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        fields = {name: item for name, item in value.items() if name != "when"}
        return {"fields": fields, **({"when": value["when"]} if "when" in value else {})}


class MappingFile(Table):
    """The whole file."""

    source: SourceTable
    identifiers: IdentifierTable
    tradeline: tuple[Block, ...] = ()
    inquiry: tuple[Block, ...] = ()
    characteristics: Block | None = None
    freeze: Block | None = None

    @model_validator(mode="after")
    def _brings_something(self) -> Self:
        if not (self.tradeline or self.inquiry or self.characteristics or self.freeze):
            raise ValueError("needs one of tradeline, inquiry, characteristics, freeze")
        for name, expression in (self.characteristics.fields if self.characteristics else {}).items():
            _check_not_protected(name, expression)
        return self


class DimensionsFile(Table):
    """A mapping of its own for what statistics alone know of people: nothing of it can get into a book."""

    source: SourceTable
    identifiers: IdentifierTable
    dimensions: DimensionTable


class RowTable(Table):
    """What names a row of a list in the output; without `id` its number does."""

    id: Expression | None = None


class ListFile(Table):
    """
    The mapping of a list of people: where its rows are and who they are about.

    A book's own mapping file serves as well: what its rows bring is left out.
    """

    source: SourceTable
    identifiers: IdentifierTable
    row: RowTable = RowTable()
    tradeline: tuple[Block, ...] = ()
    inquiry: tuple[Block, ...] = ()
    characteristics: Block | None = None
    freeze: Block | None = None


FileT = TypeVar("FileT", MappingFile, DimensionsFile, ListFile)


@dataclass(frozen=True, slots=True)
class SourceMapping(Generic[FileT]):
    """A mapping file that is valid, and the folder that its paths are relative to."""

    file: FileT
    folder: Path

    def source(self, path: Path | None = None) -> Source:
        """
        Open nothing yet, but find the source; `path` takes the place of the mapping's own.

        Raises CreditError(SOURCE_UNREADABLE), or (MAPPING_INVALID) where there is no path at all, or one for SQL.
        """
        table = self.file.source
        if table.kind == "sql":
            return self._database(path)
        found = path or (self.folder / table.path if table.path is not None else None)
        if found is None:
            raise _invalid("source.path: no path here nor on the command line")
        return ParquetSource(found) if table.kind == "parquet" else CsvSource(found, table.encoding, table.delimiter)

    def _database(self, path: Path | None) -> Source:
        table = self.file.source
        if path is not None:
            raise _invalid("source.kind: a path is given on the command line, but the source is a database")
        url = os.environ.get(table.url_env) if table.url_env is not None else table.url
        if not url:
            raise _invalid("source.url_env: the environment has no such variable")
        query = query_of_text(table.query) if table.query is not None else query_of_table(table.table or "")
        return SqlSource(url, query, self.folder)


def load_mapping(path: Path) -> SourceMapping[MappingFile]:
    """Read a mapping file; raises CreditError(MAPPING_INVALID), naming the key, or (SOURCE_UNREADABLE)."""
    return parse_mapping(_read(path), path.parent)


def load_dimensions_mapping(path: Path) -> SourceMapping[DimensionsFile]:
    """Read a mapping for statistics; raises as `load_mapping`."""
    return _parsed(DimensionsFile, _read(path), path.parent)


def load_list_mapping(path: Path) -> SourceMapping[ListFile]:
    """Read the mapping file of a list; raises as `load_mapping`."""
    return _parsed(ListFile, _read(path), path.parent)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MAPPING_BYTES + 1)
    except (OSError, ValueError):
        raise CreditError(Code.SOURCE_UNREADABLE, "the mapping file") from None


def parse_mapping(data: bytes, folder: Path) -> SourceMapping[MappingFile]:
    """Parse the bytes of a mapping file; raises CreditError(MAPPING_INVALID), naming the key."""
    return _parsed(MappingFile, data, folder)


def _parsed(form: type[FileT], data: bytes, folder: Path) -> SourceMapping[FileT]:
    if len(data) > MAX_MAPPING_BYTES:
        raise _invalid("the file is longer than one mebibyte")
    problem = "not TOML in UTF-8"
    try:
        return SourceMapping(form.model_validate(tomllib.loads(data.decode(), parse_float=Decimal)), folder)
    except ValidationError as error:
        problem = _first_problem(error)
    except tomllib.TOMLDecodeError as error:
        problem = f"not TOML: {_place_of(error)}"
    except (ValueError, ArithmeticError, RecursionError):
        pass
    raise _invalid(problem)  # out here, so that it does not refer to an exception with a password in it


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.MAPPING_INVALID, cause)


def _check_text_format(encoding: str, delimiter: str) -> None:
    """Refuse encodings in which a line feed is not one byte of its own."""
    try:
        plain = codecs.lookup(encoding)._is_text_encoding and "\n,".encode(encoding) == b"\n,"  # noqa: SLF001  as bytes.decode does
    except (LookupError, UnicodeError):
        plain = False
    if not plain:
        raise ValueError("encoding is unknown, or not one that keeps ASCII as it is")
    if delimiter in '"\r\n ':
        raise ValueError("delimiter cannot be a quote, a space or a line end")


def _check_not_protected(name: str, expression: FullExpression) -> None:
    """Refuse a characteristic that is a protected attribute, or is read from a column with the name of one."""
    columns = (re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_") for column in expression.named)
    for identifier in (name, *(column for column in columns if column[:1].isalpha())):
        try:
            check_characteristic_id(identifier[:64] if identifier != name else name)
        except CreditError as error:
            raise ValueError(f"{name}: {error.cause}") from None


def _first_problem(error: ValidationError) -> str:
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"] if part not in {"fields", "function-before"})
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _place_of(error: tomllib.TOMLDecodeError) -> str:
    found = re.search(r"line \d+, column \d+", str(error))
    return found[0] if found else "it ends early"
