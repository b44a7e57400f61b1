"""
What the log costs a query, and how fast an export with bodies is verified: with real processes and 3072-bit keys.

Two consortia that differ in `[log]` alone are asked in turn, a few questions at a time, so that whatever else the
machine does meets both. The export of the one that has a log is then verified on one core.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks.processes import measure, question
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
from protos.credit.v1 import lender_pb2_grpc as grpc_pb

ROUNDS = 24
ASKED_A_ROUND = 10
WARM_UP = 30


def rows() -> list[Row]:
    """Measure; about two minutes."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name, ExitStack() as stack:
        logged, logged_port = stack.enter_context(_consortium(Path(name) / "logged", 26_000, log=True))
        _, plain_port = stack.enter_context(_consortium(Path(name) / "plain", 27_000, log=False))
        latencies = asyncio.run(_in_turn((logged, logged_port), (Path(name) / "plain", plain_port)))
        target = Path(name) / "export.zip"
        settings = RegulatorSettings(logged / REGULATOR)
        asyncio.run(_export(settings, target))
        stack.close()  # nobody else works while the export is verified
        verified = _verified(target, settings)
    with_log, without = (statistics.median(found) for found in latencies)
    return [
        row("a query without [log], median", without, "ms", "lower", None),
        row("a query with [log] and bodies, asked in turn, median", with_log, "ms", "lower", None),
        row("what [log] and bodies add", 100 * (with_log / without - 1), "%", "lower", 10.0),
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
    with_log, without = list[float](), list[float]()
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{consortia[0][1] + 10}") as one,
        grpc.aio.insecure_channel(f"127.0.0.1:{consortia[1][1] + 10}") as other,
    ):
        asks = [_asker(channel, out) for channel, (out, _) in zip((one, other), consortia, strict=True)]
        for ask in asks:
            await measure(ask, range(WARM_UP), 1)
        for number in range(ROUNDS):
            people = range(ASKED_A_ROUND)
            turns = zip(asks, (with_log, without), strict=True)
            for ask, found in [*turns][:: 1 if number % 2 else -1]:
                found.extend((await measure(ask, people, 1)).latencies)
    return with_log, without


def _asker(channel: grpc.aio.Channel, out: Path) -> Any:
    stub: Any = grpc_pb.LenderServiceStub(channel)
    token = (out / LENDERS[0] / "local-token").read_text().strip()
    metadata = (("authorization", f"Bearer {token}"),)

    async def ask(person: int) -> object:
        return await stub.Query(question(person), metadata=metadata, timeout=60)

    return ask


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
