"""Refused requests are not free: beyond a member's bucket they have no entries of their own, but are counted."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.wire.queries import signed_query_to_bytes
from gateway.committer import GroupCommitter
from gateway.settings import Limits
from gateway.storage.sql import SqlStore
from gateway.usecases.refusals import Refusals
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World

Scene = Callable[[GrpcWorld], Awaitable[None]]
SPAMMER = "lender-b"


class Clocks:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def seconds(self) -> int:
        return int(self.now)

    def precise(self) -> float:
        return self.now


@pytest.fixture
def bucket(tmp_path: Path) -> Callable[..., None]:
    """Runs a scene with the refusals of a gateway of one refusal every six seconds."""

    def run(scene: Callable[[Refusals, Clocks, SqlStore], Awaitable[None]]) -> None:
        async def main() -> None:
            store, clocks = SqlStore(f"sqlite:///{tmp_path}/gateway.db"), Clocks()
            committer = GroupCommitter(store)
            committer.start()
            await scene(Refusals(10, committer, clocks.seconds, clocks.precise), clocks, store)
            await committer.stop()
            store.close()

        asyncio.run(main())

    return run


def entries(store: SqlStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.lines(0, 999)]


def test_a_bucket_empties_and_fills_again(bucket: Callable[..., None]) -> None:
    async def scene(refusals: Refusals, clocks: Clocks, store: SqlStore) -> None:
        for _ in range(10):
            refusals.check(SPAMMER)
            refusals.take(SPAMMER)
        with refused(Code.QUOTA_EXCEEDED):
            refusals.check(SPAMMER)
        refusals.check("lender-a")
        clocks.now += 6.1
        refusals.check(SPAMMER)
        refusals.take(SPAMMER)
        with refused(Code.QUOTA_EXCEEDED):
            refusals.check(SPAMMER)
        clocks.now += 3_600
        for _ in range(10):
            refusals.check(SPAMMER)
            refusals.take(SPAMMER)
        with refused(Code.QUOTA_EXCEEDED):
            refusals.check(SPAMMER)
        assert entries(store) == []

    bucket(scene)


def test_one_entry_a_minute_says_how_many_were_dropped(bucket: Callable[..., None]) -> None:
    async def scene(refusals: Refusals, clocks: Clocks, store: SqlStore) -> None:
        for _ in range(1_000):
            refusals.drop(SPAMMER)
        refusals.drop("lender-a")
        await refusals.write()
        assert entries(store) == [], "not before the minute is over"
        clocks.now += 60
        await refusals.write()
        await refusals.write()
        found = [(one["kind"], one["requester"], one["count"], one["since"]) for one in entries(store)]
        assert found == [("requests-dropped", SPAMMER, 1_000, 1_000), ("requests-dropped", "lender-a", 1, 1_000)]
        refusals.drop(SPAMMER)
        await refusals.write(everything=True)
        assert entries(store)[2]["count"] == 1

    bucket(scene)


def test_what_cannot_be_written_is_counted_on(bucket: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(refusals: Refusals, clocks: Clocks, store: SqlStore) -> None:
        async def full(_: object) -> None:
            refusals.drop(SPAMMER)  # one more, while the first is being written
            raise CreditError(Code.STORAGE_FULL)

        refusals.drop(SPAMMER)
        clocks.now += 60
        with monkeypatch.context() as patch, refused(Code.STORAGE_FULL):
            patch.setattr(refusals.committer, "commit", full)
            await refusals.write()
        await refusals.write()
        assert [(one["count"], one["since"]) for one in entries(store)] == [(2, 1_000)]

    bucket(scene)


def test_a_flood_of_refused_requests_leaves_few_entries(world: World, tmp_path: Path) -> None:
    async def main() -> None:
        limits = Limits(refusals_per_minute=5)
        async with asyncio.timeout(60), grpc_world(world, tmp_path, limits=limits) as running:
            await running.attach(*LENDERS)
            late = world.query(world.subject(ALICE, by=SPAMMER), by=SPAMMER, issued_at=world.now - 3_000)
            codes: Counter[Code] = Counter()
            for number in range(40):
                try:
                    await running.ask(signed_query_to_bytes(late), number.to_bytes(16, "big"), by=SPAMMER)
                except CreditError as error:
                    codes[error.code] += 1
            assert codes[Code.QUERY_EXPIRED] in {5, 6}, "the bucket, and what it may get in the meantime"
            assert codes[Code.QUOTA_EXCEEDED] == 40 - codes[Code.QUERY_EXPIRED]
            assert (await running.result(subject=world.subject(BOB))).missing == (), "nobody else is concerned"
            store = running.parts.store
            kinds = Counter(one["kind"] for one in entries(store))
            assert kinds == {"query-refused": codes[Code.QUERY_EXPIRED], "query-admitted": 1, "query-answered": 1}
            await running.parts.asking.refusals.write(everything=True)
            last = entries(store)[-1]
            assert (last["kind"], last["requester"]) == ("requests-dropped", SPAMMER)
            assert last["count"] == codes[Code.QUOTA_EXCEEDED], "every request is in the log, one by one or counted"

    asyncio.run(main())


def test_what_was_admitted_and_failed_costs_its_quota_and_no_refusal(world: World, tmp_path: Path) -> None:
    async def main() -> None:
        limits = Limits(refusals_per_minute=1)
        async with asyncio.timeout(60), grpc_world(world, tmp_path, limits=limits) as running:
            await running.attach(*LENDERS[:3])
            for number in range(3):
                with refused(Code.TOO_FEW_CONTRIBUTORS):
                    await running.result(bytes([number]) * 16, subject=world.subject(ALICE))
            kinds = Counter(one["kind"] for one in entries(running.parts.store))
            assert kinds == {"query-admitted": 3, "query-refused": 3}

    asyncio.run(main())


def test_stopping_writes_what_was_counted(world: World, tmp_path: Path) -> None:
    async def main() -> None:
        async with grpc_world(world, tmp_path) as running:
            query = signed_query_to_bytes(world.query(world.subject(ALICE)))
            with refused(Code.MEMBER_NOT_ACTIVE):
                await running.ask(query, b"r" * 16, by=SPAMMER)
        store = SqlStore(running.settings.storage)
        assert [(one["kind"], one["requester"], one["count"]) for one in entries(store)] == [
            ("requests-dropped", SPAMMER, 1)
        ]
        store.close()

    asyncio.run(main())
