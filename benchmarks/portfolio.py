"""
One portfolio of a million people, eight attributes and five lenders, through real processes over mutual TLS.

Gateway and five lenders' nodes on the same cores; the asking node's own work runs here, so that it can begin from a
tokenised list: seeded keys and tags, sealed and asked about, and the sums of every person written to a file. Each
lender holds two people in five. Then the same list once more, with queries about one person beside it, which jobs
step back for.
"""

import asyncio
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.day_book import ATTRIBUTES, file_of
from benchmarks.local import local_service
from benchmarks.peers import bfv_seconds, pypaillier_seconds
from benchmarks.processes import Measured, measure, question
from benchmarks.rows import Row, left_out, row
from consortium.model.catalogue import Family, Purpose
from consortium.model.query import Suite
from demo.consortium import HOLDERS, LENDERS, Terms
from demo.founding import found_folders
from participants.bootstrap import open_book, open_tls
from participants.composition import compose
from participants.lender.ask import ConsentTerms
from participants.lender.bulk.column_maker import BookedFile
from participants.lender.portfolio.ask import ListPeople, ListQuestion
from participants.lender.portfolio.asking import ListAsker
from participants.portfolio_parts import ListSide, list_asker
from participants.renewal import ExchangeableTokeniser
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports
from participants.settings import NodeSettings
from participants.storage.book_rows import current_book
from participants.storage.day_snapshot import MANIFEST, write_snapshot
from participants.storage.snapshots import snapshot_place

PEOPLE = int(os.environ.get("CREDIT_BENCH_PEOPLE", "1000000"))
HELD = PEOPLE * 2 // 5
COUNTERS = PEOPLE * len(ATTRIBUTES) * len(LENDERS)
JOB, JOB_BESIDE = b"p" * 16, b"b" * 16
ALONE_QUERIES, GATEWAY = 400, HOLDERS[0]


def run() -> list[Row]:
    """Measure; five minutes on two quiet cores."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out, port = Path(name) / "consortium", free_ports(27_000)
        terms = Terms(suite=Suite.PAILLIER_3072_MASKED, more_suites=(Suite.MASKED_SUM,))
        found_folders(out, Ports(port), LENDERS, terms)
        keys = _keys()
        _write_books(out, keys)
        with Processes(out) as processes:
            processes.start_all()
            rows, seconds = asyncio.run(_measured(processes, out, port, keys))
    return rows + _peers(seconds)


def _keys() -> np.ndarray:
    """Draw the subject keys of everybody, seeded."""
    return np.random.default_rng(7).integers(0, 256, (PEOPLE, 64), dtype=np.uint8)


def _tags(keys: np.ndarray) -> list[bytes]:
    return [hashlib.sha256(key.tobytes()).digest() for key in keys]


def _write_books(out: Path, keys: np.ndarray) -> None:
    """Give every lender the snapshot of a book of the first people, as it makes it of a loaded book."""
    pairs = sorted((tag, number) for number, tag in enumerate(_tags(keys[:HELD])))

    def booked() -> Iterator[BookedFile]:
        for tag, number in pairs:
            yield tag, keys[number].tobytes(), None, file_of(number)

    made: tuple[Path, str, str] | None = None
    for lender in LENDERS:
        with open_book(NodeSettings(out / lender)) as book:
            current = current_book(book.connection())
            place = snapshot_place(book.path, current)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        root, start = current.root.root.hex(), current.start.head.hex()
        if made is None:
            write_snapshot(place, booked(), current.root.root, current.start.head)
            made = place, root, start
        else:
            shutil.copytree(made[0], place)
            manifest = place / MANIFEST
            manifest.write_text(manifest.read_text().replace(made[1], root).replace(made[2], start))


async def _measured(processes: Processes, out: Path, port: int, keys: np.ndarray) -> tuple[list[Row], float]:
    tags = np.frombuffer(b"".join(_tags(keys)), dtype="S32")
    order = np.argsort(tags)
    people = ListPeople(tags[order].view(np.uint8).reshape(-1, 32).copy(), keys[order])
    async with local_service(out, port) as local:

        async def ask(person: int) -> object:
            asked = question(person)
            asked.suite = Suite.MASKED_SUM.name
            return await local.query(asked)

        await measure(ask, range(ALONE_QUERIES), 1)
        alone = (await measure(ask, range(ALONE_QUERIES), 1)).latencies
        before = {party: processes.cpu_seconds(party) for party in (GATEWAY, *LENDERS)}
        with ExitStack() as stack:
            asker = _asker(out / LENDERS[1], stack)
            seconds = await _job(asker, JOB, people, out / "portfolio.parquet")
            used = {party: processes.cpu_seconds(party) - before[party] for party in before}
            asking = asyncio.create_task(_until_cancelled(ask))
            slower = await _job(asker, JOB_BESIDE, people, out / "beside.parquet")
            asking.cancel()
        alone += (await measure(ask, range(ALONE_QUERIES), 1)).latencies  # before and after, for a machine that drifts
    beside = _beside(Measured(sorted(alone), 0.0), await asking, slower["whole"])
    rows = [*_rows(seconds, used), *_memory(processes), *beside]
    return rows, seconds["whole"]


async def _job(asker: ListAsker, job: bytes, people: ListPeople, out: Path) -> dict[str, float]:
    """Run a job to its file; gives seconds by stage."""
    times, workers = {}, ThreadPoolExecutor(1)
    start = time.perf_counter()
    create = partial(asker.create, job, people, ListQuestion(ATTRIBUTES), _terms())
    await asyncio.get_running_loop().run_in_executor(workers, create)
    times["sealing"] = time.perf_counter() - start
    progress = await asker.run(job, patience=60)
    times["asking"] = time.perf_counter() - start - times["sealing"]
    write = partial(_write, asker, job, out)
    rows = await asyncio.get_running_loop().run_in_executor(workers, write)
    times["whole"] = time.perf_counter() - start
    times["writing"] = times["whole"] - times["asking"] - times["sealing"]
    assert progress.state.ended
    assert rows == PEOPLE
    return times


async def _until_cancelled(ask: Callable[[int], object]) -> Measured:
    """Ask one question after another."""
    latencies, start, person = [], time.perf_counter(), 0
    try:
        while True:
            began = time.perf_counter()
            await ask(person % ALONE_QUERIES)  # type: ignore[misc]  # a coroutine
            latencies.append((time.perf_counter() - began) * 1000)
            person += 1
    except asyncio.CancelledError:
        return Measured(sorted(latencies), time.perf_counter() - start)


def _write(asker: ListAsker, job: bytes, out: Path) -> int:
    """Write one row a person to a Parquet file; gives how many."""
    with closing(duckdb.connect(config={"threads": 1})) as database:
        for block in asker.results(job):
            found = np.arange(block.rows.start, block.rows.stop)[block.kept]
            columns = {"row": found, **{name: block.totals[name] for name in ATTRIBUTES}}
            database.register("block", columns)
            database.execute("CREATE TABLE IF NOT EXISTS people AS SELECT * FROM block LIMIT 0")
            database.execute("INSERT INTO people SELECT * FROM block")
        database.execute(f"COPY people TO '{out}' (FORMAT parquet)")
        counts = "SELECT count(*), count(*) FILTER (lenders_with_open_tradeline = 5) FROM people"
        rows, held = database.execute(counts).fetchone() or (0, 0)
    assert held == HELD, "five lenders hold the same people"
    return int(rows)


def _asker(folder: Path, stack: ExitStack) -> ListAsker:
    """Put the asking side of a node together from its folder, beside the node that serves."""
    settings = NodeSettings(folder)
    tls = partial(open_tls, settings)
    tokeniser = stack.enter_context(closing(ExchangeableTokeniser(settings, tls)))
    parts = compose(settings, stack, tokeniser, tls())
    workers = stack.enter_context(ThreadPoolExecutor(2))
    return list_asker(parts, ListSide(parts).contributor, tls, workers)[0]


def _terms() -> ConsentTerms:
    now = int(time.time())
    return ConsentTerms(
        purpose=Purpose.PORTFOLIO,
        families=frozenset(Family),
        issued_at=now - 60,
        expires_at=now + 86_400,
        maximum_uses=1,
        notice_digest=b"n" * 32,
        notice_language="en",
        evidence_digest=b"e" * 32,
    )


def _rows(seconds: Mapping[str, float], used: Mapping[str, float]) -> list[Row]:
    lenders = [used[one] for one in LENDERS]
    return [
        row(
            f"{PEOPLE:,} people x {len(ATTRIBUTES)} attributes x 5 lenders, from tags to the file",
            seconds["whole"],
            "s",
            "lower",
            60.0,
        ),
        row("of that proofs and sealing", seconds["sealing"], "s", "lower", None),
        row("of that both rounds of all blocks", seconds["asking"], "s", "lower", None),
        row("of that writing the file", seconds["writing"], "s", "lower", None),
        row("people a second", PEOPLE / seconds["whole"], "1/s", "higher", None),
        row("CPU of the gateway", used[GATEWAY], "s", "lower", None),
        row("CPU of a lender's node", sum(lenders) / len(lenders), "s", "lower", None),
        row(
            "a counter (a number of one lender for one person)", seconds["whole"] / COUNTERS * 1e6, "us", "lower", None
        ),
    ]


def _memory(processes: Processes) -> list[Row]:
    most = max(_peak(processes.pid(party)) for party in (GATEWAY, *LENDERS))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        row("most memory of gateway or node", most, "MiB", "lower", 2048.0),
        row("most memory of this process, which asks and drew the list", own, "MiB", "lower", 2048.0),
    ]


def _peak(pid: int) -> float:
    """Give the most memory that a process has had, MiB; 0 where the system has no /proc."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _beside(alone: Measured, beside: Measured, whole: float) -> list[Row]:
    return [
        row("the same list once more, with queries about one person beside it", whole, "s", "lower", None),
        row("queries about one person, alone, p50", alone.percentile(0.5), "ms", "lower", None),
        row("queries about one person, alone, p99", alone.percentile(0.99), "ms", "lower", None),
        row("queries about one person, beside the job, p50", beside.percentile(0.5), "ms", "lower", None),
        row(
            "queries about one person, beside the job, p99",
            beside.percentile(0.99),
            "ms",
            "lower",
            2 * alone.percentile(0.99),
        ),
    ]


def _peers(seconds: float) -> list[Row]:
    ours, peer, lattice = seconds / COUNTERS, pypaillier_seconds(), bfv_seconds(len(LENDERS))
    rows = [
        row("a counter, pypaillier 0.8.0 encrypting and adding, all cores", peer * 1e6, "us", "lower", None),
        row("a counter, pypaillier / ours", peer / ours, "times", "higher", 1000.0),
    ]
    if lattice is None:
        return [*rows, left_out("a counter, TenSEAL BFV", "tenseal is not installed")]
    name = "a counter of 20 bits, TenSEAL 0.3 BFV (8192), encrypting, adding, decrypting"
    return [
        *rows,
        row(name, lattice * 1e6, "us", "lower", None),
        row("TenSEAL / ours", lattice / ours, "times", "higher", None),
    ]
