"""
Queries through real processes: gateway, two custodians and five lenders on loopback with mutual TLS, 3072-bit keys.

Beside it the same fan-out in plaintext gRPC (`benchmarks.plaintext`), so that the price of privacy is one ratio.
Everything runs on the same cores, the load generator too. Books are empty: a look-up of an absent person parses a
decoy, so that it costs what a small file costs.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from benchmarks.local import local_service
from benchmarks.rows import Row, row
from consortium.model.query import Suite
from demo.consortium import HOLDERS, LENDERS, Terms
from demo.founding import found_folders
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports
from protos.credit.v1 import lender_pb2 as pb

ALONE = 200
LOADED = 400
WARM_UP = 40
ATTRIBUTES = (
    "balance",
    "open_tradelines",
    "credit_limit",
    "amount_past_due",
    "scheduled_payments_30d",
    "worst_dpd_now_30_59",
    "hard_inquiries_0_1h",
    "hard_inquiries_1_24h",
)
DIGEST = bytes(32)
Ask = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in milliseconds, sorted, and the seconds that all took together."""

    latencies: list[float]
    seconds: float

    def percentile(self, share: float) -> float:
        """Give a percentile."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]

    @property
    def rate(self) -> float:
        """Give queries a second."""
        return len(self.latencies) / self.seconds


def run() -> list[Row]:
    """Measure; about a minute and a half."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out = Path(name) / "consortium"
        port = free_ports(23_000)
        found_folders(out, Ports(port), LENDERS, Terms(suite=Suite.PAILLIER_3072_MASKED))
        node = out / LENDERS[0] / "node.toml"
        node.write_text(f"metrics_port = {port + 20}\n" + node.read_text())
        with Processes(out) as processes:
            processes.start_all()
            private = asyncio.run(_private(processes, out, port))
        with _plaintext(out / HOLDERS[0], port + 25):
            plain = asyncio.run(_plain(out / HOLDERS[0], port + 25))
    return private + plain + _price(private, plain)


async def _private(processes: Processes, out: Path, port: int) -> list[Row]:
    gateway = HOLDERS[0]
    async with local_service(out, port) as local:

        async def ask(person: int) -> object:
            return await local.query(question(person))

        await measure(ask, range(WARM_UP), 1)
        new = await measure(ask, range(1_000, 1_000 + ALONE), 1)
        fresh = await measure(ask, range(1_000 + ALONE, 1_000 + LOADED), 8)
        known_people = range(1_000, 1_000 + LOADED)
        before = processes.cpu_seconds(gateway)
        known = await measure(ask, known_people[:ALONE], 1)
        alone = (processes.cpu_seconds(gateway) - before) / ALONE * 1000
        lag_before = _lags(port)
        eight = await measure(ask, known_people, 8)
        lags = _lag_percentiles(lag_before, _lags(port))
        before = processes.cpu_seconds(gateway)
        many = await measure(ask, known_people, 32)
        busy = (processes.cpu_seconds(gateway) - before) / LOADED * 1000
    return [
        row("query, subject key known, one at a time, p50", known.percentile(0.5), "ms", "lower", 40),
        row("query, subject key known, one at a time, p99", known.percentile(0.99), "ms", "lower", 80),
        row("query, new identifiers evaluated first, p50", new.percentile(0.5), "ms", "lower", 50),
        row("gateway CPU a query, one at a time", alone, "ms", "lower", 8),
        row("gateway CPU a query, 32 in flight", busy, "ms", "lower", 6),
        row("queries a second, 8 in flight", eight.rate, "1/s", "higher", 50),
        row("query, 8 in flight, p50", eight.percentile(0.5), "ms", "lower", None),
        row("query, 8 in flight, p99", eight.percentile(0.99), "ms", "lower", 250),
        row("queries a second, 8 in flight, new identifiers evaluated first", fresh.rate, "1/s", "higher", None),
        row("queries a second, 32 in flight", many.rate, "1/s", "higher", None),
        row("event-loop lag of the gateway, 8 in flight, p99", lags[0], "ms", "lower", 20),
        row("event-loop lag of a lender, 8 in flight, p99", lags[1], "ms", "lower", 20),
    ]


async def _plain(folder: Path, port: int) -> list[Row]:
    key, certificate, ca = ((folder / name).read_bytes() for name in ("tls.key", "tls.crt", "ca.crt"))
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
        call: Any = channel.unary_unary("/plain/Ask")

        async def ask(person: int) -> object:
            return await call(str(person).encode(), timeout=60)

        await measure(ask, range(WARM_UP), 1)
        alone = await measure(ask, range(ALONE), 1)
        eight = await measure(ask, range(LOADED), 8)
    return [
        row("plaintext fan-out, one at a time, p50", alone.percentile(0.5), "ms", "lower", None),
        row("plaintext fan-out, queries a second, 8 in flight", eight.rate, "1/s", "higher", None),
    ]


def _price(private: list[Row], plain: list[Row]) -> list[Row]:
    value = {item["metric"]: float(str(item["value"])) for item in private + plain}
    latency = value["query, subject key known, one at a time, p50"] / value["plaintext fan-out, one at a time, p50"]
    rate = value["plaintext fan-out, queries a second, 8 in flight"] / value["queries a second, 8 in flight"]
    return [
        row("price of privacy: latency against plaintext", latency, "times", "lower", None),
        row("price of privacy: throughput against plaintext", rate, "times", "lower", None),
    ]


async def measure(ask: Ask, people: Iterable[int], in_flight: int) -> Measured:
    """Ask about people, so many at a time."""
    waiting, latencies = iter(people), list[float]()

    async def worker() -> None:
        for person in waiting:
            start = time.perf_counter()
            await ask(person)
            latencies.append((time.perf_counter() - start) * 1000)

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return Measured(sorted(latencies), time.perf_counter() - start)


def question(person: int) -> pb.QueryRequest:
    """Give a question about a made-up person."""
    consent = pb.Consent(
        families=["exposure", "repayment", "inquiries"],
        issued_at=1_600_000_000,
        expires_at=4_000_000_000,
        maximum_uses=100,
        notice_digest=DIGEST,
        notice_language="en",
        evidence_digest=DIGEST,
    )
    phone = pb.Identifier(kind="IDENTIFIER_KIND_PHONE", text=f"139{10_000_000 + person}", country="CN")
    return pb.QueryRequest(
        identifiers=[phone], purpose="origination", attributes=ATTRIBUTES, consent=consent, lifetime_seconds=60
    )


Buckets = dict[float, float]


def _lags(port: int) -> tuple[Buckets, Buckets]:
    """Read the cumulative lag histograms of gateway and asking lender."""
    return _histogram(port + 1), _histogram(port + 20)


def _histogram(port: int) -> Buckets:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        text = page.read().decode()
    found_rows = re.findall(r'credit_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    return {float(bound): float(count) for bound, count in found_rows}


def _lag_percentiles(before: tuple[Buckets, Buckets], after: tuple[Buckets, Buckets]) -> list[float]:
    """Give the upper bound, in ms, of the bucket that holds the 99th percentile of each."""
    bounds = []
    for old, new in zip(before, after, strict=True):
        counts = {bound: new[bound] - old.get(bound, 0) for bound in sorted(new)}
        total = counts[float("inf")]
        bounds.append(1000 * next(bound for bound, count in counts.items() if count >= 0.99 * total))
    return bounds


@contextmanager
def _plaintext(folder: Path, port: int) -> Iterator[None]:
    """Run the plaintext peer's processes."""
    kinds = ["hub"] + ["node"] * len(LENDERS)
    running = []
    try:
        for kind in kinds:
            command = [sys.executable, "-m", "benchmarks.plaintext", kind, str(folder), str(port)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  our own module
            running.append(process)
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)
