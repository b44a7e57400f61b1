"""The partitions of a list that key holders have evaluated: a file each, so that a list goes on where it broke off."""

import struct
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from participants.lender.bulk.list_rows import KeysAndTags
from participants.storage.database import storage_errors
from participants.whole_files import write_whole

_HEAD = struct.Struct(">32sQ")


class PartitionFolder(Silent):
    """`KeptPartitions` in a folder (0700, its files 0600); it holds keys and tags, as a book does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, partition: int, digest: bytes) -> KeysAndTags | None:
        """Give what was kept for these people; a file that is not whole is none."""
        try:
            raw = self._path(partition).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            raise CreditError(Code.STORAGE_BROKEN, "a partition of a list") from None
        if len(raw) < _HEAD.size:
            return None
        found, keys = _HEAD.unpack_from(raw)
        rest = raw[_HEAD.size :]
        return KeysAndTags(rest[:keys], rest[keys:]) if found == digest and 3 * keys == 2 * len(rest) else None

    def keep(self, partition: int, digest: bytes, found: KeysAndTags) -> None:
        """Keep a partition's people; raises CreditError(STORAGE_FULL) or (STORAGE_BROKEN)."""
        with storage_errors():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._path(partition), _HEAD.pack(digest, len(found.keys)) + found.keys + found.tags, 0o600)

    def _path(self, partition: int) -> Path:
        return self._folder / f"people-{partition:06}"
