"""Two gateway replicas on one PostgreSQL database: one log, one set of quotas, and no query lost when one dies."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.model.receipts import Subject, check_receipt
from consortium.transparency.tree import leaf_hash
from consortium.wire.gateway import Answered
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes
from gateway.bootstrap import GatewayServer, build
from gateway.settings import Limits, TimeoutSettings
from participants.gateway_client.asking import AskClient
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.postgres import Postgres
from tests.support.world import ALICE, LENDERS, World

Scene = Callable[[GrpcWorld, GrpcWorld], Awaitable[None]]


@asynccontextmanager
async def second_replica(first: GrpcWorld) -> AsyncIterator[GrpcWorld]:
    """Another server with the same settings and so the same database, on a port of its own."""
    server = GatewayServer(build(first.settings))
    await server.start()
    second = replace(first, server=server, clients={}, tasks={})
    try:
        yield second
    finally:
        for member in list(second.tasks):
            await second.detach(member)
        await server.stop()


@pytest.fixture
def play(world: World, tmp_path: Path, postgres: Postgres) -> Callable[..., None]:
    """Runs a scene against two replicas, every lender attached to both."""
    storage = postgres.new_database(tmp_path.name)

    def run(scene: Scene, **changes: object) -> None:
        async def main() -> None:
            async with (
                asyncio.timeout(90),
                grpc_world(world, tmp_path, storage=storage, **changes) as first,
                second_replica(first) as second,
            ):
                for replica in (first, second):
                    await replica.attach(*LENDERS)
                await scene(first, second)

        asyncio.run(main())

    return run


def question(world: World) -> bytes:
    return signed_query_to_bytes(world.query(world.subject(ALICE)))


def request_ids(count: int) -> list[bytes]:
    return [bytes([number]) * 16 for number in range(1, count + 1)]


async def kill(replica: GrpcWorld) -> None:
    """Stop a replica as if it had died: nothing is drained, whatever was being answered is dropped where it stands."""
    server = replica.server
    for task in (*replica.parts.asking.runs._running.values(), *server._tasks):
        task.cancel()
    writer = replica.parts.committer._task
    assert writer is not None
    writer.cancel()
    replica.parts.committer._task = None  # nothing is left to wait for when the test ends
    await server._server.stop(None)


def check_log(lines: list[bytes]) -> list[dict[str, object]]:
    """The log has no gap and no repetition."""
    entries = [json.loads(line) for line in lines]
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    return entries


def test_a_request_is_repeated_byte_for_byte_by_the_other_replica(play: Callable[..., None], world: World) -> None:
    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        query, one = question(world), b"r" * 16
        answers = []
        for replica in (first, second, first):
            client = AskClient([replica.address], first.tls("lender-a"))
            answers.append(await client.ask(one, query, 20))
            await client.close()
        assert answers[0] == answers[1] == answers[2]
        assert first.parts.store.size() == second.parts.store.size() == 2
        with refused(Code.REQUEST_ID_REUSED):
            await second.ask(question(world), one)

    play(scene)


def test_both_replicas_at_once_carry_one_answer(play: Callable[..., None], world: World) -> None:
    """The same request at both at the same time: contributors repeat their bytes, one answer is kept for both."""

    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        for request_id in request_ids(4):
            query = question(world)
            one, other = await asyncio.gather(first.ask(query, request_id), second.ask(query, request_id))
            assert one == other
        kinds = Counter(str(entry["kind"]) for entry in check_log(first.parts.store.lines(0, 99)))
        assert kinds["query-answered"] == 4
        assert set(kinds) == {"query-admitted", "query-answered"}

    play(scene)


def test_quotas_and_consent_hold_over_both_together(play: Callable[..., None], world: World) -> None:
    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        asked = [(first, second)[number % 2].ask(question(world), one) for number, one in enumerate(request_ids(7))]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        codes = Counter(one.code if isinstance(one, CreditError) else None for one in outcomes)
        assert codes == {None: 5, Code.QUOTA_EXCEEDED: 2}
        for replica in (first, second):
            with refused(Code.QUOTA_EXCEEDED):
                await replica.ask(question(world), b"x" * 16)
        check_log(second.parts.store.lines(0, 99))

    play(scene, limits=Limits(queries_per_minute=100, queries_per_day=5))


def test_a_consent_for_two_uses_is_used_up_at_both(play: Callable[..., None], world: World) -> None:
    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        consent = world.consent(subject, maximum_uses=2)
        for replica, request_id in zip((first, second), request_ids(2), strict=True):
            await replica.ask(signed_query_to_bytes(world.query(subject, consent=consent)), request_id)
        for replica in (first, second):
            with refused(Code.CONSENT_USED_UP):
                await replica.ask(signed_query_to_bytes(world.query(subject, consent=consent)), b"3" * 16)

    play(scene)


@pytest.mark.parametrize("answered_before", [0, 3])
def test_no_query_is_lost_when_a_replica_dies_under_load(
    play: Callable[..., None], world: World, answered_before: int
) -> None:
    """One client with both addresses; the replica that it prefers dies with its queries in every possible state."""

    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        queries = {one: world.query(subject) for one in request_ids(16)}
        client = AskClient([first.address, second.address], first.tls("lender-a"))
        done: list[bytes] = []

        async def ask(request_id: bytes) -> Answered:
            await asyncio.sleep(0.02 * request_id[0])
            answered = await client.ask(request_id, signed_query_to_bytes(queries[request_id]), 30)
            done.append(request_id)
            return answered

        asking = [asyncio.create_task(ask(one)) for one in queries]
        while sum(task.done() for task in asking) < len(asking):
            if len(done) >= answered_before and first.parts.asking.runs.in_flight:
                break
            await asyncio.sleep(0.001)
        await kill(first)
        assert len(done) < len(queries), "it must die under load"
        answers = dict(zip(queries, await asyncio.gather(*asking), strict=True))
        check_answers(world, second, answers)
        for request_id, answered in answers.items():
            query = queries[request_id]
            result = world.nodes["lender-a"].conclude(query, transcript_from_bytes(answered.transcript))
            assert result.missing == ()
            assert await client.ask(request_id, signed_query_to_bytes(query), 20) == answered
        await client.close()

    patient = TimeoutSettings(round1=10.0, round2=10.0, drain=2.0, settle=0.0)  # on a machine that is busy, too
    play(scene, timeouts=patient)


def test_questions_that_fail_together_do_not_send_each_other_back(play: Callable[..., None], world: World) -> None:
    """An even number of them once turned the preference round to the dead replica each time."""

    async def scene(first: GrpcWorld, second: GrpcWorld) -> None:
        await kill(first)
        client = AskClient([first.address, second.address], first.tls("lender-a"))
        answers = await asyncio.gather(*(client.ask(one, question(world), 8) for one in request_ids(4)))
        assert len(answers) == 4
        await client.close()

    play(scene)


def check_answers(world: World, replica: GrpcWorld, answers: dict[bytes, Answered]) -> None:
    """Every answer has one entry, where its receipt says; the log is whole."""
    lines = replica.parts.store.lines(0, 999)
    entries = check_log(lines)
    key = world.foundation.keys["gateway"].signer.public
    indexes = []
    for answered in answers.values():
        query_digest = bytes.fromhex(str(entries[answered.receipt.index]["query"]))
        check_receipt(answered.receipt, key, Subject(query_digest, answered.transcript))
        assert leaf_hash(lines[answered.receipt.index]) == answered.receipt.leaf_hash
        indexes.append(answered.receipt.index)
    assert sorted(indexes) == [entry["index"] for entry in entries if entry["kind"] == "query-answered"]
