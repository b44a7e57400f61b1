"""
Books as they were: for statements of what came into force, and for inspections, long after a book was replaced.

A past tree is not kept. It is rebuilt from the files that the book had (`subjects`, `past_files`) under the keys of its
day, and held to the root that was published; the links of its journal are kept as they are.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.model.identifiers import SubjectTag
from consortium.sums.exchange import BookState
from consortium.transparency.books import BookRoot, DayKeys, position
from consortium.transparency.journal import JournalHead
from consortium.transparency.tiles import WIDTH, Prover, TileBuilder
from consortium.transparency.tree import leaf_hash
from participants.lender.ports import BookProof, LeafProof, MadeBook, MadeBooks, PlaceProof
from participants.storage.book_rows import BookIdentity, journal_head, previous_journal
from participants.storage.leaves import LeafSorter

_BOOK = "SELECT number, day, size, root, salt_digest, start FROM books WHERE number = ?"
_BOOKS = "SELECT number FROM books WHERE number > ? ORDER BY number LIMIT ?"
_IN_FORCE = "SELECT max(number) FROM books"
_BY_START = "SELECT number FROM books WHERE start = ?"
_BY_HEAD = "SELECT book FROM journal WHERE seq = ? AND head = ?"
_FILES = """
SELECT tag, file FROM subjects WHERE file IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM past_files AS past WHERE past.tag = subjects.tag AND past.until >= ?1)
UNION ALL SELECT tag, file FROM past_files AS past WHERE file IS NOT NULL
AND until = (SELECT min(until) FROM past_files AS next WHERE next.tag = past.tag AND next.until >= ?1)
"""
_LINKS = "SELECT link FROM journal WHERE book = ? ORDER BY seq"
_ENTRIES = "SELECT entry FROM journal WHERE tag = ? AND book = ? AND seq < ? ORDER BY seq"


class BookHistory:
    """The books of one lender; within the caller's read transaction."""

    def __init__(self, connection: sqlite3.Connection, identity: BookIdentity) -> None:
        self._connection = connection
        self._identity = identity

    def books(self, known: Sequence[bytes], most: int) -> MadeBooks:
        """Give the books after the newest known one, oldest first."""
        rows = (self._connection.execute(_BY_START, (start,)).fetchone() for start in known)
        newest = max((row[0] for row in rows if row), default=-1)
        made = tuple(self._made(number) for (number,) in self._connection.execute(_BOOKS, (newest, most)).fetchall())
        last = made[-1].number if made else self._connection.execute(_IN_FORCE).fetchone()[0]
        return MadeBooks(made, self._ended(last))

    def prove(self, state: BookState, tags: Sequence[SubjectTag]) -> BookProof:
        """Prove what the book had under each tag; raises CreditError(HISTORY_GONE)."""
        made = self._made(self._number(state))
        keys = self._identity.keys(made.root.day)
        links = tuple(link for (link,) in self._connection.execute(_LINKS, (made.number,)))
        if len(links) < state.journal_size:
            raise CreditError(Code.HISTORY_GONE, "the journal of that day")
        leaves, files = self._leaves(made, keys, frozenset(tags))
        tree = _Tree.built(leaves, [position(keys.salt, tag) for tag in tags])
        if tree.root() != made.root.root:
            raise CreditError(Code.HISTORY_GONE, "the files of that day")
        places = tuple(self._place(made, state, keys, tag, files.get(tag), tree) for tag in tags)
        return BookProof(made, keys.salt, links, places)

    def _made(self, number: int) -> MadeBook:
        row = self._connection.execute(_BOOK, (number,)).fetchone()
        number, day, size, root, digest, start = row
        return MadeBook(number, BookRoot(day, size, root, digest), start, self._ended(number - 1))

    def _ended(self, number: int) -> JournalHead:
        """Give where a book's journal ends; before the first there is that of the generation before, or none."""
        row = self._connection.execute(_BOOK, (number,)).fetchone()
        if row is None:
            return previous_journal(self._connection)
        return journal_head(self._connection, number, JournalHead(0, row[-1]))

    def _number(self, state: BookState) -> int:
        """Find the book whose journal had this head: every head is bound to its book and all before it."""
        if state.journal_size:
            row = self._connection.execute(_BY_HEAD, (state.journal_size - 1, state.journal_head)).fetchone()
        else:
            row = self._connection.execute(_BY_START, (state.journal_head,)).fetchone()
        if row is None:
            raise CreditError(Code.HISTORY_GONE, "the journal of that day")
        return int(row[0])

    def _files(self, made: MadeBook) -> Iterator[tuple[SubjectTag, bytes]]:
        if made.root.size:
            for tag, data in self._connection.execute(_FILES, (made.number,)):
                yield SubjectTag(tag), data

    def _leaves(
        self, made: MadeBook, keys: DayKeys, wanted: frozenset[SubjectTag]
    ) -> tuple[LeafSorter, dict[SubjectTag, bytes]]:
        """Give every leaf, and the wanted files."""
        leaves, files = LeafSorter(), dict[SubjectTag, bytes]()
        for tag, data in self._files(made):
            leaves.add(keys.leaf(tag, data))
            if tag in wanted:
                files[tag] = data
        return leaves, files

    def _place(
        self, made: MadeBook, state: BookState, keys: DayKeys, tag: SubjectTag, file: bytes | None, tree: "_Tree"
    ) -> PlaceProof:
        rows = self._connection.execute(_ENTRIES, (tag.value, made.number, state.journal_size))
        leaves = tree.shown(position(keys.salt, tag), held=file is not None)
        return PlaceProof(keys.opening(tag), file, leaves, tuple(entry for (entry,) in rows))


@dataclass
class _Near:
    """The leaves around a wanted position: the last below it, and the first that is not below it."""

    below: tuple[int, bytes] | None = None
    above: tuple[int, bytes] | None = None


@dataclass
class _Tree:
    """A day's tree in memory, by the hashes of its leaves; and the leaves around some positions."""

    hashes: bytearray = field(default_factory=bytearray)
    near: dict[bytes, _Near] = field(default_factory=dict)
    _builder: TileBuilder = field(default_factory=TileBuilder)
    _tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @classmethod
    def built(cls, leaves: Iterable[bytes], wanted: Sequence[bytes]) -> "_Tree":
        """Take the leaves in order of position."""
        tree = cls(near={one: _Near() for one in wanted})
        before: tuple[int, bytes] | None = None
        waiting = sorted(tree.near, reverse=True)
        for index, leaf in enumerate(leaves):
            while waiting and leaf[:DIGEST_BYTES] >= waiting[-1]:
                tree.near[waiting.pop()] = _Near(before, (index, leaf))
            before = index, leaf
            node = leaf_hash(leaf)
            tree.hashes += node
            tree._builder.append(node)
        for one in waiting:
            tree.near[one] = _Near(before, None)
        tree._tiles = {(tile.row, tile.index): tile.nodes for tile in tree._builder.take()}
        return tree

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self.hashes) // DIGEST_BYTES

    def root(self) -> bytes:
        """Give the root."""
        return Prover(self._read).hasher(self.size).root()

    def shown(self, wanted: bytes, *, held: bool) -> tuple[LeafProof, ...]:
        """Give the leaf at a position, or its neighbours where there is none."""
        near = self.near[wanted]
        found = [near.above] if held else [near.below, near.above]
        return tuple(self._proof(*one) for one in found if one is not None)

    def _proof(self, index: int, leaf: bytes) -> LeafProof:
        return LeafProof(index, leaf, tuple(Prover(self._read).inclusion(index, self.size)))

    def _read(self, row: int, start: int, count: int) -> list[bytes]:
        if row:
            tile, offset = divmod(start, WIDTH)
            nodes = self._tiles[row, tile][offset * DIGEST_BYTES :]
        else:
            nodes = bytes(self.hashes[start * DIGEST_BYTES : (start + count) * DIGEST_BYTES])
        return [nodes[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] for at in range(count)]
