"""
Two books written independently, one in SQLite and one in memory, agree after any history, byte for byte.

Every step is a live event, a load or a roll; refusals must agree too. After each, the live file is the replay of the
journal on the committed file.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.model.credit_file import Piece
from consortium.model.journal_entry import Event, journal_entry_from_bytes, replay
from participants.lender.ports import BookStore
from participants.storage.book import SqliteBook
from participants.storage.memory import MemoryBook
from tests.support import books

PEOPLE = [books.subject(number) for number in range(3)]


@dataclass(frozen=True)
class Record:
    who: int
    event: Event
    at: int


@dataclass(frozen=True)
class Load:
    pieces: tuple[tuple[int, Piece], ...]
    as_of: int


@dataclass(frozen=True)
class Roll:
    days: int


Step: TypeAlias = Record | Load | Roll

clock = st.integers(books.NOW - 1_000, books.NOW + 1_000)
people = st.integers(0, len(PEOPLE) - 1)
steps: st.SearchStrategy[Step] = (
    st.builds(Record, people, books.events, clock)
    | st.builds(Record, people, books.pendings, clock)
    | st.builds(Load, st.lists(st.tuples(people, books.pieces), max_size=6).map(tuple), clock)
    | st.builds(Roll, st.integers(0, 1))
)


def take(store: BookStore, step: Step) -> object:
    day = store.status().book.day
    match step:
        case Record():
            return books.attempt(lambda: store.record(PEOPLE[step.who], step.event, step.at))
        case Load():
            rows = [row for who, piece in step.pieces for row in books.rows(PEOPLE[who], piece)]
            return books.attempt(lambda: store.load(books.batched(rows), day=day or books.DAY, as_of=step.as_of))
        case Roll():
            return books.attempt(lambda: store.roll_day(day + step.days))


def check_replay(store: BookStore) -> None:
    entries = [journal_entry_from_bytes(row.entry) for row in store.journal()]
    tags = [who.tag for who in PEOPLE]
    committed, live = (store.read(tags, live=mode).files for mode in (False, True))
    for tag, before, after in zip(tags, committed, live, strict=True):
        assert replay(before.file if before else None, entries, tag) == (after.file if after else None)
    store.verify_journal()


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_both_books_agree_after_any_history(history: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        durable, memory = SqliteBook(Path(folder) / "book.db", books.IDENTITY), MemoryBook(books.IDENTITY)
        try:
            for step in history:
                outcome = take(durable, step)
                assert outcome == take(memory, step)
                assert not isinstance(outcome, Code) or outcome is Code.RECORD_INVALID
                assert durable.status() == memory.status()
                assert list(durable.journal()) == list(memory.journal())
                check_replay(durable)
                check_replay(memory)
            durable.verify_root()
        finally:
            durable.close()
