"""The board for readers, on connections of their own: nobody who reads waits for who posts."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CursorResult, Row, bindparam, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from consortium.wire.membership import MAXIMUM_PAGE_BYTES, BoardDocument, DocumentKind, Page, ReadWanted
from gateway.ports import BoardReader
from gateway.storage.board import NEWEST
from gateway.storage.log import open_log_engine
from gateway.storage.sql import close_engine, translated
from gateway.storage.tables import board


class SqlBoardReader:
    """A `BoardReader` on connections of its own."""

    def __init__(self, url: str) -> None:
        self._engine = open_log_engine(make_url(url))

    def page(self, wanted: ReadWanted) -> Page:
        """Give a page."""
        between = (board.c.sequence > bindparam("after")) & (board.c.sequence <= bindparam("newest"))
        query = select(board).where(between).order_by(board.c.sequence).limit(wanted.limit)
        if wanted.kinds:
            query = query.where(board.c.kind.in_([int(kind) for kind in wanted.kinds]))
        try:
            with self._engine.connect() as connection:
                newest = int(connection.exec_driver_sql(NEWEST).scalar_one())
                rows = connection.execute(query, {"after": wanted.after, "newest": newest})
                return Page(tuple(_fitting(rows)), newest)
        except SQLAlchemyError as error:
            raise translated(error) from None

    def newest(self) -> int:
        """Give the newest place."""
        try:
            with self._engine.connect() as connection:
                return int(connection.exec_driver_sql(NEWEST).scalar_one())
        except SQLAlchemyError as error:
            raise translated(error) from None

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)


def _fitting(rows: CursorResult[Any]) -> Iterator[BoardDocument]:
    total = 0
    for row in rows:
        total += len(row.signed)
        if total > MAXIMUM_PAGE_BYTES and total > len(row.signed):
            return
        yield _document(row)


def _document(row: Row[Any]) -> BoardDocument:
    return BoardDocument(row.sequence, DocumentKind(row.kind), bytes(row.signed), row.time_ms, row.author)


def _translated(error: SQLAlchemyError) -> Exception:
    from gateway.storage.sql import translated  # noqa: PLC0415  as above

    return translated(error)


_: type[BoardReader] = SqlBoardReader
