"""
A portfolio's two stages at a node: lists by workers, and results as CSV or Parquet with statuses, scores and changes.

People that are on a list twice are asked about once; every good row of the list is in the output, refused ones are in
a file beside it.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.model.catalogue import Purpose
from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import Scorecard
from consortium.silent import Silent
from participants.bootstrap import SharedAsks
from participants.lender.bulk.list_rows import WorkerSecrets
from participants.lender.bulk.preparing import ListPreparation
from participants.lender.bulk.preparing import PreparedList as PreparedRows
from participants.lender.bulk.workers import open_workers
from participants.lender.portfolio.ask import ListPeople, ListQuestion
from participants.lender.portfolio.outcome import (
    LENDERS,
    SHOWN,
    STATUS,
    STATUSES,
    Numbers,
    Outcome,
    Wanted,
    gathered,
    own_name,
)
from participants.lender.portfolio.portfolio_input import PortfolioInput, parse_portfolio
from participants.lender.portfolio.scorer import REASONS, SCORE, SCORE_STATUS, SCORE_STATUSES, SCORED
from participants.lender.portfolio.stages import Answers, PreparedList, Summary, Told
from participants.lender.validation import SetAside, ValidationReport
from participants.storage.database import storage_errors
from participants.storage.list_partitions import PartitionFolder
from participants.storage.output_tables import (
    Chunk,
    OutputColumn,
    TableFormat,
    format_of,
    put_in_place,
    write_changes,
    write_table,
)

CHUNK_ROWS = 65_536
_PEOPLE, _LIST, _SCRATCH = "people", "list.npz", "scratch"

OpenAsks = Callable[[], AbstractContextManager[SharedAsks]]


@dataclass(frozen=True, repr=False)
class BulkStages(Silent):
    """See `ListStages`; `asks` opens the way to the key holders, `clock` gives Unix seconds."""

    asks: OpenAsks
    rulebook: Callable[[], Rulebook]
    clock: Callable[[], int]

    def check(self, request: bytes) -> None:
        """Check a request: its fields, its mapping, its attributes and its card."""
        wanted = parse_portfolio(request)
        rulebook = self.rulebook()
        wanted.list_mapping()
        for name in wanted_of(wanted, rulebook, self.clock()).asked:
            if name not in rulebook.attributes:
                raise CreditError(Code.ATTRIBUTE_UNKNOWN, name[:64])
        _check_places(wanted)

    def prepare(self, request: bytes, folder: Path, told: Told) -> PreparedList:
        """Read and tokenise a list."""
        wanted = parse_portfolio(request)
        found = wanted.list_mapping()
        source, asked = found.source(wanted.source), wanted_of(wanted, self.rulebook(), self.clock()).asked
        with self.asks() as asks, open_workers(wanted.scheduler) as workers:
            prepared = ListPreparation(
                mapping=found.file,
                source=source,
                secrets=WorkerSecrets(asks.secrets.pre_hash_secret, asks.secrets.tag_key),
                asks=asks,
                workers=workers,
                kept=PartitionFolder(folder / _PEOPLE),
                report=ValidationReport(source.name),
                aside=SetAside(refused_file(wanted.out), newest_only=True),
                maximum_refused=wanted.max_refused_percent / 100,
            ).prepare(lambda stage, rows: told(stage, rows, 0))
        if not len(prepared.tags):
            raise CreditError(Code.LIST_INVALID, "no row names anybody")
        _keep(folder, prepared)
        consent = wanted.consent.terms(Purpose.PORTFOLIO) if wanted.consent else None
        question = ListQuestion(asked, wanted.lifetime_seconds, rows_per_block=wanted.rows_per_block)
        return PreparedList(ListPeople(prepared.tags, prepared.keys), question, consent)

    def finish(self, request: bytes, folder: Path, answers: Answers, told: Told) -> Summary:
        """Write the output, and what has changed since an earlier one."""
        wanted, listed = parse_portfolio(request), _kept(folder)
        choice = wanted_of(wanted, answers.rulebook, answers.header.issued_at)
        new, kind = wanted.out.with_name(f".{wanted.out.name}.new"), _kind(wanted)
        with _scratch(folder) as scratch:
            outcome = gathered(answers, choice, scratch, told)
            write_table(new, kind, _columns(wanted, choice), _chunks(listed, outcome, choice, wanted.row_name, told))
            counts = np.bincount(outcome.columns[STATUS][listed.places], minlength=len(STATUSES))
        changes = _changes(wanted, new, kind)
        put_in_place(new, wanted.out)
        statuses: dict[str, CanonicalValue] = {
            status.value: int(count) for status, count in zip(STATUSES, counts, strict=True) if count
        }
        refused = refused_file(wanted.out)
        return {
            "out": str(wanted.out),
            "rows": len(listed.places),
            "people": len(outcome.columns[STATUS]),
            "statuses": statuses,
            **({"refused": str(refused)} if refused.exists() else {}),
            **changes,
        }


def wanted_of(wanted: PortfolioInput, rulebook: Rulebook, at: int) -> Wanted:
    """Tell which columns a portfolio wants; raises CreditError(SCORECARD_NOT_EFFECTIVE)."""
    return Wanted(wanted.attributes, wanted.own, _card(wanted.scorecard, rulebook, at) if wanted.scorecard else None)


def refused_file(out: Path) -> Path:
    """Name the file of a list's refused rows: they are there as they were, and why."""
    return out.with_name(f"{out.stem}.refused.csv")


def changes_file(out: Path) -> Path:
    """Name the file of what has changed since an earlier output."""
    return out.with_name(f"{out.stem}.changes{out.suffix}")


def _card(name: str, rulebook: Rulebook, at: int) -> Scorecard:
    found = [card for card in rulebook.scorecards_at(at) if name in {card.id, f"{card.id}-{card.version}"}]
    if not found:
        raise CreditError(Code.SCORECARD_NOT_EFFECTIVE, name[:64])
    return found[0]


def _kind(wanted: PortfolioInput) -> TableFormat:
    return TableFormat(wanted.format) if wanted.format else format_of(wanted.out)


def _columns(wanted: PortfolioInput, choice: Wanted) -> list[OutputColumn]:
    values = [name for one in choice.attributes for name in ((one, own_name(one)) if choice.own else (one,))]
    found = [OutputColumn(name) for name in (wanted.row_name, STATUS)]
    found += [OutputColumn(LENDERS, SHOWN), *(OutputColumn(name, SHOWN) for name in values)]
    if choice.card is not None:
        found += [OutputColumn(SCORE, SCORED), OutputColumn(SCORE_STATUS), OutputColumn(REASONS, SCORED)]
    return found


@dataclass(frozen=True, slots=True, repr=False)
class _Rows(Silent):
    """The good rows of a list: whom each is about, and their names, joined CHUNK_ROWS at a time."""

    places: Numbers
    names: bytes
    lengths: Numbers


def _chunks(rows: _Rows, outcome: Outcome, choice: Wanted, row_name: str, told: Told) -> Iterator[Chunk]:
    """Give the output's rows in the order of the list."""
    statuses, start = np.array(STATUSES, dtype=object), 0
    scores, reasons = np.array(SCORE_STATUSES, dtype=object), np.array(outcome.reason_texts, dtype=object)
    for number, length in enumerate(rows.lengths.tolist()):
        places = rows.places[number * CHUNK_ROWS : (number + 1) * CHUNK_ROWS]
        chunk: Chunk = {name: column[places] for name, column in outcome.columns.items()}
        chunk[STATUS] = statuses[chunk[STATUS]]
        if choice.card is not None:
            chunk[SCORE_STATUS], chunk[REASONS] = scores[chunk[SCORE_STATUS]], reasons[chunk[REASONS]]
        names = rows.names[start : start + length].decode().split("\0")
        chunk[row_name] = np.array(names, dtype=object)
        start += length
        yield chunk
        told("writing", number * CHUNK_ROWS + len(places), len(rows.places))


def _changes(wanted: PortfolioInput, new: Path, kind: TableFormat) -> dict[str, CanonicalValue]:
    if wanted.since is None:
        return {}
    place, old = changes_file(wanted.out), format_of(wanted.since)
    found = write_changes((wanted.since, old), (new, kind), place, wanted.row_name)
    by_column: dict[str, CanonicalValue] = {name: count for name, count in found.by_column.items() if count}
    value: dict[str, CanonicalValue] = {"file": str(place), "added": found.added, "removed": found.removed}
    return {"changes": {**value, "changed": found.changed, "by_column": by_column}}


def _keep(folder: Path, prepared: PreparedRows) -> None:
    """Keep what the output needs of the list; the people's keys, which the job has now, are not needed any more."""
    starts = range(0, len(prepared.names), CHUNK_ROWS)
    names = ["\0".join(prepared.names[start : start + CHUNK_ROWS]).encode() for start in starts]
    beside = folder / f".{_LIST}"
    with storage_errors():
        beside.touch(mode=0o600)
        with beside.open("wb") as file:
            lengths = np.array([len(one) for one in names], dtype=np.int64)
            np.savez(file, places=prepared.places, names=np.frombuffer(b"".join(names), np.uint8), lengths=lengths)
        beside.replace(folder / _LIST)
        shutil.rmtree(folder / _PEOPLE, ignore_errors=True)


def _kept(folder: Path) -> _Rows:
    try:
        with np.load(folder / _LIST, allow_pickle=False) as found:
            return _Rows(found["places"], found["names"].tobytes(), found["lengths"])
    except (OSError, ValueError, KeyError):
        raise CreditError(Code.STORAGE_BROKEN, "the rows of a list") from None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give an empty folder for columns, which goes again."""
    scratch = folder / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with storage_errors():
            scratch.mkdir(mode=0o700)
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_places(wanted: PortfolioInput) -> None:
    """Raise for places that the results could not go to, or come from, before hours of asking."""
    if not wanted.out.parent.is_dir():
        raise CreditError(Code.RECORD_INVALID, "out: no such folder")
    if wanted.out.is_dir():
        raise CreditError(Code.RECORD_INVALID, "out: a folder; name a file")
    if any(one is not None and one.resolve() == wanted.out.resolve() for one in (wanted.source, wanted.mapping)):
        raise CreditError(Code.RECORD_INVALID, "out: it would take the place of the list, or of its mapping")
    if wanted.since is not None and not wanted.since.is_file():
        raise CreditError(Code.SOURCE_UNREADABLE, f"since: no file {wanted.since.name}")
