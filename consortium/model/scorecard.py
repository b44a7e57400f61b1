"""
The form of a scorecard: data in the rulebook, the same card for every lender.

A card has dimensions, a dimension has characteristics, a characteristic has bins with points. Characteristics of a
file or of a lender's own facts are evaluated by the lenders, each on its own data; those over sums are scored by the
requester, from what it has decrypted. What a well-formed card has to satisfy besides stands in
`consortium.model.scorecard_checks`, what a query asks for it in `consortium.model.scorecard_slots`, how a score follows
from the answer in `consortium.scoring`.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from consortium.model.catalogue import Family
from consortium.model.document import Document, Line

MAX_CARDS = 8
MAX_CHARACTERISTICS = 64  # of one dimension
MAX_BINS = 64
MAX_VALUE = 2**53 - 1

CardId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
"""Short and without an underscore, so that the names of its slots are plain to read and of at most 64 characters."""
PartId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Points = Annotated[int, Field(ge=-(2**31), le=2**31)]
BinEdge = Annotated[int, Field(ge=-MAX_VALUE, le=MAX_VALUE)]


class ScoreDimension(StrEnum):
    """The six dimensions that a card can have; `consortium.model.catalogue.SCORE_DIMENSIONS` gives their families."""

    LOCATION = "location"
    PERSONAL = "personal"
    REPAYMENT = "repayment"
    NETWORK = "network"
    ONLINE = "online"
    RISK = "risk"


class CardRole(StrEnum):
    """Which card decides, and which ones are only watched beside it."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class Sharing(StrEnum):
    """
    What it means that several lenders hold one characteristic of a person.

    ONE: it should not be; the dimension is not scored. MEAN: the mean of their points counts. ADD: all points count.
    """

    ONE = "one"
    MEAN = "mean"
    ADD = "add"


class FileSource(Document):
    """A characteristic of the credit file, which lenders map from their own source (`docs/books.md`)."""

    kind: Literal["file"] = "file"
    name: str


class FactSource(Document):
    """A number that every lender computes from its own tradelines: an attribute of the catalogue, or a bucket."""

    kind: Literal["fact"] = "fact"
    name: str


class SumSource(Document):
    """
    A number over sums: `times` * (total of `attributes`) // (total of `over`), without `over` the total itself.

    Scored by the requester; missing where `over` is zero.
    """

    kind: Literal["sum"] = "sum"
    attributes: tuple[str, ...] = Field(min_length=1, max_length=16)
    over: tuple[str, ...] = Field(default=(), max_length=16)
    times: int = Field(default=1, ge=1, le=1_000_000)


Source = Annotated[FileSource | FactSource | SumSource, Field(discriminator="kind")]


class Bin(Document):
    """The values from `least` to `most`, both included (None: no end), and the points they get."""

    least: BinEdge | None
    most: BinEdge | None
    points: Points


class Missing(Document):
    """
    The points where the value is missing: it is one of `codes`, or no lender holds it and the coverage suffices.

    A lender whose source knows that it does not know maps that to a code.
    """

    codes: tuple[BinEdge, ...] = Field(default=(), max_length=16)
    points: Points


class Characteristic(Document):
    """One characteristic with the points of its values; `reason` names what is said where points are lost."""

    id: PartId
    title: Line
    source: Source
    reason: PartId
    sharing: Sharing = Sharing.ONE
    bins: tuple[Bin, ...] = Field(min_length=1, max_length=MAX_BINS)
    missing: Missing

    @property
    def is_local(self) -> bool:
        """Whether lenders evaluate it, each on its own data."""
        return not isinstance(self.source, SumSource)

    @property
    def most_points(self) -> int:
        """The points of the best value."""
        return max(self.missing.points, *(one.points for one in self.bins))

    @property
    def least_points(self) -> int:
        """The points of the worst value."""
        return min(self.missing.points, *(one.points for one in self.bins))

    def table(self) -> "PointsTable":
        """Give the points of its values, ready to be looked up; the card must have passed its checks."""
        edges = tuple(one.least for one in self.bins[1:] if one.least is not None)
        return PointsTable(
            edges, tuple(one.points for one in self.bins), frozenset(self.missing.codes), self.missing.points
        )


@dataclass(frozen=True, slots=True)
class PointsTable:
    """The points of one characteristic's values: bin i begins at edge i - 1."""

    edges: tuple[int, ...]
    points: tuple[int, ...]
    codes: frozenset[int]
    missing: int

    def of(self, value: int | None) -> int:
        """Give the points of a value; None is a missing one."""
        return self.missing if value is None else self.points_of_bin(self.bin_of(value))

    def bin_of(self, value: int) -> int:
        """Give the number of the bin that a value lies in, -1 where its code says that it is missing."""
        return -1 if value in self.codes else bisect_right(self.edges, value)

    def points_of_bin(self, place: int) -> int:
        """Give the points of a bin by its number, -1 being the missing one."""
        return self.missing if place < 0 else self.points[place]


class CardReason(Document):
    """
    Why points were lost, for whoever decides and for whoever applied; points are summed by these.

    `family` is the family of the attributes behind it, which law or consent can switch off.
    """

    id: PartId
    code: str = Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")
    family: Family
    officer: Line
    applicant: Line


class Dimension(Document):
    """One dimension; `minimum` is how many of its characteristics must have a value, otherwise it is not scored."""

    id: ScoreDimension
    minimum: int = Field(ge=1)
    reasons: tuple[CardReason, ...] = Field(min_length=1, max_length=16)
    characteristics: tuple[Characteristic, ...] = Field(min_length=1, max_length=MAX_CHARACTERISTICS)

    @property
    def local(self) -> Iterator[Characteristic]:
        """The characteristics that lenders evaluate."""
        return (one for one in self.characteristics if one.is_local)


class Scale(Document):
    """What a score means: at `score` there are `odds` good people to one bad; `pdo` points more double that."""

    score: int = Field(ge=-100_000, le=100_000)
    odds: int = Field(ge=1, le=100_000)
    pdo: int = Field(ge=1, le=10_000)


class Scorecard(Document):
    """
    One version of a card; `effective_from` and `effective_until` (None: open) are Unix seconds, the end excluded.

    A score is `base` and the points of all dimensions.
    """

    id: CardId
    version: int = Field(ge=1, le=9_999)
    title: Line
    role: CardRole
    effective_from: int = Field(ge=0, le=MAX_VALUE)
    effective_until: int | None = Field(default=None, ge=0, le=MAX_VALUE)
    base: Points
    scale: Scale
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=len(ScoreDimension))

    @property
    def name(self) -> str:
        """Id and version, as people write them."""
        return f"{self.id}/{self.version}"

    def is_effective(self, at: int) -> bool:
        """Say whether the card is in effect at a time, Unix seconds."""
        return self.effective_from <= at and (self.effective_until is None or at < self.effective_until)

    @property
    def characteristics(self) -> Iterator[Characteristic]:
        """The characteristics of all dimensions."""
        return (one for dimension in self.dimensions for one in dimension.characteristics)
