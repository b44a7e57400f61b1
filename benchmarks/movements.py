"""
Made-up movements of people, seeded: home, work, taxis and trains in a city, trips by road and rail, flights.

A person's day is a path: places with the times between which it is there, and straight ways between them at speeds that
are those of the straight line. An event is where the path is at some second, with the scatter of a phone's position.
The fastest honest ways stand in one place, `Speeds`; a planted contradiction is what even they could not do.

Lenders see people where they stop and on their ways within a city: a sighting from a train, a motorway or the air has a
speed, and an application does not record it (docs/travel.md says so). `seen_on_the_way` has them seen there as well.
The parameters were fixed before the detector's speeds were tuned.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from consortium.travel.geography import LocationEvent, Point

MINUTE, HOUR, DAY = 60, 3_600, 86_400
MONDAY = 1_790_553_600 - 8 * HOUR
"""Midnight of Monday, 28 September 2026, in the zone of all these cities (UTC+8)."""
ZONE = 8 * HOUR
EARTH_KM = 6_371.0


@dataclass(frozen=True, slots=True)
class City:
    """A city: its centre in degrees and the radius within which people live and work, in km."""

    name: str
    latitude: float
    longitude: float
    radius: float


CITIES = (
    City("Beijing", 39.9042, 116.4074, 16),
    City("Tianjin", 39.0842, 117.2009, 14),
    City("Shijiazhuang", 38.0428, 114.5149, 10),
    City("Taiyuan", 37.8706, 112.5489, 10),
    City("Shenyang", 41.8057, 123.4315, 12),
    City("Harbin", 45.8038, 126.5350, 11),
    City("Shanghai", 31.2304, 121.4737, 17),
    City("Nanjing", 32.0603, 118.7969, 12),
    City("Hangzhou", 30.2741, 120.1551, 12),
    City("Hefei", 31.8206, 117.2272, 11),
    City("Xiamen", 24.4798, 118.0894, 9),
    City("Jinan", 36.6512, 117.1201, 11),
    City("Qingdao", 36.0671, 120.3826, 10),
    City("Zhengzhou", 34.7466, 113.6254, 12),
    City("Wuhan", 30.5928, 114.3055, 14),
    City("Changsha", 28.2282, 112.9388, 11),
    City("Guangzhou", 23.1291, 113.2644, 15),
    City("Shenzhen", 22.5431, 114.0579, 14),
    City("Chengdu", 30.5728, 104.0668, 14),
    City("Xi'an", 34.3416, 108.9398, 13),
)


@dataclass(frozen=True, slots=True)
class Speeds:
    """Straight-line speeds in km/h, slowest and fastest, and what a flight takes besides the air, in minutes."""

    city: tuple[float, float] = (16.0, 48.0)
    rush: tuple[float, float] = (9.0, 32.0)
    night: tuple[float, float] = (25.0, 65.0)
    road: tuple[float, float] = (55.0, 105.0)
    rail: tuple[float, float] = (150.0, 255.0)
    flight: tuple[float, float] = (650.0, 830.0)
    before_flight: tuple[float, float] = (45.0, 110.0)
    after_flight: tuple[float, float] = (15.0, 50.0)
    streets: tuple[float, float] = (8.0, 20.0)
    """Minutes that a way by road takes in the streets of both its ends."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Shares of days and of pairs; gaps in minutes, scatter in metres (one standard deviation), distances in km."""

    speeds: Speeds = field(default_factory=Speeds)
    road_days: float = 0.08
    rail_days: float = 0.08
    flight_days: float = 0.08
    evening_out: float = 0.4
    scatter: float = 60.0
    most_scatter: float = 250.0
    short_gaps: float = 0.7
    short_gap: tuple[float, float] = (1.0, 45.0)
    long_gap: tuple[float, float] = (45.0, 720.0)
    planted_between: tuple[float, float] = (1.0, 30.0)
    planted_inside: tuple[float, float] = (1.0, 10.0)
    inside_least: float = 4.0
    between_least: float = 100.0
    seen_on_the_way: bool = False


Degrees = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stop:
    """A time (seconds since Monday's midnight, local) and a place; `seen` is whether on the straight way to it."""

    time: float
    place: Degrees
    seen: bool = True


Path = list[Stop]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two events of one identity, in order, of one person or of two."""

    before: LocationEvent
    after: LocationEvent


class Movements:
    """Draws people's days and pairs of events from one seed."""

    def __init__(self, seed: int, parameters: Parameters | None = None) -> None:
        self._random = random.Random(seed)
        self._parameters = parameters or Parameters()

    def honest(self) -> Pair:
        """Give two events of one person's day."""
        path = self._day()
        parameters, draw = self._parameters, self._random.uniform
        while True:
            short = self._random.random() < parameters.short_gaps
            gap = draw(*(parameters.short_gap if short else parameters.long_gap)) * MINUTE
            gap = min(gap, path[-1].time - path[0].time)
            start = draw(path[0].time, path[-1].time - gap)
            if parameters.seen_on_the_way or (_seen(path, start) and _seen(path, start + gap)):
                return Pair(self._event(path, start), self._event(path, start + gap))

    def inside(self) -> Pair:
        """Give an event of a person and one of somebody else in the same city, too soon after it for any honest way."""
        least, gaps = self._parameters.inside_least, self._parameters.planted_inside
        while True:
            city, at = self._random.choice(CITIES), self._waking()
            here, there, gap = self._spot(city), self._spot(city), self._random.uniform(*gaps) * MINUTE
            distance = kilometres(here, there)
            if distance >= least and gap < distance / self._city_speeds(at)[1] * HOUR:
                return Pair(self._sighting(here, at), self._sighting(there, at + gap))

    def between(self) -> Pair:
        """Give an event of a person and one of somebody else in another city, too soon after it for any honest way."""
        least, gaps = self._parameters.between_least, self._parameters.planted_between
        while True:
            first, second = self._random.sample(CITIES, 2)
            here, there, at = self._spot(first), self._spot(second), self._waking()
            distance, gap = kilometres(here, there), self._random.uniform(*gaps) * MINUTE
            if distance >= least and gap < self._fastest(distance):
                return Pair(self._sighting(here, at), self._sighting(there, at + gap))

    def _fastest(self, distance: float) -> float:
        """Give the seconds of the fastest honest way between two cities."""
        speeds = self._parameters.speeds
        airports = (speeds.before_flight[0] + speeds.after_flight[0]) * MINUTE
        return min(distance / speeds.rail[1] * HOUR, airports + distance / speeds.flight[1] * HOUR)

    def _day(self) -> Path:
        parameters, city = self._parameters, self._random.choice(CITIES)
        home, work = self._spot(city), self._spot(city)
        start = self._random.randrange(7) * DAY + self._random.uniform(6.5, 9.5) * HOUR
        path: Path = [Stop(start - 2 * HOUR, home), Stop(start, home)]
        kind = self._random.random()
        if kind < parameters.flight_days:
            self._fly(path, city)
        elif kind < parameters.flight_days + parameters.rail_days:
            self._ride_to_another_city(path, city)
        elif kind < parameters.flight_days + parameters.rail_days + parameters.road_days:
            self._drive_out(path, home)
        else:
            self._working_day(path, city, work)
        self._stay(path, 2.0, 4.0)
        return path

    def _working_day(self, path: Path, city: City, work: Degrees) -> None:
        home = path[-1].place
        self._go(path, work)
        self._stay(path, 2.0, 4.5)
        self._go(path, self._near(work, 2.0))
        self._stay(path, 0.4, 1.2)
        self._go(path, work)
        self._stay(path, 2.5, 5.0)
        if self._random.random() < self._parameters.evening_out:
            self._go(path, self._spot(city))
            self._stay(path, 0.8, 3.0)
        self._go(path, home)

    def _fly(self, path: Path, city: City) -> None:
        far = [other for other in CITIES if kilometres(_centre(city), _centre(other)) > 300]
        target, speeds = self._random.choice(far), self._parameters.speeds
        self._go(path, self._airport(city))
        self._stay_minutes(path, speeds.before_flight)
        landing = self._airport(target)
        self._move(path, landing, self._random.uniform(*speeds.flight), seen=False)
        self._stay_minutes(path, speeds.after_flight)
        self._go(path, self._spot(target))

    def _ride_to_another_city(self, path: Path, city: City) -> None:
        near = [other for other in CITIES if 100 < kilometres(_centre(city), _centre(other)) < 700]
        target = self._random.choice(near or [other for other in CITIES if other != city])
        self._go(path, self._near(_centre(city), city.radius / 3))
        self._stay_minutes(path, (8.0, 30.0))
        station = self._near(_centre(target), target.radius / 3)
        self._move(path, station, self._random.uniform(*self._parameters.speeds.rail), seen=False)
        self._stay_minutes(path, (3.0, 10.0))
        self._go(path, self._spot(target))

    def _drive_out(self, path: Path, home: Degrees) -> None:
        town = self._at_distance(home, self._random.uniform(20.0, 140.0))
        self._drive(path, town)
        self._stay(path, 1.0, 5.0)
        self._drive(path, home)

    def _drive(self, path: Path, target: Degrees) -> None:
        here, speeds = path[-1], self._parameters.speeds
        seconds = kilometres(here.place, target) / self._random.uniform(*speeds.road) * HOUR
        path.append(Stop(here.time + seconds + self._random.uniform(*speeds.streets) * MINUTE, target, seen=False))

    def _go(self, path: Path, target: Degrees) -> None:
        """Move within a city, at the speeds of the hour; a way into the rush slows down with it."""
        here = path[-1]
        speed = self._random.uniform(*self._city_speeds(here.time))
        ends = here.time + kilometres(here.place, target) / speed * HOUR
        if self._is_rush(ends) and not self._is_rush(here.time):
            speed = min(speed, self._random.uniform(*self._parameters.speeds.rush))
        self._move(path, target, speed)

    def _city_speeds(self, at: float) -> tuple[float, float]:
        speeds, hour = self._parameters.speeds, at % DAY / HOUR
        if self._is_rush(at):
            return speeds.rush
        return speeds.night if hour < 6 or hour >= 22 else speeds.city

    def _is_rush(self, at: float) -> bool:
        hour, weekday = at % DAY / HOUR, at // DAY % 7
        return weekday < 5 and (7 <= hour < 9 or 17 <= hour < 19)

    def _waking(self) -> float:
        return self._random.randrange(7) * DAY + self._random.uniform(7.0, 22.5) * HOUR

    def _move(self, path: Path, target: Degrees, speed: float, *, seen: bool = True) -> None:
        here = path[-1]
        path.append(Stop(here.time + kilometres(here.place, target) / speed * HOUR, target, seen))

    def _stay(self, path: Path, least: float, most: float) -> None:
        self._stay_minutes(path, (least * 60, most * 60))

    def _stay_minutes(self, path: Path, minutes: tuple[float, float]) -> None:
        here = path[-1]
        path.append(Stop(here.time + self._random.uniform(*minutes) * MINUTE, here.place))

    def _spot(self, city: City) -> Degrees:
        """Give a place in a city, evenly over its disc."""
        return self._at_distance(_centre(city), city.radius * math.sqrt(self._random.random()))

    def _airport(self, city: City) -> Degrees:
        return self._at_distance(_centre(city), city.radius + self._random.uniform(8.0, 20.0))

    def _near(self, place: Degrees, most: float) -> Degrees:
        return self._at_distance(place, most * math.sqrt(self._random.random()))

    def _at_distance(self, place: Degrees, distance: float) -> Degrees:
        bearing = self._random.uniform(0, 2 * math.pi)
        north, east = distance * math.cos(bearing), distance * math.sin(bearing)
        turn = math.radians(1) * EARTH_KM
        return place[0] + north / turn, place[1] + east / (turn * math.cos(math.radians(place[0])))

    def _event(self, path: Path, at: float) -> LocationEvent:
        return self._sighting(_position(path, at), at)

    def _sighting(self, place: Degrees, at: float) -> LocationEvent:
        scatter = min(abs(self._random.gauss(0, self._parameters.scatter)), self._parameters.most_scatter)
        latitude, longitude = self._at_distance(place, scatter / 1_000)
        return LocationEvent(MONDAY + round(at), Point(round(latitude * 1e6), round(longitude * 1e6)))


def kilometres(first: Degrees, second: Degrees) -> float:
    """Give the distance on a sphere (haversine)."""
    (south, west), (north, east) = (map(math.radians, place) for place in (first, second))
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(half))


def _centre(city: City) -> Degrees:
    return city.latitude, city.longitude


def _seen(path: Sequence[Stop], at: float) -> bool:
    return next((stop.seen for stop in path if at <= stop.time), True)


def _position(path: Sequence[Stop], at: float) -> Degrees:
    for before, after in pairwise(path):
        if at <= after.time:
            share = (at - before.time) / (after.time - before.time) if after.time > before.time else 0.0
            (south, west), (north, east) = before.place, after.place
            return south + share * (north - south), west + share * (east - west)
    return path[-1].place
