"""A guard in a second database, which several replicas reach; see `gateway.tlog.ports.CheckpointGuard`."""

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from consortium.errors import Code, CreditError
from gateway.storage.sql import close_engine, open_engine

METADATA = MetaData()
GUARD = Table(
    "checkpoint_guard", METADATA, Column("origin", String(200), primary_key=True), Column("note", LargeBinary)
)


class SqlGuard:
    """One row a log."""

    def __init__(self, url: str, origin: str) -> None:
        self._engine = open_engine(make_url(url))
        self._origin = origin
        try:
            METADATA.create_all(self._engine)
        except SQLAlchemyError as error:
            raise _lost(error) from None

    def read(self) -> bytes | None:
        """Give the newest note."""
        try:
            with self._engine.connect() as connection:
                note = connection.scalar(select(GUARD.c.note).where(GUARD.c.origin == self._origin))
        except SQLAlchemyError as error:
            raise _lost(error) from None
        return bytes(note) if note is not None else None

    def swap(self, expected: bytes | None, new: bytes) -> bool:
        """Put `new` in place of `expected`."""
        try:
            with self._engine.begin() as connection:
                if expected is None:
                    connection.execute(insert(GUARD).values(origin=self._origin, note=new))
                    return True
                there = (GUARD.c.origin == self._origin) & (GUARD.c.note == expected)
                return connection.execute(update(GUARD).where(there).values(note=new)).rowcount == 1
        except IntegrityError:
            return False
        except SQLAlchemyError as error:
            raise _lost(error) from None

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)


def _lost(error: SQLAlchemyError) -> CreditError:
    return CreditError(Code.LOG_GUARD_LOST, type(error).__name__)
