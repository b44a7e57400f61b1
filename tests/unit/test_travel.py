"""Geography in whole numbers, speeds as data, and the oblivious choice, each by itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consortium.errors import Code
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement
from consortium.travel.angles import UNIT, cosine, sine
from consortium.travel.cells import cells_of, vector
from consortium.travel.contradictions import contradicted, contradicting_cells, out_of_reach
from consortium.travel.geography import (
    GREATEST_RADIUS,
    LEAST_RADIUS,
    LocationEvent,
    Point,
    Tile,
    Whereabouts,
    chord_square,
    locate,
)
from consortium.travel.oblivious import Choice, Pad, choose, fill_table, pads_of, sum_of
from consortium.travel.policy import DEFAULT_TRAVEL, PeakHours, SpeedBand, TravelPolicy
from tests.support.codes import refused
from tests.support.travelling import BEIJING_RUSH, EAST_FOURTH_RING, SMALL, WEST_SECOND_RING
from tests.support.world import seeded_rng

GRID = DEFAULT_TRAVEL.grid
TUESDAY_8 = 1_790_640_000
"""29 September 2026, 08:00 in Beijing."""
points = st.builds(Point, st.integers(-90_000_000, 90_000_000), st.integers(-180_000_000, 180_000_000))
RUSH = DEFAULT_TRAVEL.model_copy(update={"peaks": (BEIJING_RUSH,)})


def metres_between(first: Point, second: Point, radius: float) -> float:
    south, west, north, east = (
        math.radians(value / 1e6) for value in (first.latitude, first.longitude, second.latitude, second.longitude)
    )
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * radius * math.asin(min(1.0, math.sqrt(half)))


@given(st.integers(-720_000_000, 720_000_000))
def test_sines_are_those_of_the_library_to_one_unit(angle: int) -> None:
    assert abs(sine(angle) - math.sin(math.radians(angle / 1e6)) * UNIT) <= 1
    assert abs(cosine(angle) - math.cos(math.radians(angle / 1e6)) * UNIT) <= 1


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90_000_001, 0), (-90_000_001, 0), (0, 180_000_001), (0, -180_000_001), (0.5, 0)]
)
def test_a_place_out_of_range_is_refused(latitude: int, longitude: int) -> None:
    with refused(Code.PLACE_INVALID):
        Point(latitude, longitude)


@given(points)
def test_every_place_is_in_its_tile_and_within_the_radius_of_its_cell(point: Point) -> None:
    tile, cell = locate(point, GRID)
    south, west, north, east = tile.edges(GRID)
    assert south <= point.latitude <= north
    assert west <= point.longitude <= east or point.longitude == 180_000_000
    cells = cells_of(tile, GRID)
    assert len(cells.centres) == GRID.cells == 1_024
    difference = cells.centres[cell] - vector(point)
    assert math.sqrt(float((difference * difference).sum())) / UNIT * GREATEST_RADIUS <= cells.radius < 1_500


@given(points)
def test_tiles_are_about_64_kilometres(point: Point) -> None:
    south, west, north, east = locate(point, GRID)[0].edges(GRID)
    assert 62_000 < (north - south) * GREATEST_RADIUS * math.pi / 180e6 <= 64_000
    nearest = 0 if south <= 0 <= north else min(abs(south), abs(north))
    assert (east - west) * GREATEST_RADIUS * math.cos(math.radians(nearest / 1e6)) * math.pi / 180e6 < 64_200


def test_there_is_no_tile_beyond_the_grid() -> None:
    for tile in (Tile(GRID.bands, 0), Tile(0, GRID.columns(0)), Tile(-1, 0)):
        with refused(Code.PLACE_INVALID):
            tile.check(GRID)


@given(st.integers(0, 19_000_000))
def test_chords_are_those_of_arcs(arc: int) -> None:
    chord = math.sqrt(chord_square(arc, LEAST_RADIUS)) / UNIT
    assert math.isclose(chord, 2 * math.sin(arc / 2 / LEAST_RADIUS), abs_tol=1e-8)


def test_bands_say_what_nobody_covers() -> None:
    assert out_of_reach(DEFAULT_TRAVEL, 0, peak=False) == [(3_000, 1 << 60)]
    assert out_of_reach(DEFAULT_TRAVEL, 600, peak=False) == [(13_334, 100_000), (150_000, 1 << 60)]
    assert out_of_reach(DEFAULT_TRAVEL, 600, peak=True) == [(6_667, 100_000), (150_000, 1 << 60)]
    assert out_of_reach(DEFAULT_TRAVEL, 86_400, peak=True) == [(21_600_000, 1 << 60)]


@given(points, points, st.integers(-90_000, 90_000), st.booleans())
def test_what_contradicts_was_impossible_for_every_point_of_the_cell(
    event: Point,
    asked: Point,
    apart: int,
    near: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    if near:
        asked = Point(
            max(-90_000_000, min(90_000_000, event.latitude + asked.latitude // 200)),
            (event.longitude + asked.longitude // 200 + 180_000_000) % 360_000_000 - 180_000_000,
        )
    tile, cell = locate(asked, GRID)
    if contradicting_cells(LocationEvent(TUESDAY_8 + apart, event), Whereabouts(tile, TUESDAY_8), RUSH)[cell]:
        for radius in (LEAST_RADIUS, 6_371_009, GREATEST_RADIUS):
            metres = metres_between(event, asked, radius)
            assert metres > 3_000
            speed = 150 if 50_000 <= metres < 100_000 else 900 if metres >= 100_000 else 40
            assert metres / 1_000 / speed * 3_600 > abs(apart)


def ring_road(minutes: int, policy: TravelPolicy, at: int = TUESDAY_8) -> bool:
    tile, cell = locate(EAST_FOURTH_RING, policy.grid)
    event = LocationEvent(at - minutes * 60, WEST_SECOND_RING)
    return bool(contradicting_cells(event, Whereabouts(tile, at), policy)[cell])


def test_the_ring_roads_of_beijing_in_the_morning() -> None:
    assert ring_road(10, RUSH)
    assert not ring_road(10, DEFAULT_TRAVEL), "without the rush hours' speed"
    assert not ring_road(10, RUSH, TUESDAY_8 + 4 * 3_600), "at noon"
    assert not ring_road(10, RUSH, TUESDAY_8 + 4 * 86_400), "on Saturday"
    assert not ring_road(10, RUSH, TUESDAY_8 - 3_600 + 300), "begun before the rush"
    assert not ring_road(25, RUSH)


def test_any_of_the_last_events_counts_and_none_before_them() -> None:
    tile, cell = locate(EAST_FOURTH_RING, SMALL.grid)
    asked = Whereabouts(tile, TUESDAY_8)
    far = LocationEvent(TUESDAY_8 - 9_000, Point(-33_900_000, 18_400_000))
    near = [LocationEvent(TUESDAY_8 - minute, EAST_FOURTH_RING) for minute in range(SMALL.events)]
    assert contradicted([far, *near[1:]], asked, SMALL)[cell]
    assert not contradicted([far, *near], asked, SMALL)[cell]
    assert not contradicted([], asked, SMALL).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": 3_000},
        {"tile": 128_000, "cell": 500},
        {"bands": ()},
        {"bands": (SpeedBand(beyond=5, kilometres_per_hour=5), SpeedBand(beyond=5, kilometres_per_hour=6))},
        {"step_up": 3},
        {"hourly": 11},
        {"events": 17},
        {"colour": "blue"},
    ],
)
def test_a_policy_that_cannot_hold_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TravelPolicy.model_validate({**DEFAULT_TRAVEL.model_dump(), **changes})


@pytest.mark.parametrize("changes", [{"begins": 600}, {"weekdays": (7,)}, {"weekdays": ()}, {"south": 41_000_000}])
def test_rush_hours_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PeakHours.model_validate({**BEIJING_RUSH.model_dump(), **changes})
    with pytest.raises(ValidationError):
        SpeedBand(beyond=0, kilometres_per_hour=80, peak=81)


@given(st.integers(0, 63), st.lists(st.integers(0, 3), min_size=64, max_size=64), st.integers(0, 2**64 - 1))
def test_a_choice_opens_its_own_entry(cell: int, numbers: list[int], mask: int) -> None:
    rng = seeded_rng(bytes(numbers) + bytes([cell]))
    choice = choose(cell, rng)
    key, pads = Pad.make(64, rng).take()
    table = fill_table(key, pads, choice.element, bytes(numbers), mask)
    assert len(table.words) == 512
    assert sum_of([choice.open(table.element, table.words)], [mask]) == numbers[cell]
    other = Choice((cell + 1) % 64, choice.blind)
    assert sum_of([other.open(table.element, table.words)], [mask]) > 3, "another entry stays shut"


def test_a_table_of_another_size_is_refused() -> None:
    element = choose(0, seeded_rng(b"x")).element
    with refused(Code.MALFORMED):
        fill_table(7, pads_of(7, 4), element, bytes(5), 0)


@pytest.mark.parametrize("bad", [group.IDENTITY, b"\xff" * 32, bytes(31), b"\1" + bytes(31)])
def test_an_element_that_is_none_is_refused(bad: bytes) -> None:
    with refused(Code.MALFORMED):
        BlindedElement.decode(bad)
