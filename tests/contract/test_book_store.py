"""What every `BookStore` guarantees, run over each implementation."""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.model.credit_file import Characteristics, CreditFile, Freeze, Inquiry, Piece
from consortium.model.credit_file_bytes import credit_file_of, credit_file_to_bytes
from consortium.model.identifiers import IdentifierKind
from consortium.model.journal_entry import Dispute, journal_entry_from_bytes, replay
from consortium.transparency.books import book_root, verify_leaf
from consortium.transparency.journal import journal_start, verify_links, verify_opened
from consortium.transparency.tree import EMPTY_ROOT
from participants.lender import book as use
from participants.lender.ports import BookRow, BookStore, Subject
from participants.storage.book import SqliteBook
from participants.storage.memory import MemoryBook
from tests.support.books import DAY, IDENTITY, NOW, batched, grant, rows, subject, tradeline
from tests.support.codes import refused

ANN, BEN, CID = subject(1), subject(2), subject(3)
KEYS = IDENTITY.keys(DAY)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BookStore]:
    if request.param == "memory":
        yield MemoryBook(IDENTITY)
        return
    book = SqliteBook(tmp_path / "book.db", IDENTITY)
    yield book
    book.close()


def load(store: BookStore, *pieces: Sequence[BookRow], day: int = DAY, as_of: int = NOW - 3_600) -> None:
    store.load(batched([row for some in pieces for row in some]), day=day, as_of=as_of)


def live(store: BookStore, who: Subject) -> CreditFile | None:
    held = store.find(who.tag)
    (same,) = store.read([who.tag], live=True).files
    assert same == held
    return held.file if held else None


def committed(store: BookStore, who: Subject) -> CreditFile | None:
    (held,) = store.read([who.tag], live=False).files
    return held.file if held else None


def test_a_new_book_is_empty(store: BookStore) -> None:
    status = store.status()
    assert (status.book.size, status.book.root, status.journal.size) == (0, EMPTY_ROOT, 0)
    assert live(store, ANN) is None
    assert list(store.journal()) == []


def test_a_load_gathers_a_subject_from_anywhere_in_the_rows(store: BookStore) -> None:
    pieces: list[Piece] = [
        tradeline("a1"),
        Inquiry(NOW),
        tradeline("a2"),
        Characteristics.of({"orders": 3}),
        Freeze(frozen=False),
    ]
    scattered = [row for piece in pieces for who in (ANN, BEN) for row in rows(who, piece)]
    report = store.load(batched(scattered), day=DAY, as_of=NOW)
    assert (report.rows, report.carried, report.status.book.size, report.status.book.day) == (10, 0, 2, DAY)
    for who in (ANN, BEN):
        assert live(store, who) == committed(store, who) == credit_file_of(who.kind, pieces)
    held = store.find(ANN.tag)
    assert held is not None
    assert (held.key, held.kind) == (ANN.key, ANN.kind)


def test_the_root_is_that_of_the_files_in_whatever_order_they_come(store: BookStore) -> None:
    each = [rows(ANN, tradeline("a1")), rows(ANN, tradeline("a2")), rows(BEN, Inquiry(NOW))]
    files = {
        ANN: credit_file_of(ANN.kind, [tradeline("a1"), tradeline("a2")]),
        BEN: credit_file_of(BEN.kind, [Inquiry(NOW)]),
    }
    leaves = sorted(KEYS.leaf(who.tag, credit_file_to_bytes(file)) for who, file in files.items())
    for order in permutations(each):
        load(store, *order)
        assert store.status().book == book_root(KEYS, leaves)


def test_the_strongest_kind_of_a_tag_wins(store: BookStore) -> None:
    strong = subject(1, IdentifierKind.NATIONAL_ID)
    load(store, rows(ANN, tradeline("a1")), rows(strong, tradeline("a2")), rows(ANN, tradeline("a3")))
    file = live(store, ANN)
    assert file is not None
    assert file.identifier is IdentifierKind.NATIONAL_ID


def test_an_empty_load_is_an_empty_book(store: BookStore) -> None:
    load(store)
    assert store.status().book == book_root(KEYS, [])


def test_a_source_that_breaks_off_leaves_the_old_book(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")))
    use.record_pending(store, ANN, grant(), NOW)
    before, held = store.status(), store.find(ANN.tag)

    def broken() -> Iterator[Sequence[BookRow]]:
        yield rows(BEN, tradeline("b1"))
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.load(broken(), day=DAY + 1, as_of=NOW)
    assert (store.status(), store.find(ANN.tag), store.find(BEN.tag)) == (before, held, None)
    store.verify_journal()
    load(store, rows(BEN, tradeline("b1")))  # and the next one works
    assert live(store, BEN) is not None


def test_live_events_change_the_live_file_and_not_the_committed_one(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")))
    before = committed(store, ANN)
    use.record_inquiry(store, ANN, NOW)
    use.set_freeze(store, ANN, NOW, frozen=True)
    use.set_dispute(store, ANN.tag, "a1", NOW, disputed=True)
    store.record(ANN, tradeline("a2"), NOW)
    store.record(ANN, tradeline("a2", balance=7), NOW)
    expected: list[Piece] = [
        tradeline("a1", disputed=True),
        tradeline("a2", balance=7),
        Inquiry(NOW),
        Freeze(frozen=True),
    ]
    assert live(store, ANN) == credit_file_of(ANN.kind, expected)
    assert committed(store, ANN) == before
    use.set_freeze(store, ANN, NOW, frozen=False)
    use.set_dispute(store, ANN.tag, "a1", NOW, disputed=False)
    assert live(store, ANN) == credit_file_of(ANN.kind, [tradeline("a1"), tradeline("a2", balance=7), Inquiry(NOW)])


def test_a_subject_that_is_new_today_is_live_and_not_committed(store: BookStore) -> None:
    load(store, rows(BEN, tradeline("b1")))
    use.record_pending(store, ANN, grant(), NOW)
    assert live(store, ANN) == CreditFile(ANN.kind, pendings=(grant(),))
    assert committed(store, ANN) is None


def test_a_grant_is_pending_then_confirmed_or_released(store: BookStore) -> None:
    use.record_pending(store, ANN, grant(1), NOW)
    use.record_pending(store, ANN, grant(2), NOW)
    use.confirm(store, ANN.tag, "grant-1", tradeline("a1"), NOW)
    assert live(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),), pendings=(grant(2),))
    use.release(store, ANN.tag, "grant-2", NOW)
    assert live(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),))


def test_what_does_not_fit_the_file_is_refused_and_changes_nothing(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")))
    use.record_pending(store, ANN, grant(1), NOW)
    before, file = store.status(), live(store, ANN)
    wrong: list[Callable[[], Any]] = [
        lambda: use.release(store, ANN.tag, "grant-9", NOW),
        lambda: use.confirm(store, ANN.tag, "grant-9", tradeline("a2"), NOW),
        lambda: use.record_pending(store, ANN, grant(1, amount=1), NOW),
        lambda: use.set_dispute(store, ANN.tag, "a9", NOW, disputed=True),
        lambda: use.release(store, BEN.tag, "grant-1", NOW),
        lambda: store.record(BEN, Dispute("a1", disputed=True), NOW),
    ]
    for call in wrong:
        with refused(Code.RECORD_INVALID):
            call()
    assert (store.status(), live(store, ANN), store.find(BEN.tag)) == (before, file, None)


def test_a_repeated_event_is_appended_once(store: BookStore) -> None:
    head = use.record_pending(store, ANN, grant(), NOW)
    assert use.record_pending(store, ANN, grant(), NOW + 5) == head == store.status().journal
    head = use.set_freeze(store, ANN, NOW, frozen=True)
    assert use.set_freeze(store, ANN, NOW + 5, frozen=True) == head
    assert head.size == 2
    assert use.record_inquiry(store, ANN, NOW).size == 3
    assert use.record_inquiry(store, ANN, NOW).size == 4  # two inquiries of one second are two


def test_the_view_is_the_state_that_a_contribution_commits_to(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")))
    head = use.record_inquiry(store, ANN, NOW)
    for mode in (True, False):
        view = store.read([BEN.tag, ANN.tag], live=mode)
        assert (view.root, view.journal_size, view.journal_head) == (store.status().book.root, head.size, head.head)
        assert view.files[0] is None
        assert view.files[1] is not None


def test_the_journal_replays_to_the_live_file(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")), rows(BEN, tradeline("b1")))
    use.record_inquiry(store, ANN, NOW)
    use.record_pending(store, BEN, grant(), NOW)
    use.record_pending(store, CID, grant(), NOW)
    use.release(store, BEN.tag, "grant-1", NOW)
    entries = [journal_entry_from_bytes(row.entry) for row in store.journal()]
    assert [entry.seq for entry in entries] == [0, 1, 2, 3]
    for who in (ANN, BEN, CID):
        assert replay(committed(store, who), entries, who.tag) == live(store, who)
    store.verify_journal()


def test_an_inspection_of_one_subject_can_be_told_everything(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")), rows(BEN, tradeline("b1")))
    before = store.status()
    use.record_inquiry(store, ANN, NOW)
    use.record_inquiry(store, BEN, NOW)
    use.set_freeze(store, ANN, NOW, frozen=True)
    status, journal = store.status(), list(store.journal())
    file = committed(store, ANN)
    assert file is not None
    links = [row.link for row in journal]
    entries = [row.entry for row in journal if journal_entry_from_bytes(row.entry).subject == ANN.tag]
    opening = KEYS.opening(ANN.tag)
    assert KEYS.salt_digest == status.book.salt_digest
    verify_links(before.journal, links, status.journal)
    verify_opened(links, KEYS.salt, opening, ANN.tag, entries)
    data = credit_file_to_bytes(file)
    verify_leaf(KEYS.leaf(ANN.tag, data), KEYS.salt, opening, ANN.tag, data)
    assert replay(file, map(journal_entry_from_bytes, entries), ANN.tag) == live(store, ANN)


def test_rolling_the_day_commits_to_the_live_files(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")), rows(BEN, tradeline("b1")))
    use.record_inquiry(store, ANN, NOW)
    use.record_pending(store, CID, grant(), NOW)
    last = store.status().journal
    files = {who: live(store, who) for who in (ANN, BEN, CID)}
    status = store.roll_day(DAY + 1)
    keys = IDENTITY.keys(DAY + 1)
    leaves = [keys.leaf(who.tag, credit_file_to_bytes(file)) for who, file in files.items() if file]
    assert status == store.status()
    assert status.book == book_root(keys, sorted(leaves))
    assert status.journal == journal_start(IDENTITY.lender, status.book, last)
    for who, file in files.items():
        assert committed(store, who) == live(store, who) == file
    store.verify_journal()


def test_days_do_not_go_back(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")))
    before = store.status()
    with refused(Code.RECORD_INVALID):
        store.roll_day(DAY - 1)
    with refused(Code.RECORD_INVALID):
        load(store, day=DAY - 1)
    assert store.status() == before


def test_a_load_chains_its_journal_to_the_one_before(store: BookStore) -> None:
    use.record_inquiry(store, ANN, NOW - 7_200)
    last = store.status().journal
    load(store, rows(BEN, tradeline("b1")), rows(BEN, Inquiry(NOW)))
    status = store.status()
    assert status.journal == journal_start(IDENTITY.lender, status.book, last)


def test_a_load_keeps_the_grants_that_only_this_node_knows(store: BookStore) -> None:
    use.record_pending(store, ANN, grant(1), NOW - 7_200)
    use.record_pending(store, BEN, grant(2, made=NOW - 9_000, expires=NOW - 3_600), NOW - 7_200)
    load(store, rows(ANN, tradeline("a1")), rows(CID, tradeline("c1")), as_of=NOW)
    assert live(store, ANN) == committed(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),), pendings=(grant(1),))
    assert live(store, BEN) is None  # expired, and in no source
    assert store.status().journal.size == 0


def test_a_load_applies_again_what_was_recorded_after_the_sources_were_read(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1", balance=1)), as_of=NOW - 10_000)
    store.record(ANN, tradeline("a1", balance=2), NOW - 5_000)
    store.record(ANN, tradeline("a1", balance=3), NOW - 100)
    use.record_pending(store, BEN, grant(), NOW - 90)
    load(store, rows(ANN, tradeline("a1", balance=2)), day=DAY + 1, as_of=NOW - 1_000)
    assert committed(store, ANN) == CreditFile(ANN.kind, (tradeline("a1", balance=2),))
    assert live(store, ANN) == CreditFile(ANN.kind, (tradeline("a1", balance=3),))
    assert (committed(store, BEN), live(store, BEN)) == (None, CreditFile(BEN.kind, pendings=(grant(),)))
    assert store.status().journal.size == 2
    store.verify_journal()


@pytest.mark.parametrize("with_inquiries", [True, False])
def test_what_was_recorded_after_the_sources_were_read_outlives_a_roll_in_between(
    store: BookStore, *, with_inquiries: bool
) -> None:
    """Read at ten, an event at eleven, the roll at midnight, the load at one: the event is not lost, nor twice."""
    ten, eleven = NOW - 10_000, NOW - 6_000
    load(store, rows(ANN, tradeline("a1")), as_of=ten - 86_400)
    use.record_pending(store, ANN, grant(made=ten - 60), ten - 60)
    use.confirm(store, ANN.tag, "grant-1", tradeline("a2"), eleven)
    use.record_inquiry(store, ANN, eleven)
    store.roll_day(DAY + 1)
    store.roll_day(DAY + 1)
    use.set_freeze(store, BEN, NOW, frozen=True)
    brought = rows(BEN, Inquiry(ten)) if with_inquiries else []
    load(store, rows(ANN, tradeline("a1", balance=5)), brought, day=DAY + 1, as_of=ten)
    both = (tradeline("a1", balance=5), tradeline("a2"))
    assert live(store, ANN) == CreditFile(ANN.kind, both, inquiries=(Inquiry(eleven),))
    file = live(store, BEN)
    assert file is not None
    assert file.frozen
    store.verify_journal()


def test_an_inquiry_is_kept_once_whether_before_or_after_the_sources_and_a_roll(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")), as_of=NOW - 90_000)
    for at in (NOW - 50_000, NOW - 40_000):
        use.record_inquiry(store, ANN, at)
    store.roll_day(DAY + 1)
    for at in (NOW - 3_000, NOW - 1_000):
        use.record_inquiry(store, ANN, at)
    load(store, rows(ANN, tradeline("a1")), day=DAY + 1, as_of=NOW - 2_000)
    all_four = tuple(Inquiry(NOW - ago) for ago in (50_000, 40_000, 3_000, 1_000))
    assert live(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),), inquiries=all_four)
    assert committed(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),), inquiries=all_four[:3])


def test_a_load_keeps_kinds_of_pieces_that_no_source_brings(store: BookStore) -> None:
    use.record_inquiry(store, ANN, NOW - 7_200)
    use.record_inquiry(store, ANN, NOW - 100 * 86_400)  # beyond every window
    use.set_freeze(store, ANN, NOW - 7_200, frozen=True)
    load(store, rows(ANN, tradeline("a1")), rows(BEN, tradeline("b1")))
    kept = CreditFile(ANN.kind, (tradeline("a1"),), inquiries=(Inquiry(NOW - 7_200),), frozen=True)
    assert committed(store, ANN) == kept
    load(store, rows(ANN, tradeline("a1")), rows(BEN, Inquiry(NOW)), rows(BEN, Freeze(frozen=False)))
    assert committed(store, ANN) == CreditFile(ANN.kind, (tradeline("a1"),))


def test_a_load_drops_subjects_that_the_sources_no_longer_have(store: BookStore) -> None:
    load(store, rows(ANN, tradeline("a1")), rows(BEN, tradeline("b1")))
    load(store, rows(BEN, tradeline("b1")))
    assert live(store, ANN) is None
    assert store.status().book.size == 1


def test_progress_is_told(store: BookStore) -> None:
    told: list[tuple[str, int]] = []
    store.load(
        batched(rows(ANN, tradeline("a1"), tradeline("a2"), Inquiry(NOW), Inquiry(NOW))),
        day=DAY,
        as_of=NOW,
        progress=lambda stage, done: told.append((stage, done)),
    )
    assert told[:2] == [("reading", 3), ("reading", 4)]
