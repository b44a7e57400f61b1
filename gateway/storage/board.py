"""The board in the gateway's database, appended to within a unit of work; `board_reader` reads beside it."""

from collections.abc import Callable
from typing import Any

from consortium.wire.membership import BoardDocument
from gateway.ports import BoardTransaction, NewDocument

NEWEST = "SELECT coalesce(max(sequence), 0) FROM board"
PLACE = "SELECT sequence FROM board WHERE digest = :digest"
LAST_TIME = "SELECT time_ms FROM board ORDER BY sequence DESC LIMIT 1"
APPEND = """
INSERT INTO board (sequence, kind, digest, signed, time_ms, author)
VALUES (:sequence, :kind, :digest, :signed, :time_ms, :author)
"""


class SqlBoard:
    """A `BoardTransaction` over the statements of one batch."""

    def __init__(self, one: Callable[..., tuple[Any, ...] | None], run: Callable[..., None]) -> None:
        self._one = one
        self._run = run

    @property
    def newest(self) -> int:
        """Give the newest place."""
        row = self._one(NEWEST)
        return int(row[0]) if row else 0

    def place(self, digest: bytes) -> int | None:
        """Give a document's place."""
        row = self._one(PLACE, digest=digest)
        return int(row[0]) if row else None

    def append(self, document: NewDocument, time_ms: int) -> BoardDocument:
        """Append a document."""
        last = self._one(LAST_TIME)
        time = max(time_ms, int(last[0]) if last else 0)
        sequence = self.newest + 1
        self._run(
            APPEND,
            sequence=sequence,
            kind=int(document.kind),
            digest=document.digest,
            signed=document.signed,
            time_ms=time,
            author=document.author,
        )
        return BoardDocument(sequence, document.kind, document.signed, time, document.author)


_: type[BoardTransaction] = SqlBoard
