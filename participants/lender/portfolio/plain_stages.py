"""
A portfolio's stages at their plainest: a CSV list in, a CSV file out, in this process.

People that are on a list twice are asked about once; every row of the list is in the output.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Purpose
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier
from consortium.rules.contributions import FROZEN, MATCHED
from consortium.silent import Silent
from participants.lender.ask import ValueStatus
from participants.lender.normalise import normalise
from participants.lender.portfolio.ask import ListPeople
from participants.lender.portfolio.portfolio_input import PortfolioInput, parse_portfolio
from participants.lender.portfolio.stages import Answers, PreparedList, Summary, Told
from participants.lender.tokens import Tokenises
from participants.whole_files import write_whole

BATCH = 1024
ROWS = "list-rows.npy"
"""The list's rows by the order of the job's: for each row of the list its row of the job, -1 where it was refused."""


@dataclass(frozen=True, repr=False)
class PlainStages(Silent):
    """See `ListStages`; `tokeniser` gives the way to the key holders."""

    tokeniser: Callable[[], Tokenises]

    def check(self, request: bytes) -> None:
        """Check a request."""
        wanted = parse_portfolio(request)
        if not wanted.out.is_absolute() or not wanted.source.is_absolute():
            raise CreditError(Code.RECORD_INVALID, "source and out: absolute paths, as the node sees them")

    def prepare(self, request: bytes, folder: Path, told: Told) -> PreparedList:
        """Read and tokenise a list."""
        wanted = parse_portfolio(request)
        tags: list[bytes] = []
        keys: list[bytes] = []
        known: list[bool] = []
        with _opened(wanted) as rows:
            while batch := [*islice(rows, BATCH)]:
                self._tokenise(batch, tags, keys, known)
                told("reading", len(known), 0)
        if not tags:
            raise CreditError(Code.LIST_INVALID, "no row names anybody")
        listed = np.frombuffer(b"".join(tags), dtype="S32")
        _, first, place = np.unique(listed, return_index=True, return_inverse=True)
        of_row = np.full(len(known), -1, dtype=np.int64)
        of_row[np.array(known)] = place
        _save(folder / ROWS, of_row)
        octets = np.frombuffer(b"".join(tags), dtype=np.uint8).reshape(-1, 32)[first]
        pressed = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 64)[first]
        consent = wanted.consent.terms(Purpose.PORTFOLIO) if wanted.consent else None
        return PreparedList(ListPeople(octets, pressed), wanted.question, consent)

    def finish(self, request: bytes, folder: Path, answers: Answers, told: Told) -> Summary:
        """Write the output."""
        wanted, of_row = parse_portfolio(request), np.load(folder / ROWS)
        values, status = _gathered(wanted, answers)
        header = ("row", wanted.columns.id, "status", *wanted.attributes)
        lines, counts = [",".join(header)], dict.fromkeys((*ValueStatus, "REFUSED"), 0)
        with _opened(wanted) as rows:
            for number, (row, place) in enumerate(zip(rows, of_row, strict=True), start=1):
                said = "REFUSED" if place < 0 else status[place]
                counts[said] += 1
                numbers = [""] * len(wanted.attributes) if place < 0 else [str(int(one)) for one in values[place]]
                lines.append(",".join((str(number), _quoted(row.name), said, *numbers)))
                if number % BATCH == 0:
                    told("writing", number, len(of_row))
        write_whole(wanted.out, ("\n".join(lines) + "\n").encode(), 0o600)
        return {
            "out": str(wanted.out),
            "rows": len(of_row),
            "statuses": {str(name): count for name, count in counts.items() if count},
        }

    def _tokenise(self, batch: "Sequence[_Row]", tags: list[bytes], keys: list[bytes], known: list[bool]) -> None:
        found = [row.identifier for row in batch]
        tokens = self.tokeniser().tokenise([one for one in found if one is not None])
        tags += [token.tag.value for token in tokens]
        keys += [token.key.value for token in tokens]
        known += [one is not None for one in found]


@dataclass(frozen=True, slots=True, repr=False)
class _Row(Silent):
    """A row: the lender's own name of it, and its strongest identifier, None where none can be read."""

    name: str
    identifier: NormalisedIdentifier | None


class _opened:  # noqa: N801  a context manager used like a function
    """Read the rows of a list; raises CreditError(SOURCE_UNREADABLE)."""

    def __init__(self, wanted: PortfolioInput) -> None:
        self._wanted = wanted

    def __enter__(self) -> Iterator[_Row]:
        try:
            self._file = self._wanted.source.open(encoding="utf-8-sig", newline="")
        except OSError:
            raise CreditError(Code.SOURCE_UNREADABLE, "the list") from None
        return self._rows()

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _rows(self) -> Iterator[_Row]:
        reader, columns = csv.DictReader(self._file), self._wanted.columns
        names = {kind: name for kind, name in _columns(self._wanted).items() if name}
        if missing := {columns.id, *names.values()} - set(reader.fieldnames or ()):
            raise CreditError(Code.RECORD_INVALID, f"columns: the list has none named {min(missing)[:64]}")
        for row in reader:
            yield _Row(row[columns.id] or "", _strongest(row, names, self._wanted.country))


def _columns(wanted: PortfolioInput) -> dict[IdentifierKind, str | None]:
    columns = wanted.columns
    return dict(zip(IdentifierKind, (columns.national_id, columns.phone, columns.email), strict=True))


def _strongest(row: dict[str, str], names: dict[IdentifierKind, str], country: str) -> NormalisedIdentifier | None:
    for kind in IdentifierKind:
        text = row.get(names.get(kind, ""), "")
        if text:
            try:
                return normalise(RawIdentifier(kind, text, country))
            except CreditError:
                return None
    return None


def _gathered(wanted: PortfolioInput, answers: Answers) -> tuple[np.ndarray, list[str]]:
    """Give values and status of every row of the job."""
    rows = answers.header.rows.rows if answers.header.rows else 0
    values, status = np.zeros((rows, len(wanted.attributes)), dtype=np.uint64), [ValueStatus.INCOMPLETE.value] * rows
    for block in answers.blocks:
        places = np.arange(block.rows.start, block.rows.stop)[block.kept]
        matched = np.sum([block.totals[name] for name in MATCHED], axis=0)
        complete = block.answered == answers.rulebook.roster_set
        for column, name in enumerate(wanted.attributes):
            values[places, column] = block.totals[name]
        for place, hits, frozen in zip(places, matched, block.totals[FROZEN], strict=True):
            status[place] = _status(int(hits), frozen=bool(frozen), complete=complete).value
    return values, status


def _status(matched: int, *, frozen: bool, complete: bool) -> ValueStatus:
    if frozen:
        return ValueStatus.NOT_PERMITTED
    if not complete:
        return ValueStatus.INCOMPLETE
    if matched == 0:
        return ValueStatus.NO_HIT
    return ValueStatus.THIN if matched == 1 else ValueStatus.OK


def _save(path: Path, numbers: np.ndarray) -> None:
    beside = path.with_name(f".{path.name}")
    with beside.open("wb") as file:
        np.save(file, numbers)
    beside.replace(path)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
