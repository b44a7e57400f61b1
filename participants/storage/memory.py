"""A lender's book in memory: the port `BookStore` at its shortest, for tests and demonstrations of one process."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from consortium.errors import Code, CreditError
from consortium.model.credit_file import CreditFile, PieceKind
from consortium.model.credit_file_bytes import (
    Part,
    credit_file_from_bytes,
    credit_file_to_bytes,
    join_parts,
    parts_of,
)
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
from consortium.model.journal_entry import (
    Event,
    JournalEntry,
    apply_event,
    check_event,
    journal_entry_from_bytes,
    replay,
)
from consortium.transparency.books import BookRoot, DayKeys, book_root
from consortium.transparency.journal import NO_JOURNAL, JournalHead, journal_link, journal_start, verify_links
from participants.lender.book import applied_again, carried_pieces, first_kept
from participants.lender.ports import (
    BookRow,
    BookStatus,
    BookView,
    HeldFile,
    JournalRow,
    LoadReport,
    Progress,
    Subject,
)
from participants.storage.book_rows import BookIdentity


@dataclass(frozen=True, slots=True)
class _Held:
    """A subject: its key, its committed file (None where the book has none) and its live one."""

    key: SubjectKey
    committed: CreditFile | None
    live: CreditFile


@dataclass(slots=True)
class _Pieces:
    """What a load has gathered about one subject."""

    key: SubjectKey
    kind: IdentifierKind
    parts: list[Part] = field(default_factory=list)


class MemoryBook:
    """A `BookStore` that forgets everything with the process."""

    def __init__(self, identity: BookIdentity) -> None:
        self._identity = identity
        self._held: dict[SubjectTag, _Held] = {}
        self._earlier: list[JournalEntry] = []  # since the last load, before the last roll
        self._begin(book_root(identity.keys(0), ()), NO_JOURNAL)

    def find(self, tag: SubjectTag) -> HeldFile | None:
        """Look a subject's live file up."""
        held = self._held.get(tag)
        return HeldFile(held.live.identifier, held.key, held.live) if held else None

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:
        """Read several files and the book's state."""
        files = tuple(self.find(tag) if live else self._committed(tag) for tag in tags)
        return BookView(files, self._root.root, self._head.size, self._head.head)

    def status(self) -> BookStatus:
        """Give the book in force and where its journal stands."""
        return BookStatus(self._root, self._head)

    def record(self, subject: Subject, event: Event, now: int) -> JournalHead:
        """Append an event to the journal and change the live file with it."""
        held = self._held.get(subject.tag)
        file = held.live if held else None
        check_event(file, event)
        before = file or CreditFile(subject.kind)
        if apply_event(before, event) != file:
            entry = JournalEntry(self._head.size, now, subject.tag, before.identifier, event)
            self._append(entry, subject.key)
        return self._head

    def load(
        self, batches: Iterable[Sequence[BookRow]], *, day: int, as_of: int, progress: Progress | None = None
    ) -> LoadReport:
        """Replace the book by what the sources hold and commit to it."""
        self._check_day(day)
        gathered: dict[SubjectTag, _Pieces] = {}
        kinds, rows = set(), 0
        for batch in batches:
            kinds |= _gather(gathered, batch)
            rows += len(batch)
            if progress:
                progress("reading", rows)
        brought, history = frozenset(kinds), [*self._earlier, *self._journal]
        first = first_kept(history, as_of)
        carried = [*self._carried(max(0, first - len(self._earlier)), brought, as_of)]
        _gather(gathered, carried)
        files = {tag: credit_file_from_bytes(join_parts(item.kind, item.parts)) for tag, item in gathered.items()}
        kept = [
            entry
            for place, entry in enumerate(history)
            if place >= first and applied_again(entry, brought, rolled=place < len(self._earlier))
        ]
        tail = [(entry, self._held[entry.subject].key) for entry in kept]
        self._earlier = []
        self._swap({tag: _Held(gathered[tag].key, file, file) for tag, file in files.items()}, day, tail)
        return LoadReport(self.status(), rows, len(carried))

    def roll_day(self, day: int, progress: Progress | None = None) -> BookStatus:
        """Commit to the live files for a new day and start a new journal."""
        self._check_day(day)
        held = {tag: replace(held, committed=held.live) for tag, held in self._held.items()}
        self._earlier += self._journal
        self._swap(held, day, [])
        if progress:
            progress("reading", len(held))
        return self.status()

    def journal(self) -> Iterator[JournalRow]:
        """Give the journal of the book in force."""
        return (row for row, _ in self._entries)

    def verify_journal(self) -> None:
        """Raise CreditError(JOURNAL_BROKEN) unless the chain holds and replaying it gives every live file."""
        verify_links(self._start, (row.link for row, _ in self._entries), self._head)
        entries = [journal_entry_from_bytes(row.entry) for row, _ in self._entries]
        for tag, held in self._held.items():
            if replay(held.committed, entries, tag) != held.live:
                raise CreditError(Code.JOURNAL_BROKEN, "a live file is not what the journal gives")

    def _committed(self, tag: SubjectTag) -> HeldFile | None:
        held = self._held.get(tag)
        return HeldFile(held.committed.identifier, held.key, held.committed) if held and held.committed else None

    def _begin(self, root: BookRoot, previous: JournalHead) -> None:
        self._root = root
        self._start = self._head = journal_start(self._identity.lender, root, previous)
        self._entries: list[tuple[JournalRow, JournalEntry]] = []

    def _append(self, entry: JournalEntry, key: SubjectKey) -> None:
        held = self._held.get(entry.subject)
        after = apply_event(held.live if held else CreditFile(entry.identifier), entry.event)
        data = entry.to_bytes()
        link = journal_link(self._keys, entry.subject, data)
        self._held[entry.subject] = _Held(key, held.committed if held else None, after)
        self._entries.append((JournalRow(data, link), entry))
        self._head = self._head.then(link)

    def _swap(self, held: dict[SubjectTag, _Held], day: int, tail: Sequence[tuple[JournalEntry, SubjectKey]]) -> None:
        keys = self._identity.keys(day)
        leaves = (keys.leaf(tag, credit_file_to_bytes(h.committed)) for tag, h in held.items() if h.committed)
        root = book_root(keys, sorted(leaves))
        self._held = held
        self._begin(root, self._head)
        for entry, key in tail:
            self._append(replace(entry, seq=self._head.size), key)

    def _carried(self, first: int, brought: frozenset[PieceKind], as_of: int) -> Iterator[BookRow]:
        before = self._journal[:first]
        for tag, held in self._held.items():
            file = replay(held.committed, before, tag)
            for piece in carried_pieces(file, brought, as_of) if file else ():
                yield held.key, tag, held.live.identifier, piece

    @property
    def _journal(self) -> list[JournalEntry]:
        return [entry for _, entry in self._entries]

    @property
    def _keys(self) -> DayKeys:
        return self._identity.keys(self._root.day)

    def _check_day(self, day: int) -> None:
        if day < self._root.day:
            raise CreditError(Code.RECORD_INVALID, "the day lies before the day of the book in force")


def _gather(gathered: dict[SubjectTag, _Pieces], rows: Iterable[BookRow]) -> set[PieceKind]:
    kinds = set()
    for key, tag, kind, piece in rows:
        kinds.add(piece.kind)
        if parts := parts_of(piece):
            found = gathered.setdefault(tag, _Pieces(key, kind))
            found.kind = min(found.kind, kind)
            found.parts += parts
    return kinds
