"""
What the log costs a query, and how fast an export with bodies is verified: with real processes and 3072-bit keys.

Two consortia that differ in `[log]` alone are asked in turn, in blocks of a few questions, so that whatever else the
machine does meets both: each block with the log is compared with the block without it beside which it was asked, and
the figure is the median of these differences. The export of the one that has a log is then verified on one core.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.local import LocalService, local_service
from benchmarks.processes import Ask, measure, question
from benchmarks.rows import Row, row
from consortium.model.query import Suite
from consortium.transparency.policy import NONE, Policy
from demo.consortium import LENDERS, Terms
from demo.founding import found_folders
from participants.gateway_client.rulebook import fetch_rulebooks
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import Selection
from participants.regulator.exporting import Source, export
from participants.regulator.serving import first_rulebook, tls_of
from participants.regulator.settings import RegulatorSettings
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.sandbox.founding import REGULATOR
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports

BLOCKS = 60
ASKED_A_BLOCK = 10
WARM_UP = 30


def rows() -> list[Row]:
    """Measure; about three minutes."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name, ExitStack() as stack:
        logged, logged_port = stack.enter_context(_consortium(Path(name) / "logged", 26_000, log=True))
        _, plain_port = stack.enter_context(_consortium(Path(name) / "plain", 27_000, log=False))
        latencies = asyncio.run(_in_turn((logged, logged_port), (Path(name) / "plain", plain_port)))
        target = Path(name) / "export.zip"
        settings = RegulatorSettings(logged / REGULATOR)
        asyncio.run(_export(settings, target))
        stack.close()  # nobody else works while the export is verified
        verified = _verified(target, settings)
    with_log, without = latencies
    base = statistics.median(without)
    shares = [100 * (one - other) / base for one, other in zip(with_log, without, strict=True)]
    low, _, high = statistics.quantiles(shares, n=4)
    return [
        row("a query without [log], median of blocks", base, "ms", "lower", None),
        row("a query with [log] and bodies, median of blocks", statistics.median(with_log), "ms", "lower", None),
        row(
            f"what [log] and bodies add: median of {BLOCKS} pairs of blocks, a quarter below {low:.1f} %, "
            f"a quarter above {high:.1f} %",
            statistics.median(shares),
            "%",
            "lower",
            10.0,
        ),
        *verified,
    ]


@contextmanager
def _consortium(out: Path, first: int, *, log: bool) -> Iterator[tuple[Path, int]]:
    port = free_ports(first)
    found_folders(out, Ports(port), LENDERS, Terms(suite=Suite.PAILLIER_3072_MASKED))
    settings = out / "gateway" / "gateway.toml"
    if not log:
        text = settings.read_text()
        before, _, after = text.partition("[log]")
        settings.write_text(before + after[after.index("\n[") + 1 :])
    with Processes(out) as processes:
        processes.start_all()
        yield out, port


async def _in_turn(*consortia: tuple[Path, int]) -> tuple[list[float], list[float]]:
    """Give the median latency of each block, with the log and without; whoever is asked first alternates."""
    with_log, without = list[float](), list[float]()
    async with (
        local_service(*consortia[0]) as one,
        local_service(*consortia[1]) as other,
    ):
        asks = [_asker(one), _asker(other)]
        for ask in asks:
            await measure(ask, range(WARM_UP), 1)
        for number in range(BLOCKS):
            people = range(ASKED_A_BLOCK)
            turns = zip(asks, (with_log, without), strict=True)
            for ask, found in [*turns][:: 1 if number % 2 else -1]:
                found.append(statistics.median((await measure(ask, people, 1)).latencies))
    return with_log, without


def _asker(local: LocalService) -> Ask:
    return lambda person: local.query(question(person))


async def _export(settings: RegulatorSettings, target: Path) -> None:
    address, tls = settings.file.gateway.addresses[0], tls_of(settings)
    rulebooks = await fetch_rulebooks(address, tls)
    await asyncio.sleep(2.0)  # until the last entries are under a checkpoint
    async with TransparencyClient(address, tls) as client:
        consortium = first_rulebook(settings).document.consortium
        await export(Source(client, rulebooks, settings.policy(), consortium), Selection(), target)


def _verified(target: Path, settings: RegulatorSettings) -> list[Row]:
    believed = settings.policy()
    trust = Trust(Policy(believed.logs, {}, {}, NONE), settings.file.rulebook.fingerprint.hex())
    start = time.process_time()
    audit = verify(target, trust)
    seconds = time.process_time() - start  # of one core: it has one thread
    answered = audit.statistics.outcomes["answered"]
    if audit.verdict.state is State.FAILED or not answered:
        raise RuntimeError("the export does not verify")
    size = target.stat().st_size / answered
    return [
        row(
            f"verify {answered:,} queries: lines, bodies, signatures, products; one core",
            answered / seconds,
            "1/s",
            "higher",
            300.0,
        ),
        row("export with bodies, bytes a query", size, "bytes", "lower", None),
    ]
