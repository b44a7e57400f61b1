"""
Travel checks: how long one takes, how fast pads are made, and what the detector finds in seeded movements.

Detection uses the code that fills a contributor's table, with the design's speeds and the rush hours of every city of
`movements`; the seed of the figures was not used before they were fixed. Queries go through real processes as in
`processes`, with and without a check about the same people.
"""

import asyncio
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.local import local_service
from benchmarks.movements import CITIES, City, Movements, Pair, Parameters
from benchmarks.processes import Measured, measure, question
from benchmarks.rows import Row, row
from consortium.membership.genesis import DEFAULT_FAMILIES
from consortium.model.catalogue import Family
from consortium.model.query import Suite
from consortium.travel.contradictions import contradicting_cells
from consortium.travel.geography import Whereabouts, locate
from consortium.travel.policy import DEFAULT_TRAVEL, PeakHours, TravelPolicy
from demo.consortium import LENDERS, Terms
from demo.founding import found_folders
from participants.keys.pads import PadPool
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports
from protos.credit.v1 import lender_pb2 as pb

SEED = 926_535_897
HONEST, PLANTED, ON_THE_WAY = 100_000, 5_000, 10_000
CHECKS = 40
PADS = 60
KILOMETRE = 1_000_000 / 111.195
RUSH = ((7 * 60, 9 * 60), (17 * 60, 19 * 60))


def run() -> list[Row]:
    """Measure; about two minutes."""
    return [*_queries(), *_pads(), *_detection()]


def city_policy() -> TravelPolicy:
    """Give the design's speeds with the rush hours of every city."""
    peaks = [_rush(city, begins, ends) for city in CITIES for begins, ends in RUSH]
    return DEFAULT_TRAVEL.model_copy(update={"peaks": tuple(peaks)})


def contradicts(pair: Pair, policy: TravelPolicy) -> bool:
    """Tell whether a lender with the first event contradicts a check at the second."""
    tile, cell = locate(pair.after.place, policy.grid)
    return bool(contradicting_cells(pair.before, Whereabouts(tile, pair.after.time), policy)[cell])


def share(draw: Callable[[], Pair], number: int, policy: TravelPolicy) -> float:
    """Give the share of so many pairs that contradict."""
    return sum(contradicts(draw(), policy) for _ in range(number)) / number


def _rush(city: City, begins: int, ends: int) -> PeakHours:
    tall = round(city.radius * KILOMETRE)
    wide = round(tall / math.cos(math.radians(city.latitude)))
    latitude, longitude = round(city.latitude * 1e6), round(city.longitude * 1e6)
    return PeakHours(
        name=f"{city.name}, from {begins // 60}",
        utc_offset=480,
        weekdays=(0, 1, 2, 3, 4),
        begins=begins,
        ends=ends,
        south=latitude - tall,
        west=longitude - wide,
        north=latitude + tall,
        east=longitude + wide,
    )


def _detection() -> list[Row]:
    policy, drawn = city_policy(), Movements(SEED)
    between, inside = (100 * share(draw, PLANTED, policy) for draw in (drawn.between, drawn.inside))
    alarms = HONEST * share(drawn.honest, HONEST, policy)
    plain = 100 * share(Movements(SEED).inside, PLANTED, DEFAULT_TRAVEL)
    moving = Movements(SEED, Parameters(seen_on_the_way=True))
    on_the_way = ON_THE_WAY * share(moving.honest, ON_THE_WAY, policy)
    return [
        row(f"planted contradictions between cities found, of {PLANTED:,}", between, "%", "higher", 90),
        row(f"planted contradictions inside a city found, of {PLANTED:,}", inside, "%", "higher", 70),
        row("the same without rush hours in the policy", plain, "%", "higher", None),
        row(f"false alarms about {HONEST:,} honest pairs", round(alarms), "alarms", "lower", 0),
        row(
            f"alarms about {ON_THE_WAY:,} honest pairs, had people been seen on trains, motorways and in the air",
            round(on_the_way),
            "alarms",
            "lower",
            None,
        ),
    ]


def _pads() -> list[Row]:
    cells = DEFAULT_TRAVEL.grid.cells
    with PadPool(ready=PADS) as pool:
        start = time.perf_counter()
        pool.prepare(cells)
        while pool.ready() < PADS:
            time.sleep(0.01)
        rate = PADS / (time.perf_counter() - start)
    return [row("pads of 1,024 cells made by one node's pool", rate, "1/s", "higher", None)]


def _queries() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out = Path(name) / "consortium"
        port = free_ports(23_000)
        families = (*DEFAULT_FAMILIES, Family.LOCATION)
        terms = Terms(suite=Suite.PAILLIER_3072_MASKED, families=families, travel=city_policy())
        found_folders(out, Ports(port), LENDERS, terms)
        with Processes(out) as processes:
            processes.start_all()
            without, checked, drained = asyncio.run(_measured(out, port))
    return [
        row("travel query, five lenders, one at a time, p50", checked.percentile(0.5), "ms", "lower", 120),
        row("travel query, five lenders, one at a time, p99", checked.percentile(0.99), "ms", "lower", None),
        row("the same questions without a check, p50", without.percentile(0.5), "ms", "lower", None),
        row(f"{2 * CHECKS} travel queries more without a pause, p50", drained.percentile(0.5), "ms", "lower", None),
        row("travel queries a second without a pause, pools running empty", drained.rate, "1/s", "higher", None),
    ]


async def _measured(out: Path, port: int) -> tuple[Measured, Measured, Measured]:
    async with local_service(out, port) as local:

        async def ask(person: int) -> object:
            return await local.query(_agreed(person))

        async def check(person: int) -> object:
            answer = await local.query(_checked(person))
            if answer.travel.verdict != "ALLOW" or answer.travel.answered != len(LENDERS):
                raise RuntimeError("a travel check of nobody's person came to something else")
            return answer

        await measure(ask, range(3 * CHECKS), 2)
        await asyncio.sleep(8)  # the pools fill
        without = await measure(ask, range(CHECKS), 1)
        checked = await measure(check, range(CHECKS), 1)
        drained = await measure(check, range(CHECKS, 3 * CHECKS), 1)
    return without, checked, drained


def _agreed(person: int) -> pb.QueryRequest:
    request = question(person)
    request.consent.families.append(Family.LOCATION.value)
    return request


def _checked(person: int) -> pb.QueryRequest:
    request = _agreed(person)
    request.travel.CopyFrom(
        pb.TravelQuestion(latitude=39_923_600, longitude=116_349_600, time=int(time.time()), payment=f"bench-{person}")
    )
    return request
