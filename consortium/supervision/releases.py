"""
A released statistic: the document that its requester signs, with what the numbers are worth, and the table beside it.

The document goes into the log; the table has its digest there. Decimal numbers are texts, since signed documents hold
no floating point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Annotated

from pydantic import Field

from consortium.canonical import CanonicalValue, canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.document import Document, Id, Key32, Line
from consortium.model.rulebook import Role
from consortium.model.statistic_policy import Measure, PrivacyUnit, TemplateId

DIGITS = 6
ASKERS = frozenset({Role.LENDER, Role.REGULATOR, Role.OBSERVER})
Moment = Annotated[int, Field(ge=0)]
Decimal = Annotated[str, Field(max_length=40, pattern=r"^[0-9]+(\.[0-9]+)?$")]


class StatisticRelease(Document):
    """
    What was released: `answer` is the entry of the statistic's answer, `cells` the digest of the table.

    `rho` in millionths; `epsilon` at `delta` for one unit of privacy; `sigma` is the noise that holds against c
    colluding contributors and the requester, `standard_error` that of each cell with everybody's share in it.
    """

    consortium: Id
    member: Id
    answer: Annotated[int, Field(ge=0)]
    template: TemplateId
    template_digest: Key32
    title: Line
    measure: Measure
    unit: PrivacyUnit
    rulebook: Key32
    as_of: Moment
    contributors: tuple[Id, ...] = Field(min_length=1, max_length=1024)
    rho: int = Field(ge=1)
    epsilon: Decimal
    delta: Annotated[str, Field(pattern=r"^1e-[0-9]{1,2}$")]
    sigma: Decimal
    standard_error: Decimal
    count: int = Field(ge=1)
    cells: Key32
    transcript: Key32
    released_at: Moment


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """The names of the axes, and each cell's values of them with its number."""

    axes: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], int], ...]

    def to_value(self) -> dict[str, CanonicalValue]:
        """Give the table as JSON holds it."""
        return {"axes": [*self.axes], "rows": [[*names, number] for names, number in self.rows]}

    @property
    def digest(self) -> bytes:
        """What the document names it by, 32 bytes."""
        return transcript_hash(Label.STATISTIC_CELLS, canonical_json(self.to_value()))


def release_to_bytes(signed: bytes, table: ReleasedTable) -> bytes:
    """Give a release with its table as one canonical JSON file."""
    return canonical_json({"signed": signed.hex(), "table": table.to_value()})


def release_from_bytes(raw: bytes) -> tuple[bytes, ReleasedTable]:
    """Parse such a file; raises CreditError(MALFORMED). Nothing is verified yet."""
    value = parse_canonical(raw)
    try:
        if not isinstance(value, Mapping) or set(value) != {"signed", "table"}:
            raise CreditError(Code.MALFORMED, "a release")
        return bytes.fromhex(str(value["signed"])), _table(value["table"])
    except (ValueError, KeyError, TypeError) as error:
        raise CreditError(Code.MALFORMED, "a release") from error


def _table(value: CanonicalValue) -> ReleasedTable:
    if not isinstance(value, Mapping) or not isinstance(value["rows"], Sequence):
        raise CreditError(Code.MALFORMED, "a table")
    axes, rows = value["axes"], []
    if not isinstance(axes, Sequence):
        raise CreditError(Code.MALFORMED, "axes")
    for row in value["rows"]:
        if not isinstance(row, Sequence) or len(row) != len(axes) + 1 or not isinstance(row[-1], int):
            raise CreditError(Code.MALFORMED, "a row")
        rows.append((tuple(map(str, row[:-1])), row[-1]))
    return ReleasedTable(tuple(map(str, axes)), tuple(rows))


def check_table(release: StatisticRelease, table: ReleasedTable) -> None:
    """Raise CreditError(EXPORT_INVALID) unless this is the table that the document names."""
    if table.digest != release.cells or len(table.rows) != release.count:
        raise CreditError(Code.EXPORT_INVALID, "the table is not the one that was signed")


def square_root(value: Fraction) -> str:
    """Give a square root as a decimal text, rounded up in the last place."""
    scaled = value * 10 ** (2 * DIGITS)
    root = isqrt(-(-scaled.numerator // scaled.denominator))
    root += root * root < scaled
    return decimal_text(Fraction(root, 10**DIGITS))


def decimal_text(value: Fraction) -> str:
    """Give a number that is not negative as a decimal text, rounded up in the last place."""
    whole = -(-value.numerator * 10**DIGITS // value.denominator)
    head, tail = divmod(whole, 10**DIGITS)
    return f"{head}.{tail:0{DIGITS}d}".rstrip("0").rstrip(".")
