"""Filings and sealed bundles for readers, on connections of their own."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from consortium.model.members import MemberId
from consortium.wire.supervision import MAXIMUM_FILINGS, FiledDocument
from gateway.storage.log import open_log_engine
from gateway.storage.sql import close_engine, translated

PAGE_BYTES = 512 << 10
FOR = text("""
SELECT "index", kind, signed, about FROM filings WHERE "index" > :after
AND (author = :member OR reader = :member OR reader = '*' OR :everything) ORDER BY "index" LIMIT :most
""")
PIECE = text('SELECT content FROM pieces WHERE "order" = :order AND number = :number')


class SqlFilingsReader:
    """Reads filings on connections of its own."""

    def __init__(self, url: str) -> None:
        self._engine = open_log_engine(make_url(url))

    def page(self, member: MemberId, after: int, *, everything: bool) -> list[FiledDocument]:
        """Give the next filings that a member may read, as many as fit one message but at least one."""
        wanted = {"after": after, "member": member, "everything": everything, "most": MAXIMUM_FILINGS}
        found, total = list[FiledDocument](), 0
        try:
            with self._engine.connect() as connection:
                for index, kind, signed, about in connection.execute(FOR, wanted):
                    total += len(signed)
                    if found and total > PAGE_BYTES:
                        break
                    found.append(FiledDocument(index, kind, bytes(signed), about))
        except SQLAlchemyError as error:
            raise translated(error) from None
        return found

    def pieces(self, order: int) -> Iterator[bytes]:
        """Give a bundle's pieces in order."""
        number = 0
        while (piece := self._piece(order, number)) is not None:
            yield piece
            number += 1

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)

    def _piece(self, order: int, number: int) -> bytes | None:
        try:
            with self._engine.connect() as connection:
                content = connection.execute(PIECE, {"order": order, "number": number}).scalar_one_or_none()
        except SQLAlchemyError as error:
            raise translated(error) from None
        return None if content is None else bytes(content)
