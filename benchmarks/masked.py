"""
Questions in the suite `MASKED_SUM` beside Paillier's, through real processes: one consortium, one load, two suites.

Gateway, two custodians and five lenders on the same cores as the load generator; people whose subject keys are known.
The CPU seconds say where the time goes: with all of them together, two cores can answer 2,000 / their sum a second.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.local import local_service
from benchmarks.processes import Measured, measure, question
from benchmarks.rows import Row, row
from consortium.model.query import Suite
from demo.consortium import HOLDERS, LENDERS, Terms
from demo.founding import found_folders
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports

PEOPLE = 400
ALONE = 150
PARTIES = (HOLDERS[0], *LENDERS)
SUITES = (Suite.PAILLIER_3072_MASKED, Suite.MASKED_SUM)
Cpu = Mapping[str, float]
"""CPU milliseconds a query, by party."""


def run() -> list[Row]:
    """Measure; less than a minute and a half."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out, port = Path(name) / "consortium", free_ports(25_000)
        first, *more = SUITES
        found_folders(out, Ports(port), LENDERS, Terms(suite=first, more_suites=tuple(more)))
        with Processes(out) as processes:
            processes.start_all()
            found = asyncio.run(_measured(processes, out, port))
    return [one for suite in SUITES for one in _rows(suite, *found[suite])]


async def _measured(processes: Processes, out: Path, port: int) -> dict[Suite, tuple[Measured, Measured, Cpu]]:
    found: dict[Suite, tuple[Measured, Measured, Cpu]] = {}
    async with local_service(out, port) as local:
        for suite in SUITES:

            async def ask(person: int, suite: Suite = suite) -> object:
                asked = question(person)
                asked.suite = suite.name
                return await local.query(asked)

            await measure(ask, range(PEOPLE), 4)
            await asyncio.sleep(4)  # the pools fill
            alone = await measure(ask, range(ALONE), 1)
            before = {party: processes.cpu_seconds(party) for party in PARTIES}
            eight = await measure(ask, range(PEOPLE), 8)
            cpu = {party: (processes.cpu_seconds(party) - before[party]) * 1000 / PEOPLE for party in PARTIES}
            found[suite] = alone, eight, cpu
    return found


def _rows(suite: Suite, alone: Measured, eight: Measured, cpu: Cpu) -> list[Row]:
    name, quick = suite.name, suite is Suite.MASKED_SUM
    asking, others = LENDERS[0], [cpu[lender] for lender in LENDERS[1:]]
    return [
        row(f"{name}: queries a second, 8 in flight", eight.rate, "1/s", "higher", 200 if quick else None),
        row(f"{name}: 8 in flight, p50", eight.percentile(0.5), "ms", "lower", None),
        row(f"{name}: 8 in flight, p99", eight.percentile(0.99), "ms", "lower", 250 if quick else None),
        row(f"{name}: one at a time, p50", alone.percentile(0.5), "ms", "lower", None),
        row(f"{name}: CPU of the gateway a query", cpu[HOLDERS[0]], "ms", "lower", None),
        row(f"{name}: CPU of the asking lender a query", cpu[asking], "ms", "lower", None),
        row(f"{name}: CPU of each other lender a query", sum(others) / len(others), "ms", "lower", None),
    ]
