"""What every store of answers guarantees."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from consortium.errors import Code, CreditError
from consortium.model.identifiers import SubjectTag
from participants.lender.answer_ports import (
    AnswerStore,
    Binding,
    Charge,
    Exchange,
    StatisticExchange,
    StatisticTransaction,
)
from participants.lender.portfolio.ports import BoundRange
from participants.lender.portfolio.rows import ListTags
from participants.storage.answers import SqliteAnswers
from tests.support.codes import refused

MEMBERS = frozenset({"lender-a", "lender-b"})
TAG = SubjectTag(b"t" * 32)
OTHER = SubjectTag(b"u" * 32)
EXCHANGE = Exchange(b"request", b"answer", b"reveal")
Open = Callable[[], AnswerStore]


@pytest.fixture(params=["sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again, as a restart would."""
    assert request.param == "sqlite"
    return lambda: SqliteAnswers(tmp_path / "answers.db")


def test_an_exchange_is_opened_once_and_survives(reopen: Open) -> None:
    with reopen().transaction() as store:
        store.open_exchange(b"c" * 32, EXCHANGE)
    assert reopen().find(b"c" * 32) == EXCHANGE
    with refused(Code.CTX_REPLAYED), reopen().transaction() as store:
        store.open_exchange(b"c" * 32, EXCHANGE)
    assert reopen().find(b"d" * 32) is None


def test_a_correction_is_released_once(reopen: Open) -> None:
    with refused(Code.CTX_UNKNOWN), reopen().transaction() as store:
        store.release(b"c" * 32, b"correction")
    with reopen().transaction() as store:
        store.open_exchange(b"c" * 32, EXCHANGE)
        assert store.correction(b"c" * 32) is None
        store.release(b"c" * 32, b"correction")
    with refused(Code.ALREADY_RELEASED), reopen().transaction() as store:
        assert store.correction(b"c" * 32) == b"correction"
        store.release(b"c" * 32, b"another")


def break_off(store: AnswerStore) -> None:
    with store.transaction() as transaction:
        transaction.open_exchange(b"c" * 32, EXCHANGE)
        transaction.bind(TAG, Binding(MEMBERS, MEMBERS, 5))
        transaction.next_counter(20_000)
        transaction.use_consent(b"k", b"q")
        raise ZeroDivisionError


def test_a_transaction_that_raises_leaves_nothing(reopen: Open) -> None:
    with pytest.raises(ZeroDivisionError):
        break_off(reopen())
    with reopen().transaction() as store:
        assert store.exchange(b"c" * 32) is None
        assert store.bindings([TAG], 0) == [None]
        assert store.next_counter(20_000) == 1
        assert store.use_consent(b"k", b"q") == 1


def test_bindings_end_with_their_window(reopen: Open) -> None:
    binding = Binding(MEMBERS, MEMBERS | {"lender-c"}, since=100)
    with reopen().transaction() as store:
        store.bind(TAG, binding)
    with reopen().transaction() as store:
        assert store.bindings([TAG, OTHER], 100) == [binding, None]
        assert store.bindings([TAG], 101) == [None]


def test_consent_uses_count_each_query_once(reopen: Open) -> None:
    for query, expected in [(b"q1", 1), (b"q1", 1), (b"q2", 2)]:
        with reopen().transaction() as store:
            assert store.consent_uses(b"consent", query) == expected
            assert store.use_consent(b"consent", query) == expected
            assert store.consent_uses(b"consent", b"another") == expected + 1, "which counts nothing"


def test_released_travel_checks_are_counted_by_tag_and_payment(reopen: Open) -> None:
    payment = ("lender-a", b"p" * 32)
    for at, query in ((100, b"q1"), (200, b"q2"), (300, b"q1")):
        with reopen().transaction() as store:
            store.note_travel([TAG], query, payment, at)
    with reopen().transaction() as store:
        assert store.travel_releases(TAG, 0) == [(b"q1", 100), (b"q2", 200)], "a repeat changes nothing"
        assert store.travel_releases(TAG, 101) == [(b"q2", 200)]
        assert store.travel_releases(OTHER, 0) == []
        assert store.travel_payment(*payment) == b"q1", "the first query that it served"
        assert store.travel_payment("lender-b", b"p" * 32) is None
        store.note_travel([OTHER], b"q3", ("lender-b", b"p" * 32), 10**6)
    with reopen().transaction() as store:
        assert store.travel_releases(TAG, 0) == [], "no period looks back so far"
        assert store.travel_payment(*payment) == b"q1"


def test_a_file_from_before_travel_checks_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    SqliteAnswers(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TABLE travel_releases; DROP TABLE travel_payments; DROP TABLE lists; DROP TABLE list_jobs; "
            "DROP TABLE list_bindings; DROP TABLE statistics; DROP TABLE query_hits; PRAGMA user_version = 2; "
            "UPDATE numbers SET value = 7 WHERE name = 'counter'"
        )
    with SqliteAnswers(path).transaction() as store:
        assert (store.counter(), store.travel_releases(TAG, 0)) == (7, [])


def test_a_quarantine_is_never_shortened(reopen: Open) -> None:
    for until, expected in [(50, 50), (20, 50), (80, 80)]:
        with reopen().transaction() as store:
            store.quarantine(until)
            assert store.quarantined_until() == expected


def test_counters_are_gapless_under_threads(reopen: Open) -> None:
    store, seen = reopen(), list[int]()

    def count() -> None:
        for _ in range(20):
            with store.transaction() as transaction:
                seen.append(transaction.next_counter(20_000))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 81))


def test_a_change_of_the_generation_is_noted_with_its_time_and_the_first_one_is_none(tmp_path: Path) -> None:
    store = SqliteAnswers(tmp_path / "answers.db")
    with store.transaction() as transaction:
        transaction.note_generation(1, 1_000)
        assert transaction.changed_over() is None, "nothing was bound before"
    for moment in (2_000, 9_000):  # a restart notes it again
        with store.transaction() as transaction:
            transaction.note_generation(2, moment)
            assert transaction.changed_over() == (1, 2_000)
    store.close()
    store = SqliteAnswers(tmp_path / "answers.db")
    with store.transaction() as transaction:
        transaction.note_generation(3, 10_000)
        assert transaction.changed_over() == (2, 10_000)
    store.close()


def test_the_file_is_the_owners_alone_and_of_a_known_schema(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    store = SqliteAnswers(path)
    assert path.stat().st_mode & 0o077 == 0
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with refused(Code.STORAGE_SCHEMA):
        SqliteAnswers(path)


def test_a_full_disk_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    store = SqliteAnswers(tmp_path / "answers.db")
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with refused(Code.STORAGE_FULL), store.transaction() as transaction:
        transaction.next_counter(20_000)
        transaction.open_exchange(b"c" * 32, Exchange(bytes(100_000), b"", b""))
    with store.transaction() as transaction:
        assert transaction.next_counter(20_000) == 1
        assert transaction.exchange(b"c" * 32) is None


def charge(rho: int = 10, limit: int = 100) -> Charge:
    return Charge("exposure", 5, rho, limit, 1_000)


def test_the_last_of_a_budget_goes_to_one_of_many_threads_and_processes_exactly(reopen: Open) -> None:
    """Nodes of one lender share the store: every one of them has a connection of its own."""
    stores, taken, refusals = [reopen() for _ in range(4)], list[int](), list[Code]()

    def reserve(number: int) -> None:
        for at in range(6):
            ctx = bytes([number, at]) * 16
            try:
                with stores[number].transaction() as store:
                    store.statistics.reserve(ctx, ctx, charge(), 1_000)
                taken.append(number)
            except CreditError as error:
                refusals.append(error.code)

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), refusals) == (10, [Code.STATISTIC_BUDGET_SPENT] * 14)
    with stores[0].transaction() as store:
        assert store.statistics.used(5, "exposure") == store.statistics.used(5) == 100
        assert store.statistics.used(6) == 0


def test_a_statistic_is_reserved_kept_and_released_in_that_order_or_not_at_all(reopen: Open) -> None:
    one, other, kept = b"1" * 32, b"2" * 32, StatisticExchange(b"request", b"answer", b"seed")
    early_ones: list[Callable[[StatisticTransaction], object]] = [
        lambda store: store.keep(one, kept),
        lambda store: store.release(one, b"correction"),
    ]
    for early in early_ones:
        with refused(Code.STATISTIC_CLOSED), reopen().transaction() as store:
            early(store.statistics)
    with reopen().transaction() as store:
        store.statistics.reserve(one, b"statistic", charge(), 1_000)
        assert store.statistics.exchange(one) is None
        store.statistics.keep(one, kept)
    with reopen().transaction() as store:
        assert store.statistics.exchange(one) == kept
        store.statistics.release(one, b"correction")
        store.statistics.reserve(other, b"statistic", charge(), 1_000)
        assert store.statistics.used(5) == 20, "a release is not buried by another attempt"
    with reopen().transaction() as store:
        assert (store.statistics.bury(999), store.statistics.bury(1_000), store.statistics.used(5)) == (0, 1, 10)
        assert (store.statistics.correction(one), store.statistics.releases(b"statistic")) == (b"correction", 1)
    late_ones: list[Callable[[StatisticTransaction], object]] = [
        lambda store: store.exchange(other),
        lambda store: store.reserve(other, b"statistic", charge(), 2_000),
    ]
    for late in late_ones:
        with refused(Code.STATISTIC_CLOSED), reopen().transaction() as store:
            late(store.statistics)
    with reopen().transaction() as store:
        store.statistics.bury(1_000_000)
        assert (store.statistics.correction(one), store.statistics.used(5)) == (None, 10), "bytes go, costs stay"
    with refused(Code.STATISTIC_CLOSED), reopen().transaction() as store:
        store.statistics.keep(one, kept)


def test_lists_are_known_for_as_long_as_they_count(tmp_path: Path) -> None:
    store = SqliteAnswers(tmp_path / "answers.db")
    binding = Binding(MEMBERS, MEMBERS | {"lender-c"}, 500)
    with closing(store), store.transaction() as transaction:
        lists = transaction.lists
        first = lists.accept(b"j" * 32, b"d" * 32, "lender-a", 40, 100)
        assert lists.accept(b"k" * 32, b"d" * 32, "lender-a", 40, 300) == first, "an equal list is the same"
        assert lists.accept(b"l" * 32, b"d" * 32, "lender-b", 40, 100) != first
        assert [one.number for one in lists.known(200)] == [first]
        lists.bind(first, BoundRange(8, b"\x05", binding))
        assert lists.ranges(first, range(9), 400) == [BoundRange(8, b"\x05", binding)]
        assert lists.ranges(first, range(8), 400) == lists.ranges(first, range(20), 501) == []
        assert [one.number for one in lists.known(500)] == [first], "what is bound counts on"
        assert lists.known(501) == []
        assert lists.rows_since("lender-a", 100, b"k" * 32) == 40
        transaction.bind(TAG, binding)
        assert lists.single(TAG.value, OTHER.value, 500) == [(TAG.value, binding)]
        assert lists.single(OTHER.value, OTHER.value, 0) == []


def test_a_person_of_a_list_is_bound_by_its_row(tmp_path: Path) -> None:
    store = SqliteAnswers(tmp_path / "answers.db")
    tags = np.frombuffer(TAG.value + OTHER.value, dtype=np.uint8).reshape(-1, 32)
    store.lists.keep_tags(b"d" * 32, ListTags.of(tags))
    listed, single = Binding(MEMBERS, MEMBERS, 500), Binding(MEMBERS, MEMBERS, 400)
    with closing(store), store.transaction() as transaction:
        number = transaction.lists.accept(b"j" * 32, b"d" * 32, "lender-a", 2, 500)
        transaction.lists.bind(number, BoundRange(0, b"\x02", listed))
        assert transaction.bindings([TAG, OTHER], 0) == [None, listed]
        transaction.bind(OTHER, single)
        assert transaction.bindings([OTHER], 0) == [single], "the one whose window began first"
        assert transaction.bindings([OTHER], 450) == [listed]


def test_a_forgotten_list_is_gone_whole_even_for_a_longer_window(tmp_path: Path) -> None:
    store = SqliteAnswers(tmp_path / "answers.db")
    old, kept = (np.frombuffer(tag.value, dtype=np.uint8).reshape(-1, 32) for tag in (TAG, OTHER))
    store.lists.keep_tags(b"o" * 32, ListTags.of(old))
    store.lists.keep_tags(b"k" * 32, ListTags.of(kept))
    with closing(store):
        with store.transaction() as transaction:
            number = transaction.lists.accept(b"j" * 32, b"o" * 32, "lender-a", 1, 100)
            transaction.lists.bind(number, BoundRange(0, b"\x01", Binding(MEMBERS, MEMBERS, 100)))
            transaction.lists.accept(b"l" * 32, b"k" * 32, "lender-a", 1, 500)
        with store.transaction() as transaction:
            store.lists.forget_tags(transaction.lists.forget(400))
        with store.transaction() as transaction:
            assert [one.digest for one in transaction.lists.known(0)] == [b"k" * 32]
            assert transaction.bindings([TAG, OTHER], 0) == [None, None], "no tags of the old list are looked for"
            assert transaction.lists.ranges(number, range(1), 0) == []


def test_the_seed_of_a_released_statistic_is_in_no_file(tmp_path: Path) -> None:
    store, seed = SqliteAnswers(tmp_path / "answers.db"), bytes(range(100, 132))
    with closing(store):
        with store.transaction() as transaction:
            transaction.statistics.reserve(b"c" * 32, b"s" * 32, charge(), 1_000)
            transaction.statistics.keep(b"c" * 32, StatisticExchange(b"call", bytes(80_000), seed))
        with store.transaction() as transaction:
            transaction.statistics.release(b"c" * 32, b"corrected")
    assert seed not in b"".join(path.read_bytes() for path in tmp_path.glob("answers.db*"))
