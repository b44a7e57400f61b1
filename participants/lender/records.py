"""
The lender's raw records: rows as a source gives them, and what a mapping makes of them; the first step of a load.

Everything here holds people's data in clear. It stays on the lender's side of the book: neither the wire types nor
the gateway client ever import this module, even indirectly.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from consortium.model.credit_file import Piece
from consortium.model.identifiers import NormalisedIdentifier
from consortium.silent import Silent

Cell: TypeAlias = str | None
"""A value of a source as text, None where there is none; numbers and dates in their ISO forms."""


class Reason(StrEnum):
    """Why a row was refused; stable names, explained in `REASON_TEXTS`."""

    BROKEN_ROW = "BROKEN_ROW"
    NOT_TEXT = "NOT_TEXT"
    ROW_TOO_LONG = "ROW_TOO_LONG"
    MISSING = "MISSING"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_WHOLE = "NOT_WHOLE"
    NOT_A_DATE = "NOT_A_DATE"
    NOT_A_TRUTH_VALUE = "NOT_A_TRUTH_VALUE"
    NOT_IN_TABLE = "NOT_IN_TABLE"
    NOT_ALLOWED = "NOT_ALLOWED"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    NO_IDENTIFIER = "NO_IDENTIFIER"
    IDENTIFIER_MALFORMED = "IDENTIFIER_MALFORMED"
    IDENTIFIER_CHECKSUM = "IDENTIFIER_CHECKSUM"
    IDENTIFIER_UNSUPPORTED = "IDENTIFIER_UNSUPPORTED"


REASON_TEXTS: dict[Reason, str] = {
    Reason.BROKEN_ROW: "the row has not the header's number of columns, or a quote is not closed",
    Reason.NOT_TEXT: "the row is not text in the encoding of the source",
    Reason.ROW_TOO_LONG: "the row is longer than one mebibyte",
    Reason.MISSING: "a value is needed",
    Reason.NOT_A_NUMBER: "not a number",
    Reason.NOT_WHOLE: "not a whole number of the target's units; see scale and round",
    Reason.NOT_A_DATE: "not a date or time of the format",
    Reason.NOT_A_TRUTH_VALUE: "neither true nor false",
    Reason.NOT_IN_TABLE: "not one of the values that the mapping or the target knows",
    Reason.NOT_ALLOWED: "out of the target's range or form",
    Reason.OUT_OF_ORDER: "lies before the day of opening",
    Reason.NO_IDENTIFIER: "no identifier in the row",
    Reason.IDENTIFIER_MALFORMED: "the identifier has not the form of its kind",
    Reason.IDENTIFIER_CHECKSUM: "the identifier fails its check digit",
    Reason.IDENTIFIER_UNSUPPORTED: "a kind of identifier or a country that is not supported",
}


@dataclass(frozen=True, slots=True, repr=False)
class RawRow(Silent):
    """
    One row of a source, by column.

    `number` counts the rows from 1, a header not among them; `line` is where the row begins in a text file, from 1.
    `broken` says why the row could not be read; its cells are then whatever was found.
    """

    number: int
    cells: tuple[Cell, ...]
    line: int | None = None
    broken: Reason | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RawRecord(Silent):
    """What one valid row says: about whom, by the strongest identifier of the row, and the pieces."""

    identifier: NormalisedIdentifier
    pieces: tuple[Piece, ...]
