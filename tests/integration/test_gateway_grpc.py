"""The gateway over real gRPC with mutual TLS: answers, receipts, repeats, refusals, silence, certificates."""

import asyncio
import datetime as dt
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from consortium.errors import Code, CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.receipts import Subject, check_receipt
from consortium.transparency.tree import leaf_hash
from consortium.wire.queries import signed_query_to_bytes
from demo.certificates import Authority
from gateway.settings import Limits, TimeoutSettings
from participants.gateway_client.asking import AskClient
from participants.gateway_client.channel import from_rpc_error, open_channel
from participants.lender.ask import QueryResult, ValueStatus
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World, tradeline

Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[..., None]:
    """Runs a scene against a gateway with every lender attached, unless it says who."""

    def run(scene: Scene, attached: tuple[str, ...] = LENDERS, **changes: object) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path, **changes) as running:
                await running.attach(*attached)
                await scene(running)

        asyncio.run(main())

    return run


def holding(world: World) -> None:
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))


def total(result: QueryResult) -> int:
    return next(item.total for item in result.attributes if item.attribute.id == "balance")


def test_an_answer_with_its_receipt(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        holding(world)
        query = world.query(world.subject(ALICE))
        client = AskClient([running.address], running.tls("lender-a"))
        answered = await client.ask(b"r" * 16, signed_query_to_bytes(query), 20)
        await client.close()
        public = world.foundation.keys["gateway"].signer.public
        check_receipt(answered.receipt, public, Subject(query.digest, answered.transcript))
        with refused(Code.SIGNATURE_INVALID):
            check_receipt(answered.receipt, public, Subject(query.digest, answered.transcript + b"x"))
        lines = running.parts.store.lines(0, 10)
        assert [json.loads(line)["kind"] for line in lines] == ["query-admitted", "query-answered"]
        assert leaf_hash(lines[answered.receipt.index]) == answered.receipt.leaf_hash
        assert json.loads(lines[0])["roster"] == list(LENDERS)
        assert [c["outcome"] for c in json.loads(lines[1])["contributions"]] == ["OK"] * 5
        again = await running.ask(signed_query_to_bytes(query), b"r" * 16)
        assert again == answered.transcript
        assert running.parts.store.size() == 2, "a repeat adds no entry"

    play(scene)


def test_the_digits_add_up_over_the_network(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        holding(world)
        assert total(await running.result(subject=world.subject(ALICE))) == 101010101

    play(scene)


def test_many_at_once(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        holding(world)
        subject = world.subject(ALICE)
        ids = [bytes([number]) * 16 for number in range(1, 13)]
        consent = world.consent(subject, maximum_uses=100)
        results = await asyncio.gather(*(running.result(i, subject=subject, consent=consent) for i in ids))
        assert {total(result) for result in results} == {101010101}
        assert running.parts.store.size() == 24

    play(scene)


def test_a_silent_member_costs_one_time_out_and_its_return_is_noticed(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        await running.detach("lender-e")
        async with asyncio.timeout(30):
            while "lender-e" in running.parts.attachments.well():
                await asyncio.sleep(0.01)
        result = await running.result(subject=world.subject(BOB))
        assert result.missing == ("lender-e",)
        assert {item.status for item in result.attributes} == {ValueStatus.INCOMPLETE}
        await running.attach("lender-e")
        fresh = await running.result(b"2" * 16, subject=world.subject(ALICE))
        assert fresh.missing == ()

    play(scene)


def test_too_few_members(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        for member in LENDERS[3:]:
            await running.detach(member)
        with refused(Code.TOO_FEW_CONTRIBUTORS):
            await running.result(subject=world.subject(ALICE))
        (_, last) = running.parts.store.lines(0, 9)
        assert json.loads(last)["kind"] == "query-refused"
        assert json.loads(last)["decision"] == "TOO_FEW_CONTRIBUTORS"

    play(scene, timeouts=TimeoutSettings(round1=0.5, round2=0.5, drain=1, settle=0))


def test_refusals_carry_code_and_cause(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        foreign = world.consent(world.subject(BOB))
        with pytest.raises(CreditError) as caught:
            await running.result(subject=subject, consent=foreign)
        assert (caught.value.code, caught.value.cause) == (Code.CONSENT_FOREIGN, "5 members refused")
        with refused(Code.MEMBER_NOT_ACTIVE):
            query = world.query(subject)
            await running.ask(signed_query_to_bytes(query), b"3" * 16, by="lender-b")
        with refused(Code.MALFORMED):
            await running.ask(b"\x00garbage", b"4" * 16)
        first = world.query(subject)
        await running.ask(signed_query_to_bytes(first), b"5" * 16)
        with refused(Code.REQUEST_ID_REUSED):
            await running.ask(signed_query_to_bytes(world.query(subject)), b"5" * 16)

    play(scene)


def test_quotas(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        for number in range(2):
            await running.result(bytes([number]) * 16, subject=subject)
        with refused(Code.QUOTA_EXCEEDED):
            await running.result(b"x" * 16, subject=subject)

    play(scene, limits=Limits(queries_per_minute=100, queries_per_day=2))


async def health(running: GrpcWorld, tls: object) -> object:
    async with open_channel(running.address, tls) as channel:  # type: ignore[arg-type]  # a Tls of some kind
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return await stub.Check(health_pb2.HealthCheckRequest(), timeout=3)


def test_wrong_expired_and_foreign_certificates(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        assert await health(running, running.tls("lender-a"))
        stranger = Authority(world.rulebook.document.consortium, dt.datetime.now(dt.UTC))
        for tls in (
            running.tls("lender-a", stranger),
            running.tls("lender-a", valid=dt.timedelta(minutes=-1)),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await health(running, tls)
        query = signed_query_to_bytes(world.query(world.subject(ALICE)))
        for nobody in ("lender-x", "regulator"):
            with refused(Code.MEMBER_NOT_ACTIVE):
                await running.ask(query, b"1" * 16, by=nobody)

    play(scene)


JUNK = (b"\xff" * 40, b"\x0a\x05hello", b"\x08" * 2000)


async def status_of(channel: grpc.aio.Channel, path: str, junk: bytes, *, streaming: bool) -> grpc.StatusCode:
    """Send bytes to a method as if it streamed its answer, which every method can be read as."""
    call: Any
    if streaming:
        call = cast("Any", channel.stream_stream(path))(iter([junk]), timeout=5)
    else:
        call = cast("Any", channel.unary_stream(path))(junk, timeout=0.3)
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_random_bytes_on_every_rpc_end_in_a_code(play: Callable[..., None]) -> None:
    methods = [
        (f"/{service.full_name}/{method.name}", method.client_streaming)
        for service in pb.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    assert len(methods) == 5

    async def scene(running: GrpcWorld) -> None:
        async with open_channel(running.address, running.tls("lender-a")) as channel:
            for path, streaming in methods:
                found = [await status_of(channel, path, junk, streaming=streaming) for junk in JUNK]
                assert grpc.StatusCode.UNKNOWN not in found, path
                assert grpc.StatusCode.INVALID_ARGUMENT in found, path

    play(scene, attached=())


def test_a_message_of_a_hundred_megabytes_is_refused(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        async with open_channel(running.address, running.tls("lender-a")) as channel:
            stub = grpc_pb.QueryServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Ask(pb.AskRequest(request_id=b"r" * 16, query=bytes(100_000_000)), timeout=20)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await running.result(subject=world.subject(ALICE))

    play(scene)


def test_a_stream_must_begin_with_a_hello(play: Callable[..., None]) -> None:
    async def scene(running: GrpcWorld) -> None:
        async with open_channel(running.address, running.tls("lender-a")) as channel:
            call = grpc_pb.AttachServiceStub(channel).Attach(iter([pb.AttachRequest(answer=pb.CallAnswer(call=1))]))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in call:
                    pass
            assert from_rpc_error(caught.value, "").code is Code.MALFORMED

    play(scene, attached=())


def test_a_restart_keeps_everything(world: World, tmp_path: Path) -> None:
    """A second gateway process on the same store repeats the answer, although nobody is attached to it."""

    async def main() -> None:
        async with asyncio.timeout(60):
            query = b""
            async with grpc_world(world, tmp_path / "one") as running:
                await running.attach(*LENDERS)
                query = signed_query_to_bytes(world.query(world.subject(ALICE)))
                first = await running.ask(query, b"r" * 16)
                storage = running.settings.storage
            async with grpc_world(world, tmp_path / "two", storage=storage) as running:
                assert await running.ask(query, b"r" * 16) == first

    asyncio.run(main())
