"""
The ledger for the rows of a block: what binds them, from lists and from single queries, of all requesters.

A row is bound as a single tag is: from its first release, for one window, to one answering set.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from consortium.bitmaps import Truths, bitmap, truths
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.rounds import BoundRows
from consortium.model.rulebook import Rulebook
from participants.lender.answer_ports import Binding
from participants.lender.portfolio.ports import BoundRange, KnownList, ListFiles, ListTransaction
from participants.lender.portfolio.rows import ListTags, Octets, at_rows, prefixes_of


@dataclass(frozen=True, slots=True)
class ListRows:
    """Some rows of a list that is known here, with their tags."""

    number: int
    rows: range
    tags: Octets


@dataclass
class RowBindings:
    """For each row of a block the place of its binding in `table`, -1 where it is not bound."""

    places: npt.NDArray[np.int32]
    table: list[Binding] = field(default_factory=list)

    def note(self, which: Truths, binding: Binding) -> None:
        """Take a binding of some rows; of two the one whose window began first stands."""
        earlier = [place for place, one in enumerate(self.table) if one.since <= binding.since]
        fresh = which & ~np.isin(self.places, earlier)
        if fresh.any():
            self.table.append(binding)
            self.places[fresh] = len(self.table) - 1

    def bound(self) -> tuple[BoundRows, ...]:
        """Say which rows are bound to which set, a set once."""
        sets: dict[MemberSet, Truths] = {}
        for place, binding in enumerate(self.table):
            rows = self.places == place
            sets[binding.members] = sets[binding.members] | rows if binding.members in sets else rows
        found = sorted(sets.items(), key=lambda item: sorted(item[0]))
        return tuple(BoundRows(members, bitmap(rows)) for members, rows in found if rows.any())

    def free(self) -> Truths:
        """Give the rows that nothing binds."""
        return self.places < 0

    def rosters(self, kept: Truths, members: MemberSet) -> set[MemberSet]:
        """Give the rosters of the bindings of the rows kept; raises DIFFERENCING where one is bound to another set."""
        used = {int(place) for place in np.unique(self.places[kept]) if place >= 0}
        if any(self.table[place].members != members for place in used):
            raise CreditError(Code.DIFFERENCING, "a row that is bound to another set is not left out")
        return {self.table[place].roster for place in used}


def bindings_of(
    block: ListRows, known: list[KnownList], store: ListTransaction, files: ListFiles, not_before: int
) -> RowBindings:
    """Give what binds the rows of a block since `not_before`, wherever it was asked about."""
    found = RowBindings(np.full(len(block.tags), -1, dtype=np.int32))
    for one in known:
        _note_list(found, block, one, store, files, not_before)
    _note_single(found, block, store, not_before)
    return found


def check_rows_may_answer(
    bindings: RowBindings, kept: Truths, members: MemberSet, requester: MemberId, rulebook: Rulebook
) -> MemberSet:
    """
    Check U for the rows kept and give the roster that it was tested against.

    Rows that are bound were tested against the roster of their binding, the others are against the rulebook's. Raises
    DIFFERENCING, TOO_FEW_CONTRIBUTORS or ROSTER_MISMATCH.
    """
    rosters = bindings.rosters(kept, members)
    if (kept & bindings.free()).any() or not rosters:
        rosters.add(rulebook.roster_set)
    for roster in rosters:
        check_answering_set(members, roster, requester, rulebook.groups, rulebook.limits)
    return max(rosters, key=lambda one: (len(one), sorted(one)))


def bind_rows(block: ListRows, bindings: RowBindings, kept: Truths, fresh: Binding, store: ListTransaction) -> None:
    """Bind the rows kept that are not bound yet; what is bound keeps its own start."""
    rows = kept & bindings.free()
    if rows.any():
        store.bind(block.number, BoundRange(block.rows.start, bitmap(rows), fresh))


def binding_of_tag(
    tag: bytes, known: list[KnownList], store: ListTransaction, files: ListFiles, not_before: int
) -> Binding | None:
    """Give the binding of one person that lists made, the earliest; None where none did."""
    wanted = np.frombuffer(tag, dtype=np.uint8).reshape(1, -1)
    found: list[Binding] = []
    for one in known:
        row = int(files.tags(one.digest).positions(wanted)[0])
        if row >= 0:
            ranges = store.ranges(one.number, range(row, row + 1), not_before)
            found += [each.binding for each in ranges if _covers(each, row)]
    return min(found, key=lambda binding: binding.since, default=None)


def _covers(bound: BoundRange, row: int) -> bool:
    place = row - bound.first
    return 0 <= place < 8 * len(bound.bits) and bool(bound.bits[place // 8] >> (place % 8) & 1)


def _note_list(
    found: RowBindings, block: ListRows, one: KnownList, store: ListTransaction, files: ListFiles, not_before: int
) -> None:
    if one.number == block.number:
        rows = np.arange(block.rows.start, block.rows.stop, dtype=np.int64)
        span = block.rows
    else:
        rows = files.tags(one.digest).positions(block.tags)
        held = rows[rows >= 0]
        if not len(held):
            return
        span = range(int(held.min()), int(held.max()) + 1)
    for bound in store.ranges(one.number, span, not_before):
        bits = truths(bound.bits, 8 * len(bound.bits))
        found.note(at_rows(bits, np.where(rows >= 0, rows - bound.first, -1)), bound.binding)


def _note_single(found: RowBindings, block: ListRows, store: ListTransaction, not_before: int) -> None:
    if not len(block.tags):
        return
    single = store.single(block.tags[0].tobytes(), block.tags[-1].tobytes(), not_before)
    if not single:
        return
    tags = np.frombuffer(b"".join(tag for tag, _ in single), dtype=np.uint8).reshape(len(single), -1)
    rows = ListTags(block.tags, prefixes_of(block.tags)).positions(tags)
    by_binding: dict[Binding, list[int]] = {}
    for (_, binding), row in zip(single, rows, strict=True):
        if row >= 0:
            by_binding.setdefault(binding, []).append(int(row))
    for binding, held in by_binding.items():
        which = np.zeros(len(block.tags), dtype=bool)
        which[held] = True
        found.note(which, binding)
