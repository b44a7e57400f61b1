"""
The rulebook's section `travel`: what counts as impossible, how often may be asked, and what an answer leads to.

All of it is data. Speeds are those of the straight line between two places, the ways in between included.
"""

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from consortium.travel.geography import MOST_LATITUDE, MOST_LONGITUDE, Grid

KEPT_EVENTS = 16
"""How many location events of a person a book keeps; a policy may look at fewer."""
MOST_CELLS = 4_096
SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class _Section(BaseModel):
    """A part of a rulebook: frozen, without unknown fields, silent about bad input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SpeedBand(_Section):
    """From `beyond` metres on, up to the next band, nobody is faster than this; `peak` holds in rush hours."""

    beyond: int = Field(ge=0, le=20_000_000)
    kilometres_per_hour: int = Field(ge=1, le=10_000)
    peak: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _peak_is_slower(self) -> "SpeedBand":
        if self.peak is not None and self.peak > self.kilometres_per_hour:
            raise ValueError("peak must not be faster than kilometres_per_hour")
        return self


class PeakHours(_Section):
    """
    Rush hours of an area: on these weekdays (0 is Monday), between two times of its local day in minutes.

    `utc_offset` is minutes east of UTC, without summer time. The area is a rectangle in microdegrees that does not
    cross the date line. The slower speed counts where both places lie in it and so does the whole time between.
    """

    name: str = Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")
    utc_offset: int = Field(ge=-14 * 60, le=14 * 60)
    weekdays: Annotated[tuple[int, ...], BeforeValidator(_tuple)]
    begins: int = Field(ge=0, lt=1_440)
    ends: int = Field(ge=1, le=1_440)
    south: int = Field(ge=-MOST_LATITUDE, le=MOST_LATITUDE)
    west: int = Field(ge=-MOST_LONGITUDE, le=MOST_LONGITUDE)
    north: int = Field(ge=-MOST_LATITUDE, le=MOST_LATITUDE)
    east: int = Field(ge=-MOST_LONGITUDE, le=MOST_LONGITUDE)

    @model_validator(mode="after")
    def _in_order(self) -> "PeakHours":
        if not (self.begins < self.ends and self.south < self.north and self.west < self.east):
            raise ValueError("begins, south and west come before ends, north and east")
        if not self.weekdays or any(not 0 <= day <= 6 for day in self.weekdays):
            raise ValueError("weekdays are 0 (Monday) to 6")
        return self

    def covers(self, first: int, last: int) -> bool:
        """Tell whether both Unix times and all between lie in one of these rush hours."""
        local = first + self.utc_offset * 60
        day, second = divmod(local, SECONDS_PER_DAY)
        on_time = self.begins * 60 <= second and second + last - first <= self.ends * 60
        return on_time and (day + _FIRST_WEEKDAY) % 7 in self.weekdays


class TravelPolicy(_Section):
    """
    The section. Sizes are metres, `oldest` seconds; `step_up` and `block` are numbers of contradicting lenders.

    `purposes` are those that may ask; they must see live data, and the profile must allow the family of locations.
    `events` is how many of a person's last events a lender looks at.
    """

    tile: int = Field(ge=8_000, le=128_000)
    cell: int = Field(ge=500, le=16_000)
    bands: Annotated[tuple[SpeedBand, ...], BeforeValidator(_tuple)]
    peaks: Annotated[tuple[PeakHours, ...], BeforeValidator(_tuple)] = ()
    events: int = Field(ge=1, le=KEPT_EVENTS)
    oldest: int = Field(ge=60, le=2 * SECONDS_PER_DAY)
    hourly: int = Field(ge=1, le=60)
    daily: int = Field(ge=1, le=1_000)
    step_up: int = Field(ge=1)
    block: int = Field(ge=1)
    purposes: Annotated[tuple[str, ...], BeforeValidator(_tuple)]

    @model_validator(mode="after")
    def _fits(self) -> "TravelPolicy":
        if self.tile % self.cell or self.grid.cells > MOST_CELLS:
            raise ValueError(f"tile must be a multiple of cell, with at most {MOST_CELLS} cells")
        if not self.bands or any(low.beyond >= high.beyond for low, high in pairwise(self.bands)):
            raise ValueError("bands rise")
        if self.step_up > self.block or self.hourly > self.daily:
            raise ValueError("step_up and hourly are at most block and daily")
        return self

    @property
    def grid(self) -> Grid:
        """How the earth is cut."""
        return Grid(self.tile, self.tile // self.cell)


DEFAULT_TRAVEL = TravelPolicy(
    tile=64_000,
    cell=2_000,
    bands=(
        SpeedBand(beyond=3_000, kilometres_per_hour=80, peak=40),
        SpeedBand(beyond=50_000, kilometres_per_hour=150),
        SpeedBand(beyond=100_000, kilometres_per_hour=900),
    ),
    events=8,
    oldest=SECONDS_PER_DAY,
    hourly=3,
    daily=10,
    step_up=1,
    block=2,
    purposes=("origination",),
)
"""What a new consortium starts from, without rush hours: they are those of a place."""
