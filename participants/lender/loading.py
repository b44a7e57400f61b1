"""
Loading a book: sources, rows, records, tokens, book, as one stream; each step holds one batch in memory.

A source that breaks off, too many refused rows, a key holder that fails: every error reaches the store out of the
stream, and so the book is as it was.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.identifiers import NormalisedIdentifier
from consortium.model.keys import utc_day
from consortium.silent import Silent
from participants.lender.connectors import OpenTable, Source
from participants.lender.mapping import MappingFile
from participants.lender.ports import BookRow, BookStore, Link, LoadReport, Progress
from participants.lender.records import RawRecord, RawRow
from participants.lender.row_reader import RowReader
from participants.lender.tokenise import Token
from participants.lender.tokens import Tokenises
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED, SetAside, ValidationReport
from participants.lender.values import RefusedError

REMEMBERED_TOKENS = 65_536


class BookLoad:
    """
    One reading of one source, to check it or to load it; `report` says what became of the rows, also after an error.

    `maximum_refused` is the share of refused rows (0 to 1) beyond which the whole source is refused. Refused rows go
    to `set_aside`; see `SetAside` for `newest_only`.
    """

    def __init__(
        self,
        mapping: MappingFile,
        source: Source,
        *,
        maximum_refused: float = DEFAULT_MAXIMUM_REFUSED,
        set_aside: Path | None = None,
        newest_only: bool = False,
    ) -> None:
        if not 0 <= maximum_refused <= 1:
            raise CreditError(Code.SETTINGS_INVALID, "the tolerated share of refused rows lies between 0 and 1")
        self.source = source
        self.report = ValidationReport(source.name)
        self.aside = SetAside(set_aside, newest_only=newest_only)
        self._mapping = mapping
        self._maximum_refused = maximum_refused

    def check(self, progress: Progress | None = None) -> None:
        """
        Read and validate everything, change nothing, tokenise nothing.

        Raises CreditError: SOURCE_UNREADABLE, SOURCE_LOST, MAPPING_INVALID, ROWS_REFUSED, STORAGE_FULL.
        """
        with self.reading() as records:
            for _ in records:
                if progress is not None:
                    progress("reading", self.report.read)

    def load(
        self,
        store: BookStore,
        tokens: Tokenises,
        *,
        now: int,
        as_of: int | None = None,
        progress: Progress | None = None,
    ) -> LoadReport:
        """Replace the book by what this one source holds; see `load_sources`."""
        return load_sources([self], store, tokens, now=now, as_of=as_of, progress=progress)

    @contextmanager
    def reading(self) -> Iterator[Iterator[list[RawRecord]]]:
        """Open the source and give its good records; the refused ones are counted and set aside. Raises as `check`."""
        with self.source.open() as table, self.aside:
            reader = RowReader(self._mapping, table.columns)
            self.aside.begin(table.columns)
            yield self._records(table, reader)

    def _records(self, table: OpenTable, reader: RowReader) -> Iterator[list[RawRecord]]:
        for batch in table.batches:
            yield [record for row in batch if (record := self._record(reader, row)) is not None]
        self.aside.finish()
        self.report.check_share(self._maximum_refused)

    def _record(self, reader: RowReader, row: RawRow) -> RawRecord | None:
        try:
            record = reader.read(row)
        except RefusedError as refused:
            self.report.refuse(row, refused)
            self.aside.add(row, refused)
            return None
        self.report.accept(empty=not record.pieces)
        return record


def load_sources(
    loads: Sequence[BookLoad],
    store: BookStore,
    tokens: Tokenises,
    *,
    now: int,
    as_of: int | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """
    Replace the book by what one or more sources hold together, committed to for the UTC day of `now` (Unix seconds).

    `as_of` is the time that the sources speak of: what was recorded in the book from then on is kept on top of them.
    Left out, it is when the oldest file was last written, or `now` for databases. Raises as `BookLoad.check`,
    TOO_FEW_HOLDERS, and as `BookStore.load`; the book is unchanged then.
    """
    moment = min([now, *(load.source.modified or now for load in loads)]) if as_of is None else as_of
    if not 0 <= moment <= now:
        raise CreditError(Code.SETTINGS_INVALID, "the time that the source speaks of lies in the future")
    with ExitStack() as stack:
        readings = [stack.enter_context(load.reading()) for load in loads]  # all, so that a wrong path shows at once
        rows = book_rows(chain.from_iterable(readings), tokens)
        return store.load(rows, day=utc_day(now), as_of=moment, progress=progress)


def book_rows(batches: Iterable[Sequence[RawRecord]], tokens: Tokenises) -> Iterator[list[BookRow]]:
    """
    Tokenise records batch by batch; records without pieces are left out.

    A person with several rows is tokenised once as long as the rows do not lie too far apart (REMEMBERED_TOKENS).
    """
    known = KnownTokens(tokens)
    for batch in batches:
        records = [record for record in batch if record.pieces]
        found = known.find({record.identifier for record in records})
        yield [
            (token.key, token.tag, record.identifier.kind, piece)
            for record in records
            for token in (found[record.identifier],)
            for piece in record.pieces
        ]


def link_people(
    batches: Iterable[Sequence[RawRecord]], tokens: Tokenises, keep: Callable[[Sequence[Link]], int]
) -> tuple[int, int]:
    """
    Link the tags of people's generations, batch by batch; records without pieces count, too.

    `tokens` gives tokens of two generations; `keep` keeps the links that it needs and gives how many. Gives how many
    identifiers there were, and how many were kept, both counted once as long as rows do not lie too far apart.
    """
    known, people, kept = KnownTokens(tokens), 0, 0
    for batch in batches:
        fresh = {record.identifier for record in batch} - known.identifiers
        links = [link for token in known.find(fresh).values() if (link := _link(token)) is not None]
        people += len(fresh)
        kept += keep(links)
    return people, kept


def _link(token: Token) -> Link | None:
    if token.upcoming is not None:
        return Link(token.upcoming.tag, token.upcoming.key, token.tag)
    return Link(token.tag, token.key, token.earlier.tag) if token.earlier is not None else None


class KnownTokens(Silent):
    """The tokens used last, in memory only."""

    def __init__(self, tokens: Tokenises) -> None:
        self._tokens = tokens
        self._known: OrderedDict[NormalisedIdentifier, Token] = OrderedDict()

    @property
    def identifiers(self) -> AbstractSet[NormalisedIdentifier]:
        """Those that are known."""
        return self._known.keys()

    def find(self, identifiers: AbstractSet[NormalisedIdentifier]) -> dict[NormalisedIdentifier, Token]:
        """Give the token of each; asks the key holders for those that are not known."""
        found = {}
        for identifier in identifiers & self._known.keys():
            self._known.move_to_end(identifier)
            found[identifier] = self._known[identifier]
        if new := list(identifiers - found.keys()):
            fresh = dict(zip(new, self._tokens.tokenise(new), strict=True))
            found |= fresh
            self._known |= fresh
        while len(self._known) > REMEMBERED_TOKENS:
            self._known.popitem(last=False)
        return found
