"""
Which cells of a tile contradict an event: nobody at the event could be at any point of the cell at the other time.

A cell counts only where every point of it is out of reach at the fastest speed that the policy has for its distance, so
that rounding a place to a cell never raises an alarm about a way that was possible.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from consortium.travel.cells import Cells, cells_of, vector
from consortium.travel.geography import GREATEST_RADIUS, LEAST_RADIUS, LocationEvent, Point, Whereabouts, chord_square
from consortium.travel.policy import SECONDS_PER_HOUR, PeakHours, TravelPolicy

_ENDLESS = 1 << 60
_NOWHERE = (0, 0, 0, 0)
_DECOY = Point(0, 0)
Bits = npt.NDArray[np.bool_]


def out_of_reach(policy: TravelPolicy, seconds: int, *, peak: bool) -> list[tuple[int, int]]:
    """
    Give the distances in metres that nobody covers in a time, as open intervals in order.

    Each band forbids what lies in it and beyond its speed times the time; what adjoins is one interval.
    """
    found: list[tuple[int, int]] = []
    ends = [*(band.beyond for band in policy.bands[1:]), _ENDLESS]
    for band, end in zip(policy.bands, ends, strict=True):
        speed = band.peak if peak and band.peak is not None else band.kilometres_per_hour
        reach = -(-speed * 1_000 * seconds // SECONDS_PER_HOUR)
        start = max(band.beyond, reach)
        if start >= end:
            continue
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, end))
    return found


def contradicting_cells(event: LocationEvent, asked: Whereabouts, policy: TravelPolicy) -> Bits:
    """Tell for each cell of the tile whether it contradicts the event; raises PLACE_INVALID for no tile of the grid."""
    return _contradicting(event, asked.time, cells_of(asked.tile, policy.grid), policy)


def _contradicting(event: LocationEvent, time: int, cells: Cells, policy: TravelPolicy) -> Bits:
    between = cells.centres - vector(event.place)
    chords = (between * between).sum(axis=1)
    first, last = sorted((event.time, time))
    bits = _beyond(chords, cells.radius, out_of_reach(policy, last - first, peak=False))
    slow = _beyond(chords, cells.radius, out_of_reach(policy, last - first, peak=True))
    areas = [_area(hours) for hours in policy.peaks if hours.covers(first, last) and _inside(event.place, hours)]
    for area in areas or [_NOWHERE]:  # the same work whether or not there is a rush: time must not tell who has events
        bits = bits | slow & cells.within(*area)
    return bits


def contradicted(events: Sequence[LocationEvent], asked: Whereabouts, policy: TravelPolicy) -> Bits:
    """
    Tell for each cell whether any of a person's last events contradicts it, the newest `policy.events` of them.

    Where there are fewer, the same work is done on made-up ones: time must not tell how many there are.
    """
    cells, bits = cells_of(asked.tile, policy.grid), np.zeros(policy.grid.cells, dtype=np.bool_)
    for event in sorted(events, key=lambda one: one.time)[-policy.events :]:
        bits |= _contradicting(event, asked.time, cells, policy)
    for _ in range(policy.events - len(events)):
        _contradicting(LocationEvent(asked.time - 600, _DECOY), asked.time, cells, policy)
    return bits


def _beyond(chords: npt.NDArray[np.int64], radius: int, intervals: Sequence[tuple[int, int]]) -> Bits:
    """Tell where a cell lies within one of the intervals with all its points, whatever the earth's radius there."""
    bits = np.zeros(len(chords), dtype=np.bool_)
    for start, end in intervals:
        within = chords > chord_square(start + radius, LEAST_RADIUS)
        if end < _ENDLESS:
            within &= chords < chord_square(max(end - radius, 0), GREATEST_RADIUS)
        bits |= within
    return bits


def _area(hours: PeakHours) -> tuple[int, int, int, int]:
    return hours.south, hours.west, hours.north, hours.east


def _inside(place: Point, hours: PeakHours) -> bool:
    return hours.south <= place.latitude <= hours.north and hours.west <= place.longitude <= hours.east
