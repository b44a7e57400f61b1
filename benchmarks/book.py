"""
A lender's book at size: load, memory, point look-ups, durable events, the daily root.

It runs in a process of its own, so that the peak of memory is the book's. Tags are seeded hashes; tokenising has a
table of its own. Every person has three tradelines of twelve months and an inquiry, 0.9 kB.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.rows import Row
from consortium.model.attributes import evaluate
from consortium.model.catalogue import DEFAULT_CATALOGUE
from consortium.model.credit_file import (
    AccountStatus,
    Channel,
    Inquiry,
    PendingGrant,
    Piece,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.credit_file_bytes import stored_credit_file
from consortium.model.identifiers import IdentifierKind, Secret, SubjectKey, SubjectTag
from participants.lender.ports import BookRow, Subject
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity

PEOPLE = 1_000_000
BATCH = 2_048
LOOK_UPS = 20_000
EVENTS = 500
ATTRIBUTES = 20
DAY = 20_500
NOW = DAY * 86_400


def run(people: int = PEOPLE) -> list[Row]:
    """Measure a book of so many people in a child process; about three minutes for a million."""
    command = [sys.executable, "-m", "benchmarks.book", str(people)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  this very module
    rows: list[Row] = json.loads(done.stdout)
    return rows


def _subject(number: int) -> Subject:
    tag = hashlib.sha256(b"person %d" % number).digest()
    return Subject(SubjectTag(tag), SubjectKey(tag + tag), IdentifierKind.PHONE)


class _Source:
    """Made-up rows, and the time that making them took."""

    def __init__(self, people: int) -> None:
        self._people = people
        self.seconds = 0.0

    def batches(self) -> Iterator[list[BookRow]]:
        for first in range(0, self._people, BATCH):
            start = time.perf_counter()
            batch = [row for n in range(first, min(first + BATCH, self._people)) for row in _person(n)]
            self.seconds += time.perf_counter() - start
            yield batch


def _person(number: int) -> list[BookRow]:
    who = _subject(number)
    pieces: list[Piece] = [*(_tradeline(number, place) for place in range(3)), Inquiry(NOW - number)]
    return [(who.key, who.tag, who.kind, piece) for piece in pieces]


def _tradeline(number: int, place: int) -> Tradeline:
    return Tradeline(
        account=f"{number:08x}-{place}",
        portfolio=PortfolioType.REVOLVING,
        status=AccountStatus.CURRENT,
        opened=DAY - 100 - number % 900,
        reported=DAY - 1,
        limit=500_000,
        balance=100_000 + number,
        payment=20_000,
        payment_due=DAY + 10,
        history=(0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        channel=Channel.APP,
        scene=Scene.ONLINE,
    )


def _measure(people: int, path: Path) -> list[Row]:
    book, source = SqliteBook(path, BookIdentity("lender-a", Secret(bytes(32)))), _Source(people)
    start = time.perf_counter()
    book.load(source.batches(), day=DAY, as_of=NOW)
    seconds = time.perf_counter() - start
    size = path.stat().st_size
    start = time.perf_counter()
    book.roll_day(DAY + 1)
    root = time.perf_counter() - start
    some = [_subject(number) for number in Random(1).choices(range(people), k=LOOK_UPS)]
    row = _median(some, lambda who: book.find_row(who.tag))
    file = _median(some, lambda who: book.find(who.tag))
    record = _median(some[:EVENTS], lambda who: book.record(who, PendingGrant("p", 1, NOW, NOW + 60), NOW))
    evaluated = _evaluation(book, some[:1_000])
    book.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    target = 90.0 * people / PEOPLE
    return [
        _row(f"load {people:,} people from rows to root", seconds - source.seconds, "s", target),
        _row("peak memory of all this", peak, "MiB", 1024.0),
        _row("size of the file", size / people, "bytes/person", None),
        _row(f"daily root of {people:,} people", root, "s", None),
        _row("look a row up by its tag, median", row * 1e6, "us", 50.0),
        _row("look a file up by its tag and parse it, median", file * 1e6, "us", None),
        _row(f"evaluate {ATTRIBUTES} attributes, median", evaluated * 1e6, "us", 50.0),
        _row("record an event durably, median", record * 1e3, "ms", None),
    ]


def _evaluation(book: SqliteBook, people: list[Subject]) -> float:
    names = [attribute.id for attribute in DEFAULT_CATALOGUE][:ATTRIBUTES]
    found = [row for who in people if (row := book.find_row(who.tag))]
    files = iter([stored_credit_file(data) for _, data in found])
    return _median(people, lambda _: evaluate(next(files), names, NOW, live=True, retention_days=1_825))


def _median(people: list[Subject], call: Callable[[Subject], object]) -> float:
    times = []
    for who in people:
        start = time.perf_counter()
        call(who)
        times.append(time.perf_counter() - start)
    return median(times)


def _row(metric: str, value: float, unit: str, target: float | None) -> Row:
    return {"metric": metric, "value": value, "unit": unit, "better": "lower", "target": target}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(_measure(int(sys.argv[1]), Path(folder) / "book.db")))
