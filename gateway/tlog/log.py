"""
The sequencer: hashes what was appended, signs checkpoints, and never signs two histories.

Order matters: entries are durable first, then the guard takes the new checkpoint in place of the one before, then the
store gets it with its tiles. Whatever a crash leaves half done is finished by the next start from the entries alone.
A store that is shorter than the guard, or hashes to something else, is refused: it was put back from a backup.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.transparency.checkpoints import SignedCheckpoint, open_checkpoint, sign_checkpoint
from consortium.transparency.notes import KeyType, NoteSigner
from consortium.transparency.tiles import WIDTH, Prover, TileBuilder, cut, unfinished
from consortium.transparency.tree import TreeHasher, leaf_hash
from gateway.failpoints import failpoint
from gateway.tlog.ports import CheckpointGuard, Kept, LogStore

BATCH = 1024
CACHED_TILES = 256


@dataclass
class _Growing:
    """The tree in memory: its newest checkpoint, frontier and unfinished tiles, O(log n)."""

    newest: SignedCheckpoint | None
    hasher: TreeHasher
    builder: TileBuilder

    def append(self, line: bytes) -> None:
        leaf = leaf_hash(line)
        self.hasher.append_hash(leaf)
        self.builder.append(leaf)


class Log:
    """The log of one gateway; one object a process, used by one thread at a time."""

    def __init__(
        self,
        store: LogStore,
        guard: CheckpointGuard,
        signer: NoteSigner,
        seen: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.key = signer.verifier(KeyType.ED25519)
        self.prover = Prover(self.nodes)
        self._guard = guard
        self._signer = signer
        self._seen = seen
        self._full: dict[tuple[int, int], bytes] = {}
        self._growing: _Growing | None = None

    def start(self) -> SignedCheckpoint | None:
        """
        Compare data and guard, finish what a crash left, and give the newest checkpoint.

        Raises CreditError(LOG_BEHIND), (LOG_FORKED), (LOG_GUARD_LOST) or (LOG_DAMAGED).
        """
        guarded, kept = self._guarded(), self._kept()
        self._check_pair(guarded, kept)
        growing = self._resume(kept)
        if guarded is not None and (kept is None or kept.size < guarded.size):
            self._grow(growing, guarded.size)
            if growing.hasher.root() != guarded.root:
                raise CreditError(Code.LOG_FORKED, f"at {guarded.size} entries")
            self._store(growing, guarded)
        self._growing = growing
        return growing.newest

    def publish(self) -> SignedCheckpoint | None:
        """
        Sign and keep a checkpoint over everything durable; gives None where there is nothing new.

        Raises as `start`, and storage errors; the next call then begins from what is stored.
        """
        if self._growing is None:
            self.start()
        growing, self._growing = self._growing, None  # whatever fails below, memory is not trusted afterwards
        if growing is None:
            return None
        size = self.store.size()
        if growing.newest is not None and growing.newest.size == size:
            self._growing = growing
            return None
        expected = growing.newest.note.to_bytes() if growing.newest else None
        self._grow(growing, size)
        signed = sign_checkpoint(self._signer, size, growing.hasher.root())
        failpoint("gateway.before-guard")
        if not self._guard.swap(expected, signed.note.to_bytes()):
            return None  # another replica was faster; the next call starts from its checkpoint
        failpoint("gateway.after-guard")
        self._store(growing, signed)
        failpoint("gateway.after-checkpoint")
        self._growing = growing
        return signed

    def nodes(self, row: int, start: int, count: int) -> list[bytes]:
        """Give nodes of a row: from a tile, and of an unfinished lowest one from the entries themselves."""
        if count == 0:
            return []
        index, offset = divmod(start, WIDTH)
        found = self._tile(row, index)[offset : offset + count]
        if len(found) < count and row == 0:
            found = [leaf_hash(line) for line in self.store.lines(start, start + count)]
        if len(found) < count:
            raise CreditError(Code.LOG_DAMAGED, "a tile is missing")
        return found

    def newest(self, at_most: int | None = None) -> SignedCheckpoint:
        """Give a stored checkpoint; raises CreditError(TREE_PROOF_INVALID) where there is none."""
        kept = self.store.newest(at_most)
        if kept is None:
            raise CreditError(Code.TREE_PROOF_INVALID, "no checkpoint of this size yet")
        return open_checkpoint(kept.note, self.key)

    def _tile(self, row: int, index: int) -> list[bytes]:
        """Read a tile; full ones never change and stay in memory, the latest of them."""
        nodes = self._full.get((row, index)) or self.store.tile(row, index)
        if len(nodes) == WIDTH * DIGEST_BYTES:
            if len(self._full) >= CACHED_TILES:
                self._full = {}
            self._full[row, index] = nodes
        return list(cut(nodes))

    def _guarded(self) -> SignedCheckpoint | None:
        note = self._guard.read()
        return open_checkpoint(note, self.key) if note is not None else None

    def _kept(self) -> SignedCheckpoint | None:
        kept = self.store.newest()
        return open_checkpoint(kept.note, self.key) if kept else None

    def _check_pair(self, guarded: SignedCheckpoint | None, kept: SignedCheckpoint | None) -> None:
        if guarded is None:
            if kept is not None:
                raise CreditError(Code.LOG_GUARD_LOST, f"the data have a checkpoint of {kept.size} entries")
            return
        size = self.store.size()
        if size < guarded.size:
            raise CreditError(Code.LOG_BEHIND, f"{size} entries, {guarded.size} were signed")
        if kept is not None and kept.size > guarded.size:
            raise CreditError(Code.LOG_GUARD_LOST, f"the guard is older than the data, at {guarded.size} entries")
        if kept is not None and kept.size == guarded.size and kept.root != guarded.root:
            raise CreditError(Code.LOG_FORKED, f"at {kept.size} entries")

    def _resume(self, kept: SignedCheckpoint | None) -> _Growing:
        if kept is None:
            return _Growing(None, TreeHasher(), TileBuilder())
        hasher = self.prover.hasher(kept.size)
        if hasher.root() != kept.root:
            raise CreditError(Code.LOG_DAMAGED, f"the tiles do not give the root of {kept.size} entries")
        rows = [self.nodes(row, start, count) for row, start, count in unfinished(kept.size)]
        return _Growing(kept, hasher, TileBuilder(kept.size, rows))

    def _grow(self, growing: _Growing, size: int) -> None:
        for line in lines_between(self.store, growing.hasher.size, size):
            growing.append(line)
            self._seen(line)

    def _store(self, growing: _Growing, signed: SignedCheckpoint) -> None:
        self.store.publish(Kept(signed.size, signed.note.to_bytes()), growing.builder.take())
        growing.newest = signed


def lines_between(store: LogStore, start: int, end: int) -> Iterator[bytes]:
    """Give the lines of a range in batches; raises CreditError(LOG_DAMAGED) where one is missing."""
    for at in range(start, end, BATCH):
        lines = store.lines(at, min(at + BATCH, end))
        if len(lines) != min(at + BATCH, end) - at:
            raise CreditError(Code.LOG_DAMAGED, f"an entry is missing from {at} on")
        yield from lines
