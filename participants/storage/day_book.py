"""
A `BulkBook` over a day's snapshot: the words of everybody in it once a query, then one search and one proof a row.

What a block costs depends on its number of rows alone. The words are made for the whole book, whichever list asks; a
row that nobody is found for takes a row of zeros, and its proof is made with a key of zeros.
"""

import hmac
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from consortium.hashing import encode_fields
from consortium.labels import Label
from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import query_layout
from consortium.sealing.payload import PROOF_BYTES
from consortium.silent import Silent
from consortium.sums.block_layout import pack_rows
from consortium.sums.exchange import BookState
from consortium.sums.words import Words
from participants.lender.bulk.attributes import query_columns, rulebook_readers
from participants.lender.bulk.columns import FileColumns, Keys
from participants.lender.bulk.facts import Flags
from participants.lender.bulk.ports import BlockAnswer, Octets, TaggedRows
from participants.lender.portfolio.rows import ListTags

KEPT_QUERIES = 2
_About: TypeAlias = tuple[bytes, tuple[str, ...], int]


class Snapshot(Protocol):
    """The committed files of one book, which never change."""

    @property
    def state(self) -> BookState:
        """The book: its root, and its journal's start."""
        ...

    def keys(self) -> Keys:
        """Give who the files are about, in the order of their tags."""
        ...

    def parts(self) -> Iterator[FileColumns]:
        """Give the files in the same order, so many at a time that memory does not grow with the book."""
        ...


@dataclass(frozen=True, repr=False)
class _Everybody(Silent):
    """Keys and tags of the book, and behind them one row of zeros for whoever is not in it."""

    tags: ListTags
    keys: Octets
    earlier: Octets


@dataclass(repr=False)
class DayBook(Silent):
    """The portfolios' view of one day's book; threads may share it. See `BulkBook`."""

    snapshot: Snapshot
    _everybody: _Everybody | None = None
    _words: OrderedDict[_About, Words] = field(default_factory=OrderedDict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def contributions(self, rows: TaggedRows, header: QueryHeader, rulebook: Rulebook) -> BlockAnswer:
        """Give what this lender adds for every row."""
        with self._making:
            everybody, words = self._people(), self._made(header, rulebook)
        places = everybody.tags.positions(rows.tags)  # -1, the last row, where nobody is found
        held = places >= 0
        proven = held & _proven(rows, everybody.keys[places]) & _linked(rows, everybody.earlier[places])
        found = words[np.where(proven, places, -1)]
        return BlockAnswer(found, self.snapshot.state, int(np.count_nonzero(held & ~proven)))

    def _people(self) -> _Everybody:
        if self._everybody is None:
            known = self.snapshot.keys()
            self._everybody = _Everybody(ListTags.of(known.tags), _and_nobody(known.keys), _and_nobody(known.earlier))
        return self._everybody

    def _made(self, header: QueryHeader, rulebook: Rulebook) -> Words:
        about = rulebook.digest, header.attributes, header.issued_at
        if about not in self._words:
            self._words[about] = self._make(header, rulebook)
            while len(self._words) > KEPT_QUERIES:
                self._words.popitem(last=False)
        return self._words[about]

    def _make(self, header: QueryHeader, rulebook: Rulebook) -> Words:
        layout, readers = query_layout(header, rulebook), rulebook_readers(rulebook)
        parts = [pack_rows(layout, query_columns(part, header, rulebook, readers)) for part in self.snapshot.parts()]
        return np.concatenate([*parts, np.zeros((1, layout.words), dtype=np.uint64)])


def _and_nobody(known: Octets) -> Octets:
    return np.concatenate([known, np.zeros((1, known.shape[1]), dtype=np.uint8)])


def _proven(rows: TaggedRows, keys: Octets) -> Flags:
    """
    Tell which proofs are those of these keys: one HMAC a row, as `subject_proof` makes it.

    The only loop over rows: no library computes many of them in one call. Every byte is compared, whatever differs.
    """
    message, raw, width = encode_fields(Label.SUBJECT_PROOF, rows.header_digest), keys.tobytes(), keys.shape[1]
    starts = range(0, len(raw), width)
    proofs = b"".join([hmac.digest(raw[start : start + width], message, "sha256") for start in starts])
    expected = np.frombuffer(proofs, dtype=np.uint8).reshape(-1, PROOF_BYTES)
    return np.asarray((expected == rows.proofs).all(axis=1))


def _linked(rows: TaggedRows, earlier: Octets) -> Flags:
    """Tell which people have the earlier tag that their row says, where the rows say any."""
    if rows.earlier is None:
        return np.ones(len(rows), dtype=bool)
    return np.asarray((earlier == rows.earlier).all(axis=1) & earlier.any(axis=1))
