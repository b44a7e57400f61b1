"""The cells of a tile as arrays: their centres as unit vectors, and how far a cell reaches."""

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

import numpy as np
import numpy.typing as npt

from consortium.silent import Silent
from consortium.travel.angles import UNIT, UNIT_BITS, circle, circles, cosine
from consortium.travel.geography import SLACK_METRES, Grid, Point, Tile, metres

Vectors = npt.NDArray[np.int64]
"""Whole numbers in an array; of unit vectors three each, in units of 2^-30."""


@dataclass(frozen=True, slots=True, repr=False)
class Cells(Silent):
    """
    The cells of one tile: their centres, and how far from its centre any point of a cell can be (metres).

    `rows` and `columns` are the lower and upper edges of both, in microdegrees.
    """

    centres: Vectors
    radius: int
    rows: Vectors
    columns: Vectors

    def within(self, south: int, west: int, north: int, east: int) -> npt.NDArray[np.bool_]:
        """Tell for each cell whether it lies in an area wholly; the area does not cross the date line."""
        tall = (self.rows[:, 0] >= south) & (self.rows[:, 1] <= north)
        wide = (self.columns[:, 0] >= west) & (self.columns[:, 1] <= east)
        return np.outer(tall, wide).ravel()


def cells_of(tile: Tile, grid: Grid) -> Cells:
    """
    Give the cells of a tile by index: rows from the south, in each from the west. Raises PLACE_INVALID.

    Nothing is remembered: a tile that a holder has seen before must not take less time than any other.
    """
    tile.check(grid)
    south, west, north, east = tile.edges(grid)
    rows, columns = _edges(south, north, grid.side), _edges(west, east, grid.side)
    middles = [(low + high) // 2 for low, high in rows], [(low + high) // 2 for low, high in columns]
    heights, widths = (max(high - low for low, high in edges) // 2 + 1 for edges in (rows, columns))
    tall, wide = metres(heights), metres(widths) * cosine(grid.nearest_to_equator(tile.band)) // UNIT + 1
    radius = isqrt(tall * tall + wide * wide) + SLACK_METRES
    return Cells(_vectors(*middles), radius, np.array(rows), np.array(columns))


def vector(point: Point) -> Vectors:
    """Give a point as a unit vector, as a cell's centre is."""
    (up, flat), (north, east), half = circle(point.latitude), circle(point.longitude), UNIT // 2
    return np.array([flat * east + half >> UNIT_BITS, flat * north + half >> UNIT_BITS, up], dtype=np.int64)


def _edges(low: int, high: int, side: int) -> list[tuple[int, int]]:
    cuts = [low + (high - low) * step // side for step in range(side + 1)]
    return list(pairwise(cuts))


def _vectors(latitudes: list[int], longitudes: list[int]) -> Vectors:
    """Give the unit vectors of all pairs, latitudes outermost."""
    tall = np.array(circles(latitudes), dtype=np.int64)
    wide = np.array(circles(longitudes), dtype=np.int64)[:, ::-1]
    found = np.empty((len(latitudes), len(longitudes), 3), dtype=np.int64)
    found[:, :, :2] = (tall[:, 1, None, None] * wide[None, :, :] + UNIT // 2) >> UNIT_BITS
    found[:, :, 2] = tall[:, 0, None]
    return found.reshape(-1, 3)
