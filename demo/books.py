"""
Loading the five books: `credit-participant book load` in each lender's folder, all at once.

The second stage of the demonstration. The identifiers go to the key holders (gateway and custodians) by network;
what happened after the files were written is recorded live afterwards, by the lenders' local services.
"""

import datetime as dt
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consortium.model.identifiers import RawIdentifier
from consortium.model.members import MemberId
from demo.dataset import BookSource, Dataset, LiveEvent
from demo.progress import Meter
from participants.rpc.local_client import LocalClient
from participants.sandbox.founding import CUSTODIANS, GATEWAY
from participants.sandbox.processes import Processes
from participants.settings import NodeSettings

MAXIMUM_REFUSED = "20"  # per cent; a tiny population has the same few broken rows
TASK = "load"
POLL_SECONDS = 0.2
COUNTRY = "CN"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows of a source refused for one reason in one column."""

    column: str
    reason: str
    rows: int
    first: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What became of the rows of one source."""

    title: str
    read: int
    refused: int
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class LoadedBook:
    """What became of a load: people in the book, a report for each source, live events, and what tokenising cost."""

    lender: MemberId
    people: int
    reports: tuple[SourceReport, ...]
    events: int
    identifiers: int
    client_seconds: float


@dataclass(frozen=True, slots=True)
class Books:
    """All books, and the processor seconds that the key holders spent on them."""

    loaded: tuple[LoadedBook, ...]
    holder_seconds: float


def load_all(processes: Processes, dataset: Dataset, meter: Meter) -> Books:
    """Load every lender's book in a process of its own; raises ProcessFailedError where one fails."""
    before = _holder_seconds(processes)
    for lender, sources in dataset.sources.items():
        processes.run_beside(lender, TASK, load_command(sources, dataset.extracted_at), _environment(sources))
    loading = set(dataset.lenders)
    while loading:
        processes.check()
        loading = {lender for lender in loading if not processes.has_finished(lender, TASK)}
        meter.update(_evaluated(processes.out / CUSTODIANS[0] / "evaluations.db"))
        time.sleep(POLL_SECONDS)
    loaded = [_loaded(processes.out, lender, dataset) for lender in dataset.lenders]
    return Books(tuple(loaded), _holder_seconds(processes) - before)


def load_command(sources: Sequence[BookSource], as_of: int) -> tuple[str, ...]:
    """Give the command line of a load from a node's folder."""
    moment = dt.datetime.fromtimestamp(as_of, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    mappings = [word for source in sources for word in ("--mapping", str(source.mapping.resolve()))]
    options = ("--as-of", moment, "--max-refused", MAXIMUM_REFUSED, "--json")
    return ("credit-participant", "book", "load", "--node", ".", *mappings, *options)


def record_live(out: Path, dataset: Dataset, meter: Meter) -> None:
    """Record what happened since the files were written, at every lender at once."""
    recorded = dict.fromkeys(dataset.live, 0)

    def record(lender: MemberId) -> None:
        with LocalClient(NodeSettings(out / lender)) as client:
            for place, event in enumerate(dataset.live[lender], start=1):
                kind, told = _event(event, place)
                client.record(kind, json.dumps(told))
                recorded[lender] = place

    with ThreadPoolExecutor(max(1, len(recorded))) as workers:
        working = [workers.submit(record, lender) for lender in recorded]
        while not all(work.done() for work in working):
            meter.update(sum(recorded.values()))
            time.sleep(POLL_SECONDS)
    for work in working:
        work.result()


def identifiers_value(identifiers: Sequence[RawIdentifier]) -> dict[str, str]:
    """Give identifiers as events and questions write them."""
    return {"country": COUNTRY, **{identifier.kind.name.lower(): identifier.text for identifier in identifiers}}


def _event(event: LiveEvent, place: int) -> tuple[str, dict[str, Any]]:
    told: dict[str, Any] = {"identifiers": identifiers_value((event.identifier,))}
    if not event.amount:
        return "freeze", told | {"frozen": True}
    expires = dt.datetime.fromtimestamp(event.expires, dt.UTC).isoformat()
    return "pending", told | {"id": f"grant-{place:05d}", "amount": event.amount, "expires": expires}


def _environment(sources: Sequence[BookSource]) -> Mapping[str, str]:
    return dict(source.url for source in sources if source.url is not None)


def _evaluated(ledger: Path) -> int:
    """Count what a custodian has evaluated for all members, from its own ledger."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT coalesce(sum(elements), 0) FROM spent").fetchone()
    return int(count)


def _holder_seconds(processes: Processes) -> float:
    return sum(processes.cpu_seconds(holder) for holder in (GATEWAY, *CUSTODIANS))


def _loaded(out: Path, lender: MemberId, dataset: Dataset) -> LoadedBook:
    value = json.loads((out / f"{lender}.{TASK}.json").read_text("utf-8"))
    titles = (source.title for source in dataset.sources[lender])
    return LoadedBook(
        lender=lender,
        people=value["book"]["subjects"],
        reports=tuple(_report(title, report) for title, report in zip(titles, value["reports"], strict=True)),
        events=len(dataset.live.get(lender, ())),
        identifiers=value["tokenised"]["identifiers"],
        client_seconds=value["tokenised"]["cpu_milliseconds"] / 1000,
    )


def _report(title: str, value: dict[str, Any]) -> SourceReport:
    refusals = (
        Refusal(found["column"], found["reason"], found["count"], found["examples"][0]["row"])
        for found in value["refusals"]
    )
    return SourceReport(title, value["rows"]["read"], value["rows"]["refused"], tuple(refusals))
