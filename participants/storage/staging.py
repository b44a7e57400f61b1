"""
Where a load gathers its pieces: a scratch file beside the book, read back one subject at a time.

Pieces come in any order and are many; they are written in 256 buckets by the tag's first byte, each of which fits in
memory when it is read back and sorted. The file is this program's own, mode 0600, and gone when the load ends.
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from consortium.errors import Code, CreditError
from consortium.model.credit_file import PieceKind
from consortium.model.credit_file_bytes import Part, join_parts, parts_of
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
from consortium.silent import Silent
from participants.lender.ports import BookRow
from participants.storage.database import storage_errors

BUCKETS = 256
WAITING_BYTES = 32 * 2**20  # what is held back so that a bucket is written in pieces of some size
TAG_BYTES, KEY_BYTES = 32, 64
_HEAD = struct.Struct(f">{TAG_BYTES}s{KEY_BYTES}sBBqHI")  # tag, key, identifier, kind, rank, lengths of name and data

_Row: TypeAlias = tuple[bytes, bytes, int, Part]


class StagedSubject(NamedTuple):
    """One subject as the pieces gave it: its file's bytes, and which kinds of pieces are in it."""

    tag: SubjectTag
    key: SubjectKey
    file: bytes
    kinds: frozenset[int]


class Staging(Silent):
    """The scratch file; `pieces` counts what was added, `kinds` are the kinds that came."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting = [bytearray() for _ in range(BUCKETS)]
        self._chunks: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._size = 0
        self.pieces = 0
        self.kinds: set[PieceKind] = set()

    def add(self, rows: Iterable[BookRow]) -> None:
        """Stage some rows; raises RECORD_INVALID for a key or tag of the wrong length, or STORAGE_FULL."""
        for key, tag, identifier, piece in rows:
            if len(tag.value) != TAG_BYTES or len(key.value) != KEY_BYTES:
                raise CreditError(Code.RECORD_INVALID, "length of a subject key or tag")
            self.pieces += 1
            self.kinds.add(piece.kind)
            bucket = self._waiting[tag.value[0]]
            for kind, name, rank, data in parts_of(piece):
                text = name.encode()
                head = _HEAD.pack(tag.value, key.value, identifier, kind, rank, len(text), len(data))
                bucket += head + text + data
                self._size += len(head) + len(text) + len(data)
            if self._size >= WAITING_BYTES:
                self._flush()

    def subjects(self) -> Iterator[StagedSubject]:
        """Give every subject once, in order of tag."""
        self._flush()
        for chunks in self._chunks:
            rows = [row for chunk in chunks for row in self._rows(*chunk)]
            rows.sort(key=itemgetter(0))
            for _, group in groupby(rows, itemgetter(0)):
                yield _subject(list(group))

    def _flush(self) -> None:
        with storage_errors():
            for waiting, chunks in zip(self._waiting, self._chunks, strict=True):
                if waiting:
                    chunks.append((self._file.tell(), len(waiting)))
                    self._file.write(waiting)
                    waiting.clear()
        self._size = 0

    def _rows(self, start: int, length: int) -> Iterator[_Row]:
        with storage_errors():
            self._file.seek(start)
            data = self._file.read(length)
        at = 0
        while at < length:
            tag, key, identifier, kind, rank, name_size, data_size = _HEAD.unpack_from(data, at)
            name_at = at + _HEAD.size
            data_at = name_at + name_size
            at = data_at + data_size
            yield tag, key, identifier, Part(kind, data[name_at:data_at].decode(), rank, data[data_at:at])


def _subject(rows: list[_Row]) -> StagedSubject:
    tag, key, _, _ = rows[0]
    parts = [row[3] for row in rows]
    kind = IdentifierKind(min([row[2] for row in rows]))
    kinds = frozenset([part.kind for part in parts])
    return StagedSubject(SubjectTag(tag), SubjectKey(key), join_parts(kind, parts), kinds)


@contextmanager
def staging(path: Path) -> Iterator[Staging]:
    """Open the scratch file at a path and remove it at the end; one that a crash left goes first."""
    with storage_errors():
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        file = path.open("r+b")
    try:
        yield Staging(file)
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # what is left to write is of no use to anybody
            file.close()
