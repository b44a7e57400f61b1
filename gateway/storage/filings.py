"""
Filed documents in the gateway's database: written within a unit of work together with their entries.

`reader` says whom a filing concerns besides its author: one member, or everybody ("*"). Bundles that inspections are
shown lie here in pieces until the verdict, as they came: sealed for the regulator.
"""

from typing import Any

from consortium.model.members import MemberId
from gateway.ports import FilingTransaction, KnownFiling, NewFiling
from gateway.storage.statements import Statements

ENTRY = 'SELECT "index" FROM filings WHERE digest = :digest'
KEEP = """
INSERT INTO filings ("index", kind, digest, author, reader, about, time_ms, signed)
VALUES (:index, :kind, :digest, :author, :reader, :about, :time_ms, :signed)
"""
COLUMNS = '"index", kind, author, about, signed'
AT = f'SELECT {COLUMNS} FROM filings WHERE "index" = :index'  # noqa: S608  no input
ABOUT = f'SELECT {COLUMNS} FROM filings WHERE kind = :kind AND about = :about ORDER BY "index"'  # noqa: S608
NEWEST = f"""
SELECT {COLUMNS} FROM filings WHERE kind = :kind AND author = :author ORDER BY "index" DESC LIMIT 1
"""  # noqa: S608
COUNT = "SELECT count(*) FROM filings WHERE author = :author AND time_ms >= :since_ms"
KEEP_PIECE = """
INSERT INTO pieces ("order", number, content) VALUES (:order, :number, :content)
ON CONFLICT ("order", number) DO UPDATE SET content = excluded.content
"""
DROP_PIECES = 'DELETE FROM pieces WHERE "order" = :order AND number >= :number'


class SqlFilings(Statements):
    """A `FilingTransaction` over the statements of one batch."""

    def entry(self, digest: bytes) -> int | None:
        """Give the entry of a document that was filed before."""
        row = self._one(ENTRY, digest=digest)
        return int(row[0]) if row else None

    def keep(self, index: int, filing: NewFiling, time_ms: int) -> None:
        """Keep a filing beside its entry."""
        self._run(
            KEEP,
            index=index,
            kind=filing.kind,
            digest=filing.digest,
            author=filing.author,
            reader=filing.reader,
            about=filing.about,
            time_ms=time_ms,
            signed=filing.signed,
        )

    def at(self, index: int) -> KnownFiling | None:
        """Give the filing of an entry."""
        row = self._one(AT, index=index)
        return _known(row) if row else None

    def about(self, kind: str, index: int) -> list[KnownFiling]:
        """Give the filings of a kind about an entry."""
        return [_known(row) for row in self._every(ABOUT, kind=kind, about=index)]

    def newest(self, kind: str, author: MemberId) -> KnownFiling | None:
        """Give an author's newest filing of a kind."""
        row = self._one(NEWEST, kind=kind, author=author)
        return _known(row) if row else None

    def count(self, author: MemberId, since_ms: int) -> int:
        """Count an author's filings since a time."""
        row = self._one(COUNT, author=author, since_ms=since_ms)
        return int(row[0]) if row else 0

    def keep_piece(self, order: int, number: int, content: bytes) -> None:
        """Keep a piece of a bundle."""
        self._run(KEEP_PIECE, order=order, number=number, content=content)

    def drop_pieces(self, order: int, number: int = 0) -> None:
        """Drop a bundle's pieces from a number on."""
        self._run(DROP_PIECES, order=order, number=number)


def _known(row: tuple[Any, ...]) -> KnownFiling:
    index, kind, author, about, signed = row
    return KnownFiling(int(index), str(kind), str(author), about if about is None else int(about), bytes(signed))


_: type[FilingTransaction] = SqlFilings
