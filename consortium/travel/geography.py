"""
The earth as tiles of about 64 km and cells of about 2 km, in whole microdegrees of WGS84.

A tile is a band of latitude cut into columns no wider than the tile's size at the band's widest edge; it has as many
cells a side everywhere, so that a cell's index tells nothing about where on earth its tile is. Distances are bounds,
not guesses: on the ellipsoid no two points are nearer than on a sphere of its least radius of curvature, nor farther
apart than on one of its greatest.
"""

from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from consortium.travel.angles import HALF_TURN, UNIT, UNIT_BITS, cosine, radians, sine_of_radians

LEAST_RADIUS = 6_335_439
"""Metres: the meridian's radius of curvature at the equator of WGS84, a (1 - e^2)."""
GREATEST_RADIUS = 6_399_594
"""Metres: the radius of curvature at the poles, a^2 / b."""
MOST_LATITUDE, MOST_LONGITUDE = HALF_TURN // 2, HALF_TURN
SLACK_METRES = 2
"""What rounding in units of 6 mm can come to, many times over."""


@dataclass(frozen=True, slots=True, repr=False)
class Point(Silent):
    """A place in microdegrees of WGS84; raises CreditError(PLACE_INVALID) out of range."""

    latitude: int
    longitude: int

    def __post_init__(self) -> None:
        for value, most, name in (
            (self.latitude, MOST_LATITUDE, "latitude"),
            (self.longitude, MOST_LONGITUDE, "longitude"),
        ):
            if type(value) is not int or not -most <= value <= most:
                raise CreditError(Code.PLACE_INVALID, name)


@dataclass(frozen=True, slots=True)
class Grid:
    """How the earth is cut: tiles of `tile` metres, `side` cells along each of their edges."""

    tile: int
    side: int

    @property
    def cells(self) -> int:
        """M: how many cells a tile has."""
        return self.side * self.side

    @property
    def height(self) -> int:
        """A band's height in microdegrees: that of `tile` metres on the largest sphere, a multiple of `side`."""
        around = radians(self.tile, GREATEST_RADIUS) * HALF_TURN // radians(*_PI_FRACTION)
        return around // self.side * self.side

    @property
    def bands(self) -> int:
        """How many bands there are from pole to pole; the last one may reach beyond."""
        return -(-2 * MOST_LATITUDE // self.height)

    def columns(self, band: int) -> int:
        """Give how many tiles a band has."""
        widest = cosine(self.nearest_to_equator(band))
        around = 2 * HALF_TURN * widest // (self.height * UNIT)
        return around + 1

    def nearest_to_equator(self, band: int) -> int:
        """Give the latitude of a band that is nearest to the equator, its sign left out: where the band is widest."""
        south = -MOST_LATITUDE + band * self.height
        return 0 if south <= 0 <= south + self.height else min(abs(south), abs(south + self.height))


_PI_FRACTION = 3_141_592_653_589_793, 1_000_000_000_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Tile(Silent):
    """One tile: its band from the south pole, its column from the date line eastwards."""

    band: int
    column: int

    def check(self, grid: Grid) -> None:
        """Raise CreditError(PLACE_INVALID) unless the grid has such a tile."""
        if not 0 <= self.band < grid.bands or not 0 <= self.column < grid.columns(self.band):
            raise CreditError(Code.PLACE_INVALID, "no such tile")

    def edges(self, grid: Grid) -> tuple[int, int, int, int]:
        """Give south, west, north and east in microdegrees; north may lie beyond the pole."""
        south, columns = -MOST_LATITUDE + self.band * grid.height, grid.columns(self.band)
        west, east = (2 * HALF_TURN * (self.column + step) // columns - HALF_TURN for step in (0, 1))
        return south, west, south + grid.height, east


@dataclass(frozen=True, slots=True, repr=False)
class LocationEvent(Silent):
    """Where a person was at a Unix second, as a lender's own application saw it."""

    time: int
    place: Point


@dataclass(frozen=True, slots=True, repr=False)
class Whereabouts(Silent):
    """What the holders of a person read of a check: the tile, and the Unix second at which the person is there."""

    tile: Tile
    time: int


def locate(point: Point, grid: Grid) -> tuple[Tile, int]:
    """Give a point's tile and the index of its cell within it, below `grid.cells`."""
    band = min((point.latitude + MOST_LATITUDE) // grid.height, grid.bands - 1)
    columns = grid.columns(band)
    east = (point.longitude + HALF_TURN) % (2 * HALF_TURN)
    tile = Tile(band, _place(east, 2 * HALF_TURN, columns))
    south, west, north, east_edge = tile.edges(grid)
    row = _place(point.latitude - south, north - south, grid.side)
    column = _place(east - HALF_TURN - west, east_edge - west, grid.side)
    return tile, row * grid.side + column


def metres(angle: int) -> int:
    """Give how long an arc of microdegrees is at most, in metres."""
    return angle * GREATEST_RADIUS * radians(*_PI_FRACTION) // (HALF_TURN << 64) + 1


def chord_square(arc: int, radius: int) -> int:
    """Give the squared chord of an arc of metres on a sphere, in units of 2^-60; beyond half a turn the most."""
    half = radians(arc, 2 * radius)
    if 2 * half >= radians(*_PI_FRACTION):
        return 1 << 2 * UNIT_BITS + 2
    return (2 * sine_of_radians(half)) ** 2


def _place(offset: int, length: int, parts: int) -> int:
    """Give the part that an offset lies in, as `_edges` and `Tile.edges` cut: its lower edge belongs to it."""
    place = min(offset * parts // length, parts - 1)
    return place + 1 if place + 1 < parts and length * (place + 1) // parts <= offset else place
