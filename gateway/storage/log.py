"""What the log keeps in the gateway's database beside the entries; readers never wait for who appends."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from consortium.transparency.tiles import Tile
from gateway.storage.sql import close_engine, translated
from gateway.tlog.ports import Kept, LogStore

SIZE = text('SELECT coalesce(max("index") + 1, 0) FROM entries')
LINES = text('SELECT line FROM entries WHERE "index" >= :start AND "index" < :end ORDER BY "index"')
TILE = text('SELECT nodes FROM tiles WHERE "row" = :row AND "index" = :index')
KEEP_TILE = text("""
INSERT INTO tiles ("row", "index", nodes) VALUES (:row, :index, :nodes)
ON CONFLICT ("row", "index") DO UPDATE SET nodes = excluded.nodes WHERE length(excluded.nodes) > length(tiles.nodes)
""")
NEWEST = text("SELECT size, note FROM checkpoints WHERE size <= :most ORDER BY size DESC LIMIT 1")
CHECKPOINTS = text("SELECT size, note FROM checkpoints ORDER BY size")
KEEP_CHECKPOINT = text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT (size) DO NOTHING")
COSIGNATURES = text("SELECT line FROM cosignatures WHERE size = :size ORDER BY witness")
COSIGNED = text("SELECT witness, max(size) AS size FROM cosignatures GROUP BY witness")
KEEP_COSIGNATURE = text("""
INSERT INTO cosignatures (size, witness, line) VALUES (:size, :witness, :line)
ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line
""")
MOST = 2**53


class SqlLogStore:
    """A `LogStore` in the gateway's database; see there for what it guarantees."""

    def __init__(self, url: str) -> None:
        self._engine = open_log_engine(make_url(url))

    def size(self) -> int:
        """Give the number of durable entries."""
        with self._reading() as connection:
            return int(connection.execute(SIZE).scalar_one())

    def lines(self, start: int, end: int) -> list[bytes]:
        """Give lines."""
        with self._reading() as connection:
            return [bytes(row.line) for row in connection.execute(LINES, {"start": start, "end": end})]

    def tile(self, row: int, index: int) -> bytes:
        """Give a tile's nodes."""
        with self._reading() as connection:
            return bytes(connection.execute(TILE, {"row": row, "index": index}).scalar_one_or_none() or b"")

    def newest(self, at_most: int | None = None) -> Kept | None:
        """Give the largest checkpoint."""
        with self._reading() as connection:
            row = connection.execute(NEWEST, {"most": MOST if at_most is None else at_most}).one_or_none()
        return Kept(row.size, bytes(row.note)) if row else None

    def checkpoints(self) -> Iterator[Kept]:
        """Give every checkpoint."""
        with self._reading() as connection:
            for row in connection.execute(CHECKPOINTS):
                yield Kept(row.size, bytes(row.note))

    def publish(self, kept: Kept, tiles: Sequence[Tile]) -> None:
        """Keep a checkpoint and its tiles."""
        with self._writing() as connection:
            for tile in tiles:
                connection.execute(KEEP_TILE, {"row": tile.row, "index": tile.index, "nodes": tile.nodes})
            connection.execute(KEEP_CHECKPOINT, {"size": kept.size, "note": kept.note})

    def cosignatures(self, size: int) -> list[str]:
        """Give cosignature lines."""
        with self._reading() as connection:
            return [bytes(row.line).decode() for row in connection.execute(COSIGNATURES, {"size": size})]

    def cosigned(self) -> dict[str, int]:
        """Give the newest size of each witness."""
        with self._reading() as connection:
            return {row.witness: int(row.size) for row in connection.execute(COSIGNED)}

    def add_cosignature(self, size: int, witness: str, line: str) -> None:
        """Keep a line."""
        with self._writing() as connection:
            connection.execute(KEEP_COSIGNATURE, {"size": size, "witness": witness, "line": line.encode()})

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)

    def _reading(self) -> "_Session":
        return _Session(self._engine, commit=False)

    def _writing(self) -> "_Session":
        return _Session(self._engine, commit=True)


class _Session:
    """A connection for one piece of work; database errors come out as codes."""

    def __init__(self, engine: Engine, *, commit: bool) -> None:
        self._engine = engine
        self._commit = commit
        self._connection: Connection

    def __enter__(self) -> Connection:
        try:
            self._connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise translated(error) from None
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None and self._commit:
                self._connection.commit()
        except SQLAlchemyError as failed:
            raise translated(failed) from None
        finally:
            self._connection.close()
        if isinstance(error, SQLAlchemyError):
            raise translated(error) from None


def open_log_engine(url: URL) -> Engine:
    """Open the database without its write lock: a reader on SQLite sees a snapshot beside who appends."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    engine = create_engine(url, paramstyle="named", connect_args={"timeout": 10, "check_same_thread": False})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the DBAPI connection, typed as object
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions are begun explicitly
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


_: type[LogStore] = SqlLogStore
