"""The demonstration's truth against the lenders' own code on many days: month ends, leap days, across midnight."""

import datetime as dt
from pathlib import Path

import pytest

from consortium.model.attributes import evaluate
from consortium.model.credit_file import Freeze, PendingGrant
from consortium.model.members import MemberId
from demo.dataset import Asked, Dataset
from demo.made_up import made_up
from demo.truth import RETENTION_DAYS
from participants.lender.loading import BookLoad, load_sources
from participants.lender.mapping import load_mapping
from participants.lender.normalise import normalise
from participants.lender.ports import Subject
from participants.storage.memory import MemoryBook
from tests.support.books import IDENTITY
from tests.support.sources import FakeTokens, token_of

POPULATION, PEOPLE = 600, 250
DAYS = (
    "2026-11-16T10:00:00",
    "2027-03-01T00:00:00",
    "2027-08-31T23:59:50",
    "2027-12-31T23:59:30",
    "2028-02-29T12:00:00",
)


def load(data: Dataset, lender: MemberId, monkeypatch: pytest.MonkeyPatch) -> MemoryBook:
    book, now = MemoryBook(IDENTITY), data.extracted_at
    for source in data.sources[lender]:
        if source.url is not None:
            monkeypatch.setenv(*source.url)
    mappings = [load_mapping(source.mapping) for source in data.sources[lender]]
    loads = [BookLoad(found.file, found.source(), maximum_refused=0.2) for found in mappings]
    load_sources(loads, book, FakeTokens(), now=now, as_of=now)
    for place, event in enumerate(data.live[lender]):
        identifier = normalise(event.identifier)
        token = token_of(identifier)
        pending = PendingGrant(f"g-{place}", event.amount, now, event.expires) if event.amount else None
        book.record(Subject(token.tag, token.key, identifier.kind), pending or Freeze(frozen=True), now)
    return book


def contributed(book: MemoryBook, asked: Asked, moment: int, names: tuple[str, ...]) -> dict[str, int]:
    """What a lender gives about a person: the sum over the files found by each identifier."""
    found = (book.find(token_of(normalise(identifier)).tag) for identifier in asked.identifiers)
    files = [held.file if held else None for held in found]
    each = [evaluate(file, names, moment, live=True, retention_days=RETENTION_DAYS) for file in files]
    return {name: sum(values[name] for values in each) for name in names}


@pytest.mark.parametrize("day", DAYS)
def test_the_lenders_numbers_are_the_truth_on_any_day(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())
    data = made_up(3, POPULATION, PEOPLE, tmp_path, now)
    books = {lender: load(data, lender, monkeypatch) for lender in data.lenders}
    moments = [now + 1 + place for place in range(len(data.asked))]
    expected = data.truth.expected(data.asked, moments, data.requester, data.attributes)
    compared = 0
    for asked, moment, truth in zip(data.asked, moments, expected, strict=True):
        parts = {name: contributed(book, asked, moment, data.attributes) for name, book in books.items()}
        totals = {name: sum(part[name] for part in parts.values()) for name in data.attributes}
        assert totals == truth.totals, (asked.person, moment)
        assert {name: parts[data.requester][name] for name in data.attributes} == truth.own
        compared += sum(totals.values()) > 0
    assert compared > PEOPLE // 3
