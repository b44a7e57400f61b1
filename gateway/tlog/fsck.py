"""Checking the whole log: every stored byte is read and hashed again and held to checkpoints, tiles and guard."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from consortium.canonical import CanonicalValue
from consortium.errors import CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.transparency.checkpoints import SignedCheckpoint, open_checkpoint
from consortium.transparency.kinds import parse_entry
from consortium.transparency.notes import VerifierKey
from consortium.transparency.tiles import HEIGHT, WIDTH, TileBuilder
from consortium.transparency.tree import TreeHasher, leaf_hash
from gateway.tlog.log import lines_between
from gateway.tlog.ports import CheckpointGuard, LogStore

MAXIMUM_FINDINGS = 100
Progress = Callable[[int, int], None]


@dataclass
class Checked:
    """What was found: entries, checkpoints and tiles that were read, and everything that is wrong."""

    entries: int = 0
    checkpoints: int = 0
    tiles: int = 0
    findings: list[str] = field(default_factory=list)

    def find(self, text: str) -> None:
        """Note one thing that is wrong; beyond a hundred only that there is more."""
        if len(self.findings) < MAXIMUM_FINDINGS:
            self.findings.append(text)
        elif len(self.findings) == MAXIMUM_FINDINGS:
            self.findings.append("more of the kind")


@dataclass
class Checker:
    """Reads a log once, from the first entry to the last."""

    store: LogStore
    guard: CheckpointGuard
    key: VerifierKey
    checked: Checked = field(default_factory=Checked)
    _time: int = 0

    def run(self, progress: Progress = lambda _done, _of: None) -> Checked:
        """Check everything; raises storage errors only."""
        size, hasher, builder = self.store.size(), TreeHasher(), TileBuilder()
        expected = _Expected(self._signed())
        expected.hold(hasher, self.checked)
        for line in self._lines(size):
            self._check_line(line, hasher.size)
            leaf = leaf_hash(line)
            hasher.append_hash(leaf)
            builder.append(leaf)
            expected.hold(hasher, self.checked)
            if hasher.size % 4096 == 0:
                self._check_tiles(builder, expected.largest)
                progress(hasher.size, size)
        self._check_tiles(builder, expected.largest)
        self.checked.entries = hasher.size
        for signed in expected.rest():
            self.checked.find(f"a checkpoint over {signed.size} entries, there are {hasher.size}")
        return self.checked

    def _lines(self, size: int) -> Iterator[bytes]:
        try:
            yield from lines_between(self.store, 0, size)
        except CreditError as error:
            self.checked.find(str(error.cause))

    def _signed(self) -> Iterator[SignedCheckpoint]:
        """Give every checkpoint that can be opened, the guard's as the last of its size."""
        notes = [kept.note for kept in self.store.checkpoints()]
        newest = self.guard.read()
        if newest is None and notes:
            self.checked.find("the guard is empty")
        opened = [signed for note in notes if (signed := self._open(note, "a stored checkpoint"))]
        if newest is not None and (guarded := self._open(newest, "the guard's checkpoint")):
            if opened and guarded.size < opened[-1].size:
                self.checked.find(f"the guard is older than the data: {guarded.size} entries")
            opened.append(guarded)
        return iter(sorted(opened, key=lambda signed: signed.size))

    def _open(self, note: bytes, what: str) -> SignedCheckpoint | None:
        try:
            return open_checkpoint(note, self.key)
        except CreditError as error:
            self.checked.find(f"{what}: {error.cause}")
            return None

    def _check_line(self, line: bytes, index: int) -> None:
        try:
            value = parse_entry(line)
        except CreditError as error:
            self.checked.find(f"entry {index}: {error.cause}")
            value = _lenient(line)
        time = value.get("time_ms")
        if value.get("index") != index:
            self.checked.find(f"entry {index}: it says another index")
        if isinstance(time, int) and time < self._time:
            self.checked.find(f"entry {index}: its time is before that of the entry before")
        self._time = max(self._time, time) if isinstance(time, int) else self._time

    def _check_tiles(self, builder: TileBuilder, published: int) -> None:
        """Compare tiles that must be stored: those whose leaves a checkpoint covers."""
        for tile in builder.take():
            stored, built = self.store.tile(tile.row, tile.index), tile.nodes
            covered = DIGEST_BYTES * _covered(published, tile.row, tile.index)
            both = min(len(stored), len(built))
            self.checked.tiles += 1
            if stored[:both] != built[:both] or len(stored) < min(covered, len(built)):
                self.checked.find(f"tile {tile.index} of row {tile.row}")


def _covered(published: int, row: int, index: int) -> int:
    """Give how many nodes of a tile must be stored once so many entries are under a checkpoint."""
    nodes = max(0, min(WIDTH, (published >> HEIGHT * row) - WIDTH * index))
    return nodes if row or nodes == WIDTH else 0


class _Expected:
    """Checkpoints in the order of their sizes, each held to the tree when it has that size."""

    def __init__(self, signed: Iterator[SignedCheckpoint]) -> None:
        self._left = list(signed)
        self._at = 0
        self.largest = self._left[-1].size if self._left else 0

    def hold(self, hasher: TreeHasher, checked: Checked) -> None:
        while self._at < len(self._left) and self._left[self._at].size == hasher.size:
            if self._left[self._at].root != hasher.root():
                checked.find(f"the entries do not give the root of the checkpoint over {hasher.size}")
            checked.checkpoints += 1
            self._at += 1

    def rest(self) -> list[SignedCheckpoint]:
        return self._left[self._at :]


def _lenient(line: bytes) -> dict[str, CanonicalValue]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
