"""
Loading the five books: sources by their mapping files into SQLite, every identifier through the key holders.

The second stage of the demonstration. Each lender loads in a process of its own, with the same code as
`credit-participant book load`; what happened after its files were written is recorded live afterwards.
"""

import hashlib
import multiprocessing
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing.connection import Connection, wait
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.credit_file import Freeze, PendingGrant
from consortium.model.identifiers import NormalisedIdentifier, Secret
from consortium.model.members import MemberId
from consortium.silent import Silent
from demo.consortium import Foundation, Terms, found
from demo.dataset import BookSource, Dataset, LiveEvent
from demo.holders import MemoryJournal
from demo.lines import Desk, Line, LocalLine, PipeLine, Tell, serve, tokeniser
from participants.lender.loading import BookLoad
from participants.lender.mapping import load_mapping
from participants.lender.normalise import normalise
from participants.lender.ports import Subject
from participants.lender.tokenise import Token, Tokeniser
from participants.lender.validation import ValidationReport
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity

MAXIMUM_REFUSED = 0.2  # a tiny population has the same few broken rows


@dataclass(frozen=True, slots=True, repr=False)
class Origin(Silent):
    """What a consortium is founded from: every process that has this founds the same one."""

    lenders: tuple[MemberId, ...]
    now: int
    terms: Terms
    secret: bytes

    def found(self) -> Foundation:
        """Found the consortium; all later randomness is the process's own."""
        foundation = found(self.lenders, self.now, _stream(self.secret), self.terms)
        foundation.rng = secrets.token_bytes
        return foundation


@dataclass(frozen=True, slots=True, repr=False)
class LoadJob(Silent):
    """One lender's load."""

    lender: MemberId
    origin: Origin
    sources: tuple[BookSource, ...]
    live: tuple[LiveEvent, ...]
    extracted_at: int
    book: Path
    book_secret: Secret
    refused: Path

    def open_book(self) -> SqliteBook:
        """Open the lender's book."""
        return SqliteBook(self.book, BookIdentity(self.lender, self.book_secret))


@dataclass(frozen=True, slots=True, repr=False)
class LoadedBook(Silent):
    """What became of a load: people in the book, one report a source, what it cost, and the requests sent so far."""

    lender: MemberId
    people: int
    reports: dict[str, ValidationReport]
    events: int
    identifiers: int
    client_seconds: float
    journal: MemoryJournal


def jobs(dataset: Dataset, origin: Origin, folder: Path) -> tuple[LoadJob, ...]:
    """Prepare the load of every lender into a folder that has no books yet."""
    return tuple(
        LoadJob(
            lender=lender,
            origin=origin,
            sources=sources,
            live=dataset.live.get(lender, ()),
            extracted_at=dataset.extracted_at,
            book=folder / f"{lender}.book",
            book_secret=Secret(secrets.token_bytes(32)),
            refused=folder,
        )
        for lender, sources in dataset.sources.items()
    )


def load_all(todo: Sequence[LoadJob], desk: Desk, tell: Tell, *, processes: bool) -> list[LoadedBook]:
    """
    Load all books, each in a process of its own if `processes`, else one after the other here.

    Raises the CreditError of the first load that fails; the others are ended then.
    """
    if not processes:
        return [_load_here(job, desk, tell) for job in todo]
    spawn = multiprocessing.get_context("spawn")
    workers = {}
    try:
        for job in todo:
            ours, theirs = spawn.Pipe()
            worker = spawn.Process(target=_work, args=(job, theirs), name=f"loading-{job.lender}")
            worker.start()
            theirs.close()
            workers[ours] = job.lender, worker
        loaded = _attend({ours: LocalLine(lender, desk, tell) for ours, (lender, _) in workers.items()})
    except BaseException:
        for _, worker in workers.values():
            worker.terminate()
        raise
    finally:
        for _, worker in workers.values():
            worker.join()
    return [loaded[job.lender] for job in todo]


def _load_here(job: LoadJob, desk: Desk, tell: Tell) -> LoadedBook:
    before = desk.cpu_seconds
    loaded = load_book(job, LocalLine(job.lender, desk, tell))
    return replace(loaded, client_seconds=loaded.client_seconds - (desk.cpu_seconds - before))


def _attend(lines: dict[Connection, LocalLine]) -> dict[MemberId, LoadedBook]:
    """Serve the loading processes until each has sent its book."""
    loaded: dict[MemberId, LoadedBook] = {}
    while waiting := [connection for connection, line in lines.items() if line.lender not in loaded]:
        ready = wait(waiting)
        for connection in waiting:
            if connection in ready:
                message = _receive(connection)
                if isinstance(message, LoadedBook):
                    loaded[message.lender] = message
                else:
                    serve(connection, message, lines[connection])
    return loaded


def _receive(connection: Connection) -> object:
    try:
        return connection.recv()
    except EOFError:
        raise CreditError(Code.INTERNAL, "a loading process ended before its time") from None


def _work(job: LoadJob, connection: Connection) -> None:
    """Load one book in a process of its own."""
    try:
        connection.send(load_book(job, PipeLine(connection)))
    except CreditError as error:
        connection.send(error)


def load_book(job: LoadJob, line: Line) -> LoadedBook:
    """Load every source of one lender, then record what happened since; raises as `BookLoad.load`."""
    journal = MemoryJournal()
    tokens = _Tokens(tokeniser(job.origin.found(), job.lender, journal, line), line)
    store = job.open_book()
    try:
        reports = {source.title: _load_source(job, source, store, tokens, line) for source in job.sources}
        _record_live(job, store, tokens)
        people = store.status().book.size
    finally:
        store.close()
    return LoadedBook(job.lender, people, reports, len(job.live), tokens.identifiers, tokens.cpu_seconds, journal)


def _load_source(
    job: LoadJob, source: BookSource, store: SqliteBook, tokens: "_Tokens", line: Line
) -> ValidationReport:
    if source.url is not None:
        os.environ.update([source.url])
    mapping = load_mapping(source.mapping)
    aside = job.refused / f"{source.title}.refused.csv"
    load = BookLoad(mapping.file, mapping.source(source.file), maximum_refused=MAXIMUM_REFUSED, set_aside=aside)
    load.load(store, tokens, now=job.extracted_at, as_of=job.extracted_at, progress=line.progress)
    return load.report


def _record_live(job: LoadJob, store: SqliteBook, tokens: "_Tokens") -> None:
    """Record what happened since the files were written, as a node does during the day."""
    identifiers = [normalise(event.identifier) for event in job.live]
    for place, (event, identifier, token) in enumerate(
        zip(job.live, identifiers, tokens.tokenise(identifiers), strict=True)
    ):
        subject = Subject(token.tag, token.key, identifier.kind)
        pending = PendingGrant(f"grant-{place:05d}", event.amount, event.made, event.expires) if event.amount else None
        store.record(subject, pending or Freeze(frozen=True), job.origin.now)


@dataclass
class _Tokens(Silent):
    """A lender's tokeniser for all its sources: each identifier once; counts them and the client's CPU seconds."""

    tokeniser: Tokeniser
    line: Line
    cpu_seconds: float = 0.0
    known: dict[NormalisedIdentifier, Token] = field(default_factory=dict)

    @property
    def identifiers(self) -> int:
        """How many were tokenised."""
        return len(self.known)

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """Give the token of each identifier, in order; asks the key holders only for those not seen before."""
        start = time.process_time()
        new = [*dict.fromkeys(identifier for identifier in identifiers if identifier not in self.known)]
        self.known.update(zip(new, self.tokeniser.tokenise(new), strict=True))
        self.cpu_seconds += time.process_time() - start
        self.line.progress("tokenising", self.identifiers)
        return [self.known[identifier] for identifier in identifiers]


def _stream(secret: bytes) -> Randomness:
    """Give a stream of bytes from a secret, the same in every process."""
    places = count()
    return lambda length: hashlib.shake_256(secret + next(places).to_bytes(8, "big")).digest(length)
