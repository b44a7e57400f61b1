"""
The plan of a scorecard (TOML): everything that a person decides before the figures are computed.

Which characteristics, in which dimension, with which reasons and texts, on which scale, from which column of the
sample. `scorecard fit` adds bins, points and base.
"""

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from consortium.errors import Code, CreditError
from consortium.model.document import Document, Line, first_problem
from consortium.model.scorecard import (
    BinEdge,
    CardId,
    CardReason,
    CardRole,
    PartId,
    Scale,
    ScoreDimension,
    Sharing,
    Source,
    SumSource,
)

MAX_PLAN_BYTES = 2**20


def _seconds(value: object) -> object:
    """Take a date as its first second (UTC)."""
    if isinstance(value, dt.datetime):
        return int(value.replace(tzinfo=value.tzinfo or dt.UTC).timestamp())
    if isinstance(value, dt.date):
        return int(dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp())
    return value


Moment = Annotated[int, BeforeValidator(_seconds), Field(ge=0)]


class SamplePlan(Document):
    """Which column is the label and what it says of bad people; how finely values may be divided."""

    label: str
    bad: int = 1
    maximum_bins: int = Field(default=8, ge=2, le=32)
    smallest_bin: float = Field(default=0.02, gt=0, le=0.5)


class PlannedCharacteristic(Document):
    """A characteristic without its bins; with a `trend` its points never fall, or never rise, with the value."""

    id: PartId
    title: Line
    source: Source
    reason: PartId
    sharing: Sharing = Sharing.ONE
    codes: tuple[BinEdge, ...] = ()
    trend: Literal["rising", "falling"] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the sample that its value comes from."""
        source = self.source
        return (*source.attributes, *source.over) if isinstance(source, SumSource) else (source.name,)


class PlannedDimension(Document):
    """A dimension without its bins."""

    id: ScoreDimension
    minimum: int = Field(default=1, ge=1)
    reasons: tuple[CardReason, ...]
    characteristics: tuple[PlannedCharacteristic, ...] = Field(min_length=1)


class Plan(Document):
    """The whole plan; dates are days (from their first second, UTC) or Unix seconds."""

    id: CardId
    version: int = Field(ge=1)
    title: Line
    role: CardRole = CardRole.CHALLENGER
    effective_from: Moment
    effective_until: Moment | None = None
    scale: Scale
    sample: SamplePlan
    dimensions: tuple[PlannedDimension, ...] = Field(min_length=1)

    @property
    def characteristics(self) -> Iterator[PlannedCharacteristic]:
        """The characteristics of all dimensions."""
        return (one for dimension in self.dimensions for one in dimension.characteristics)


def load_plan(path: Path) -> Plan:
    """Read a plan; raises CreditError(SCORECARD_INVALID), naming the field, or (SOURCE_UNREADABLE)."""
    try:
        data = path.read_bytes()[: MAX_PLAN_BYTES + 1]
    except OSError:
        raise CreditError(Code.SOURCE_UNREADABLE, "the plan") from None
    return parse_plan(data)


def parse_plan(data: bytes) -> Plan:
    """Parse a plan; raises CreditError(SCORECARD_INVALID), naming the field."""
    if len(data) > MAX_PLAN_BYTES:
        raise CreditError(Code.SCORECARD_INVALID, "the plan is longer than one mebibyte")
    try:
        value: dict[str, Any] = tomllib.loads(data.decode())
        return Plan.model_validate(value)
    except ValidationError as error:
        raise CreditError(Code.SCORECARD_INVALID, f"the plan, {first_problem(error)}") from None
    except (ValueError, RecursionError):
        raise CreditError(Code.SCORECARD_INVALID, "the plan is not TOML in UTF-8") from None
