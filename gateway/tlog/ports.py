"""What the log needs of the world around it; every guarantee is part of the interface."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from consortium.transparency.tiles import Tile


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored checkpoint: its size and the log's own note, without cosignatures."""

    size: int
    note: bytes


class LogStore(Protocol):
    """The entries, which others append, and what the log keeps beside them; shared by replicas."""

    def size(self) -> int:
        """Give the number of durable entries."""
        ...

    def lines(self, start: int, end: int) -> list[bytes]:
        """Give the exact bytes of the entries from `start` up to `end`, without it."""
        ...

    def tile(self, row: int, index: int) -> bytes:
        """Give the nodes of a tile, as far as they are there; empty where there is none."""
        ...

    def newest(self, at_most: int | None = None) -> Kept | None:
        """Give the largest checkpoint, of at most so many leaves."""
        ...

    def checkpoints(self) -> Iterator[Kept]:
        """Give every checkpoint, the smallest first."""
        ...

    def publish(self, kept: Kept, tiles: Sequence[Tile]) -> None:
        """Keep a checkpoint and its tiles at once; a longer tile that is there stays."""
        ...

    def cosignatures(self, size: int) -> list[str]:
        """Give the cosignature lines of a checkpoint."""
        ...

    def cosigned(self) -> dict[str, int]:
        """Give the size of the newest checkpoint that each witness has cosigned, by its key's name."""
        ...

    def add_cosignature(self, size: int, witness: str, line: str) -> None:
        """Keep a witness's line, in place of an older one of the same checkpoint."""
        ...


class CheckpointGuard(Protocol):
    """
    The newest checkpoint, kept outside the data: on another volume or in another database.

    It is never part of a backup of the data, so that data that are put back cannot pretend to be the newest.
    """

    def read(self) -> bytes | None:
        """Give the newest note, None before the first."""
        ...

    def swap(self, expected: bytes | None, new: bytes) -> bool:
        """Put `new` in place of `expected`, durably and atomically; False where something else is there."""
        ...
