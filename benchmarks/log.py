"""
The transparency log at size: durable appends under concurrency, verification of a million entries, a range's proof.

Verification runs in a process of its own, so that the peak of memory is its own. The peer, pymerkle, is installed
into an environment of its own under build/; it appends to SQLite one leaf after another, as its interface has it.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import audited
from benchmarks.rows import Row, left_out, row
from consortium.canonical import CanonicalValue, canonical_json
from consortium.transparency.checkpoints import sign_checkpoint
from consortium.transparency.notes import KeyType, NoteSigner
from consortium.transparency.policy import NONE, Policy
from consortium.transparency.tiles import Prover, TileBuilder, cut
from consortium.transparency.tree import TreeHasher, leaf_hash
from gateway.committer import GroupCommitter
from gateway.ports import Appended, GatewayTransaction
from gateway.storage.log import SqlLogStore
from gateway.storage.sql import SqlStore
from gateway.tlog.guard import FileGuard
from gateway.tlog.log import Log
from participants.regulator import archive
from participants.regulator.archive import ArchiveWriter, Proof, Selection, open_export
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import verify, verify_lines

ENTRIES = 1_000_000
APPENDS = 40_000
SUBMITTERS = 256
SINGLE = 2_000
QUERIES = 50_000
HOUR_MS, DAY_MS, FIRST_DAY = 3_600_000, 86_400_000, 20_700
RANGE = (450_000, 550_000)
PEER = "pymerkle==6.1.0"
PEER_LEAVES = 2_000
PEER_FOLDER = Path("build/bench/pymerkle")
SIGNER = NoteSigner("bench/log", bytes(32))
_PEER_CODE = """
import sys, time, tempfile, pathlib
from pymerkle import SqliteTree
count = int(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    tree = SqliteTree(str(pathlib.Path(folder) / "tree.db"))
    start = time.perf_counter()
    for number in range(count):
        tree.append_entry(b"%0300d" % number)
    print(count / (time.perf_counter() - start))
"""


def run(entries: int = ENTRIES) -> list[Row]:
    """Measure everything; about five minutes for a million entries."""
    with tempfile.TemporaryDirectory() as folder:
        appended = _appends(Path(folder))
    return [*appended, _peer(), *_alone("lines", entries), *_alone("queries", QUERIES), *audited.rows()]


def _alone(what: str, count: int) -> list[Row]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.log", what, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  this very module
    rows: list[Row] = json.loads(done.stdout)
    return rows


def _refusal(number: int) -> dict[str, CanonicalValue]:
    """Give an entry of a common kind."""
    return {
        "kind": "query-refused",
        "request": f"{number:032x}",
        "query": f"{number:064x}",
        "requester": "lender-one",
        "purpose": "origination",
        "attempt": 0,
        "contributions": [],
        "decision": "CONSENT_USED_UP",
        "reason": "",
    }


def _append(number: int) -> Callable[[GatewayTransaction], Appended]:
    return lambda transaction: transaction.append(_refusal(number))


def _appends(folder: Path) -> list[Row]:
    store = SqlStore(f"sqlite:///{folder}/gateway.db")
    together = asyncio.run(_together(store))
    start = time.perf_counter()
    for number in range(SINGLE):
        store.transact([_append(number)])
    single = SINGLE / (time.perf_counter() - start)
    size = APPENDS + SINGLE
    log = Log(SqlLogStore(f"sqlite:///{folder}/gateway.db"), FileGuard(folder / "guard"), SIGNER)
    start = time.perf_counter()
    log.publish()
    publish = size / (time.perf_counter() - start)
    store.close()
    return [
        row(f"durable appends, {SUBMITTERS} at once, SQLite", together, "1/s", "higher", 10_000.0),
        row("durable appends, one commit each", single, "1/s", "higher", None),
        row("entries hashed, tiled and put under a checkpoint", publish, "1/s", "higher", None),
    ]


async def _together(store: SqlStore) -> float:
    committer = GroupCommitter(store)
    committer.start()
    numbers = iter(range(APPENDS))

    async def submit() -> None:
        for number in numbers:
            await committer.commit(_append(number))

    start = time.perf_counter()
    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    seconds = time.perf_counter() - start
    await committer.stop()
    return APPENDS / seconds


def _peer() -> Row:
    metric = f"the peer, {PEER}: durable appends to SQLite"
    try:
        python = _peer_python()
        command = [str(python), "-c", _PEER_CODE, str(PEER_LEAVES)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return left_out(metric, "skipped: it cannot be installed or run here")
    return row(metric, float(done.stdout), "1/s", "higher", None)


def _peer_python() -> Path:
    python = PEER_FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(PEER_FOLDER, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", PEER]
        subprocess.run(command, check=True, capture_output=True, timeout=300)  # noqa: S603  our own environment
    return python


def _lines(count: int) -> Iterable[bytes]:
    for number in range(count):
        yield canonical_json({**_refusal(number), "index": number, "time_ms": 1_790_000_000_000 + number})


def _measure(entries: int, folder: Path) -> list[Row]:
    path, hasher, prover = folder / "export.zip", TreeHasher(), _Built()
    with (folder / "lines").open("wb") as file:
        for line in _lines(entries):
            leaf = leaf_hash(line)
            hasher.append_hash(leaf)
            prover.append(leaf)
            file.write(line + b"\n")
    proof = _write(path, folder / "lines", hasher, entries)
    start = time.perf_counter()
    with open_export(path) as export:
        verify_lines(export, hasher.root())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    first, end = (bound * entries // ENTRIES for bound in RANGE)
    ranged = prover.prover().range(first, end, proof.size)
    size = 32 * (len(ranged.left) + len(ranged.right))
    return [
        row(f"verify {entries:,} entries, lines and root", entries / seconds, "1/s", "higher", 100_000.0),
        row("peak memory of making and verifying it", peak, "MiB", "lower", 300.0),
        row(f"proof of a range of {end - first:,} in {entries:,} entries", size, "bytes", "lower", 1024.0),
    ]


def _queries(count: int) -> Iterable[dict[str, CanonicalValue]]:
    """Give admissions and answers of five lenders, one every hour."""
    lenders = [f"lender-{name}" for name in ("one", "two", "three", "four", "five")]
    for number in range(count):
        time_ms, digest, used = FIRST_DAY * DAY_MS + number * HOUR_MS, f"{number:064x}", number % 24
        yield {
            "kind": "query-admitted",
            "index": 2 * number,
            "time_ms": time_ms,
            "request": f"{number:032x}",
            "requester": lenders[0],
            "purpose": "origination",
            "attributes": ["balance"],
            "suite": "PAILLIER_3072_MASKED",
            "issued_at": time_ms // 1000,
            "expires_at": time_ms // 1000 + 60,
            "roster": [*lenders],
            "quota": {"before": used, "after": used + 1, "limit": 1_000},
            **dict.fromkeys(("query", "consent", "staff", "rulebook", "tags", "payload", "envelope"), digest),
        }
        yield {
            "kind": "query-answered",
            "index": 2 * number + 1,
            "time_ms": time_ms + 60,
            "admission": 2 * number,
            "attempt": 1,
            "intended": [*lenders],
            "answering": [*lenders],
            "contributions": [_contribution(lender, number) for lender in lenders],
            "differing": [],
            "decision": "ANSWERED",
            **dict.fromkeys(("query", "ctx", "product", "transcript"), digest),
        }


def _contribution(member: str, number: int) -> CanonicalValue:
    messages: dict[str, CanonicalValue] = {
        f"round{part}": {"digest": f"{2 * number + part:064x}", "counter": 2 * number + part} for part in (1, 2)
    }
    return {"member": member, "outcome": "OK", **messages}


def _measure_queries(queries: int, folder: Path) -> list[Row]:
    """Verify everything that entries can show, without bodies and rulebooks."""
    hasher = TreeHasher()
    with (folder / "lines").open("wb") as file:
        for entry in _queries(queries):
            line = canonical_json(entry)
            hasher.append(line)
            file.write(line + b"\n")
    _write(folder / "export.zip", folder / "lines", hasher, 2 * queries)
    policy = Policy((SIGNER.verifier(KeyType.ED25519),), {}, {}, NONE)
    start = time.perf_counter()
    audit = verify(folder / "export.zip", Trust(policy, None))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    if audit.verdict.state is State.FAILED:
        raise RuntimeError(str(audit.verdict.findings))
    return [
        row(f"verify {2 * queries:,} entries of queries, all but bodies", 2 * queries / seconds, "1/s", "higher", None),
        row("peak memory of making and verifying them", peak, "MiB", "lower", 300.0),
    ]


def _write(path: Path, lines: Path, hasher: TreeHasher, entries: int) -> Proof:
    writer = ArchiveWriter(path)
    writer.add_file(archive.ENTRIES, lines)
    writer.add(archive.CHECKPOINT, [sign_checkpoint(SIGNER, entries, hasher.root()).note.to_bytes()])
    proof = Proof(
        consortium="bench",
        selection=Selection(),
        first=0,
        end=entries,
        size=entries,
        left=(),
        right=(),
        files=writer.digests,
    )
    writer.add(archive.PROOF, [proof.to_bytes()])
    writer.close()
    return proof


class _Built:
    """A tree's tiles in memory."""

    def __init__(self) -> None:
        self._builder = TileBuilder()
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._last: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        self._builder.append(leaf)
        self._last = [*self._last, leaf] if self._builder.size % 256 else []
        if not self._last:
            self._tiles |= {(tile.row, tile.index): tile.nodes for tile in self._builder.take()}

    def prover(self) -> Prover:
        return Prover(self._read)

    def _read(self, level: int, start: int, count: int) -> list[bytes]:
        index, offset = divmod(start, 256)
        nodes = list(cut(self._tiles.get((level, index), b""))) or self._last
        return nodes[offset : offset + count]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        work = _measure if sys.argv[1] == "lines" else _measure_queries
        print(json.dumps(work(int(sys.argv[2]), Path(made))))
