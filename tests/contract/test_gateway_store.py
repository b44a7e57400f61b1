"""What every store of the gateway guarantees, on SQLite and on PostgreSQL."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from consortium.errors import Code, CreditError
from consortium.transparency.tree import leaf_hash
from gateway.committer import GroupCommitter
from gateway.ports import Appended, GatewayTransaction, KnownBlock, KnownJob, NewFiling, Unit
from gateway.storage.filings_reader import SqlFilingsReader
from gateway.storage.sql import SqlStore
from tests.support.codes import refused
from tests.support.postgres import Postgres

Open = Callable[[], SqlStore]


@pytest.fixture(params=["sqlite", "postgresql"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store again and again, as restarts and replicas do."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/gateway.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database(f"t{uuid.uuid4().hex}")
    opened: list[SqlStore] = []

    def again() -> SqlStore:
        opened.append(SqlStore(url, check=lambda _: None))  # entries of made-up kinds
        return opened[-1]

    yield again
    for store in opened:
        store.close()


def append(store: SqlStore, **entry: str) -> Appended:
    (result,) = store.transact([lambda t: t.append({**entry})])
    assert isinstance(result, Appended)
    return result


def test_entries_are_canonical_lines_in_one_sequence(reopen: Open) -> None:
    first, second = append(reopen(), kind="a"), append(reopen(), kind="b")
    assert (first.index, second.index) == (0, 1)
    lines = reopen().lines(0, 2)
    assert [leaf_hash(line) for line in lines] == [first.leaf_hash, second.leaf_hash]
    assert json.loads(lines[1]) == {"index": 1, "kind": "b", "time_ms": second.time_ms}
    assert reopen().size() == 2


def test_a_unit_that_refuses_leaves_the_batch_alone(reopen: Open) -> None:
    def refuse(transaction: GatewayTransaction) -> Appended:
        transaction.append({"kind": "lost"})
        transaction.spend("lender-a", "queries", 1, 5)
        raise CreditError(Code.QUOTA_EXCEEDED)

    results = reopen().transact([lambda t: t.append({"kind": "a"}), refuse, lambda t: t.append({"kind": "b"})])
    assert isinstance(results[1], CreditError)
    assert [json.loads(line)["kind"] for line in reopen().lines(0, 9)] == ["a", "b"]
    assert reopen().transact([lambda t: t.spent("lender-a", "queries", 1)]) == [0]


def test_an_unexpected_error_undoes_everything(reopen: Open) -> None:
    def fail(transaction: GatewayTransaction) -> Appended:
        transaction.append({"kind": "lost"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reopen().transact([lambda t: t.append({"kind": "lost"}), fail])
    assert reopen().size() == 0


def test_a_request_is_remembered_with_its_response(reopen: Open) -> None:
    store = reopen()
    assert store.transact([lambda t: t.request("lender-a", b"r" * 16)]) == [None]
    store.transact([lambda t: t.open_request("lender-a", b"r" * 16, b"d" * 32)])
    (known,) = reopen().transact([lambda t: t.request("lender-a", b"r" * 16)])
    assert not isinstance(known, CreditError)
    assert known is not None
    assert (known.query_digest, known.response) == (b"d" * 32, None)
    store.transact([lambda t: t.close_request("lender-a", b"r" * 16, b"response")])
    (known,) = reopen().transact([lambda t: t.request("lender-a", b"r" * 16)])
    assert not isinstance(known, CreditError)
    assert known is not None
    assert known.response == b"response"
    assert reopen().transact([lambda t: t.request("lender-b", b"r" * 16)]) == [None]


def count(store: SqlStore, unit: Unit[int]) -> int:
    (result,) = store.transact([unit])
    assert isinstance(result, int)
    return result


@pytest.mark.parametrize("queries", [(b"q1", b"q1", b"q2")])
def test_a_consent_record_counts_each_query_once(reopen: Open, queries: tuple[bytes, ...]) -> None:
    used = [count(reopen(), partial(_use, query)) for query in queries]
    assert used == [1, 1, 2]


def _use(query: bytes, transaction: GatewayTransaction) -> int:
    return transaction.use_consent(b"consent", query)


def test_quotas_are_of_a_period(reopen: Open) -> None:
    spent = [count(reopen(), partial(_spend, period)) for period in (1, 1, 2)]
    assert spent == [3, 6, 3]


def _spend(period: int, transaction: GatewayTransaction) -> int:
    return transaction.spend("lender-a", "queries", period, 3)


def test_counters_only_grow(reopen: Open) -> None:
    seen = [count(reopen(), partial(_see, counter)) for counter in (4, 2, 9)]
    assert seen == [4, 4, 9]


def _see(counter: int, transaction: GatewayTransaction) -> int:
    transaction.see_counters({"lender-a": counter, "lender-b": 1})
    return transaction.counter("lender-a")


def test_replicas_write_one_gapless_sequence_and_share_quotas(reopen: Open) -> None:
    stores = [reopen(), reopen()]

    def write(store: SqlStore) -> list[int]:
        done = []
        for _ in range(15):
            (appended,) = store.transact([lambda t: (t.append({"kind": "x"}), t.spend("lender-a", "q", 1, 1))[0]])
            assert isinstance(appended, Appended)
            done.append(appended.index)
        return done

    with ThreadPoolExecutor(2) as pool:
        indexes = [index for done in pool.map(write, stores) for index in done]
    assert sorted(indexes) == list(range(30))
    assert reopen().transact([lambda t: t.spent("lender-a", "q", 1)]) == [30]


def test_the_group_committer_gives_everybody_its_own_result(reopen: Open) -> None:
    def refuse(_: GatewayTransaction) -> Appended:
        raise CreditError(Code.QUOTA_EXCEEDED)

    async def run() -> list[Appended | CreditError]:
        committer = GroupCommitter(reopen())
        committer.start()
        units = [refuse if i % 5 == 4 else (lambda t: t.append({"kind": "x"})) for i in range(50)]
        results = await asyncio.gather(*map(committer.commit, units), return_exceptions=True)
        await committer.stop()
        return results  # type: ignore[return-value]  # exceptions are CreditErrors, which the test checks

    results = asyncio.run(run())
    assert [isinstance(result, CreditError) for result in results] == [i % 5 == 4 for i in range(50)]
    assert sorted(r.index for r in results if isinstance(r, Appended)) == list(range(40))


def test_an_unknown_schema_version_is_refused(reopen: Open) -> None:
    store = reopen()
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with refused(Code.STORAGE_SCHEMA):
        reopen()


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    SqlStore(f"sqlite:///{tmp_path}/gateway.db").close()
    assert (tmp_path / "gateway.db").stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    store = SqlStore(url, check=lambda _: None)
    engine = create_engine(url)
    with engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    engine.dispose()
    with store._engine.connect() as connection:
        connection.execute(text(f"PRAGMA max_page_count = {pages + 1}"))
    with refused(Code.STORAGE_FULL):
        store.transact([lambda t: t.append({"kind": "x" * 100_000})])
    assert store.size() == 0
    store.close()


def test_a_body_is_durable_with_its_entry_or_not_at_all(reopen: Open) -> None:
    store = reopen()

    def keep(transaction: GatewayTransaction) -> int:
        appended = transaction.append({"kind": "test"})
        transaction.bodies.keep(appended, b"q" * 32, b"what was said")
        return appended.index

    def keep_and_fail(transaction: GatewayTransaction) -> int:
        keep(transaction)
        raise CreditError(Code.QUOTA_EXCEEDED)

    first, failed, second = store.transact([keep, keep_and_fail, keep])
    assert (first, second) == (0, 1)
    assert isinstance(failed, CreditError)

    def states(transaction: GatewayTransaction) -> list[bool]:
        return [transaction.bodies.state(index) is not None for index in range(3)]

    assert reopen().transact([states]) == [[True, True, False]]


def test_an_erased_body_is_gone_and_the_response_to_its_query_with_it(reopen: Open) -> None:
    store, later = reopen(), 1 << 52

    def make(transaction: GatewayTransaction) -> None:
        for number in (b"a" * 32, b"b" * 32):
            transaction.open_request("lender-a", number[:16], number)
            transaction.close_request("lender-a", number[:16], b"answer")
            transaction.bodies.keep(transaction.append({"kind": "test"}), number, b"body")
        transaction.bodies.hold(1, held=True)

    def old(transaction: GatewayTransaction) -> list[int]:
        return transaction.bodies.older_than(later, 10)

    def erase(transaction: GatewayTransaction) -> None:
        transaction.bodies.erase(0, 7)

    def seen(transaction: GatewayTransaction) -> list[object]:
        requests = [transaction.request("lender-a", number * 16) for number in (b"a", b"b")]
        states = [transaction.bodies.state(index) for index in range(2)]
        return [
            *(request.response if request else "?" for request in requests),
            *((state.readable, state.held) if state else None for state in states),
        ]

    assert store.transact([make, old, erase, seen, old]) == [
        None,
        [0],
        None,
        [None, b"answer", (False, False), (True, True)],
        [],
    ]


def filing(name: bytes, author: str, reader: str = "", about: int | None = None) -> NewFiling:
    return NewFiling("case-opened", b"signed " + name, name * 32, author, reader, about)


def test_filings_are_read_by_whom_they_concern(reopen: Open) -> None:
    store = reopen()

    def keep(one: NewFiling) -> Unit[int]:
        def unit(transaction: GatewayTransaction) -> int:
            appended = transaction.append({"kind": "test"})
            transaction.filings.keep(appended.index, one, appended.time_ms)
            return appended.index

        return unit

    made = [filing(b"a", "lender-a"), filing(b"b", "lender-a", "lender-b", 0), filing(b"c", "lender-c", "*", 0)]
    assert store.transact([keep(one) for one in made]) == [0, 1, 2]

    def look(transaction: GatewayTransaction) -> list[object]:
        filings = transaction.filings
        newest, second = filings.newest("case-opened", "lender-a"), filings.at(1)
        return [
            filings.entry(b"b" * 32),
            filings.entry(b"x" * 32),
            newest.index if newest else None,
            (second.author, second.about, second.signed) if second else None,
            [one.index for one in filings.about("case-opened", 0)],
            (filings.count("lender-a", 0), filings.count("lender-a", 1 << 52)),
            json.loads(transaction.line(2) or b"null")["index"],
            transaction.line(3),
        ]

    assert store.transact([look]) == [[1, None, 1, ("lender-a", 0, b"signed b"), [1, 2], (2, 0), 2, None]]
    reader = SqlFilingsReader(store.url)
    seen = {name: [one.entry for one in reader.page(name, -1, everything=False)] for name in ("lender-a", "lender-b")}
    assert seen == {"lender-a": [0, 1, 2], "lender-b": [1, 2]}
    assert [one.entry for one in reader.page("regulator", 0, everything=True)] == [1, 2]
    reader.close()


def test_a_bundle_is_given_piece_by_piece_as_it_came(reopen: Open) -> None:
    store = reopen()

    def keep(transaction: GatewayTransaction) -> None:
        for number, content in ((0, b"first"), (1, b"second"), (2, b"of an earlier try"), (1, b"again")):
            transaction.filings.keep_piece(7, number, content)
        transaction.filings.drop_pieces(7, 2)
        transaction.filings.keep_piece(8, 0, b"another")

    store.transact([keep])
    reader = SqlFilingsReader(store.url)
    assert [*reader.pieces(7)] == [b"first", b"again"]
    store.transact([lambda transaction: transaction.filings.drop_pieces(7)])
    assert [*reader.pieces(7)] == []
    assert [*reader.pieces(8)] == [b"another"]
    reader.close()


def test_a_job_keeps_what_was_chosen_and_answered_for_its_blocks(reopen: Open) -> None:
    job = KnownJob(b"j" * 32, "lender-a", b"r" * 16, b"begin", 7, 1_000)
    other = KnownJob(b"k" * 32, "lender-a", b"s" * 16, b"begin", 8, 3_000)

    def begin(store: GatewayTransaction) -> None:
        store.jobs.open(job)
        store.jobs.open(other)
        store.jobs.fix(job.digest, 3, b"first")
        store.jobs.fix(job.digest, 3, b"second")
        store.jobs.fix(job.digest, 1, b"chosen")
        store.jobs.answer(job.digest, 1, b"receipt")
        store.jobs.answer(job.digest, 1, b"another")
        store.jobs.fix(job.digest, 1, b"too late")

    assert reopen().transact([begin]) == [None]

    def look(store: GatewayTransaction) -> None:
        assert store.jobs.find(job.digest) == store.jobs.by_request("lender-a", b"r" * 16) == job
        assert store.jobs.find(b"?" * 32) is store.jobs.by_request("lender-b", b"r" * 16) is None
        assert store.jobs.blocks(job.digest) == [KnownBlock(1, b"chosen", b"receipt"), KnownBlock(3, b"second", None)]
        assert [store.jobs.receipt(job.digest, block) for block in (1, 3, 4)] == [b"receipt", None, None]
        assert store.jobs.overdue(2_000) == [job]
        store.jobs.end(job.digest, b"ended")
        store.jobs.end(job.digest, b"ended twice")

    assert reopen().transact([look]) == [None]
    assert reopen().transact([lambda store: store.jobs.find(job.digest)]) == [replace(job, ended=b"ended")]
    assert reopen().transact([lambda store: store.jobs.overdue(9_000)]) == [[other]]
