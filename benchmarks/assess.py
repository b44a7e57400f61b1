"""
Assessments through real processes: rules, a champion card, the own note of the application; with a travel check, too.

Five lenders, 3072-bit keys, everything on the same cores. People were asked about before, so that their subject keys
are known, as in a flow that checks an application twice; amounts and inquiries are recorded durably in the own book.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.local import local_service
from benchmarks.processes import Measured, measure, question
from benchmarks.rows import Row, row
from consortium.model.query import Suite
from demo.assessments import FAMILIES, scorecards, signals, travel
from demo.consortium import LENDERS, Terms
from demo.founding import found_folders
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports
from protos.credit.v1 import lender_pb2 as pb

PEOPLE = 120
LOADED = 240
CHECKED = 36
"""Checks at once that a node's stock of pads serves; `benchmarks.travel` has what comes when it runs empty."""


def run() -> list[Row]:
    """Measure; about a minute and a half."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out, port = Path(name) / "consortium", free_ports(24_000)
        suite = Suite.PAILLIER_3072_MASKED
        terms = Terms(suite, families=FAMILIES, scorecards=scorecards(), travel=travel(), signals=signals())
        found_folders(out, Ports(port), LENDERS, terms)
        with Processes(out) as processes:
            processes.start_all()
            queried, alone, checked, loaded = asyncio.run(_measured(out, port))
    return [
        row("assess, five lenders, one at a time, p50", alone.percentile(0.5), "ms", "lower", 60),
        row("assess, one at a time, p99", alone.percentile(0.99), "ms", "lower", None),
        row(
            "assess with a travel check, pads in stock, one at a time, p50", checked.percentile(0.5), "ms", "lower", 120
        ),
        row("a query of eight attributes about the same people, p50", queried.percentile(0.5), "ms", "lower", None),
        row("assess, eight in flight", loaded.rate, "1/s", "higher", None),
        row("assess, eight in flight, p99", loaded.percentile(0.99), "ms", "lower", None),
    ]


async def _measured(out: Path, port: int) -> tuple[Measured, Measured, Measured, Measured]:
    async with local_service(out, port) as local:

        async def ask(person: int) -> object:
            return await local.query(_agreed(person))

        async def assess(person: int) -> object:
            return await local.assess(_application(person))

        async def check(person: int) -> object:
            application = _application(person)
            place = pb.TravelQuestion(latitude=39_923_600, longitude=116_349_600, payment=f"bench-{person}")
            place.time = int(time.time())
            application.about.travel.CopyFrom(place)
            return await local.assess(application)

        await measure(ask, range(LOADED), 4)
        await asyncio.sleep(8)  # the pools fill
        queried = await measure(ask, range(PEOPLE), 1)
        await asyncio.sleep(4)
        alone = await measure(assess, range(PEOPLE), 1)
        await asyncio.sleep(12)  # the pads', too
        checked = await measure(check, range(CHECKED), 1)
        loaded = await measure(assess, range(LOADED), 8)
    return queried, alone, checked, loaded


def _agreed(person: int) -> pb.QueryRequest:
    request = question(person)
    del request.consent.families[:]
    request.consent.families.extend(family.value for family in FAMILIES)
    return request


def _application(person: int) -> pb.AssessRequest:
    about = _agreed(person)
    del about.attributes[:]
    return pb.AssessRequest(about=about, amount=100_000)
