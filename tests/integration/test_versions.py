"""Gateway and nodes one version apart talk to each other; two versions apart they say what to do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.model.rulebook import parse_rulebook
from consortium.wire.gateway import SignedRulebook, hello_from_proto, hello_to_proto
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from consortium.wire.versions import PROTOCOL, Spoken, agree
from gateway.rulebooks import write_version
from participants.gateway_client import asking, attach, rulebook
from participants.gateway_client.asking import AskClient
from participants.gateway_client.attach import AttachClient
from participants.gateway_client.channel import from_rpc_error, open_channel
from participants.gateway_client.rulebook import watch_rulebooks
from participants.rulebooks import TrustedRulebooks
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from tests.support.amended import next_version
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.unknown_fields import UNKNOWN, later_channels, with_unknown_fields
from tests.support.world import ALICE, LENDERS, World

OTHERS, NODE = LENDERS[:4], "lender-e"
Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[..., None]:
    """Runs a scene against a gateway with some lenders attached."""

    def run(scene: Scene, attached: tuple[str, ...] = OTHERS) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path) as running:
                await running.attach(*attached)
                await scene(running)

        asyncio.run(main())

    return run


@pytest.mark.parametrize(
    ("own", "theirs", "agreed"),
    [
        (Spoken(1, 2), Spoken(1, 2), 2),
        (Spoken(1, 2), Spoken(1, 1), 1),
        (Spoken(1, 1), Spoken(1, 2), 1),
        (Spoken(1, 2), Spoken(2, 3), 2),
        (Spoken(2, 3), Spoken(1, 2), 2),
        (Spoken(1, 2), Spoken(3, 4), None),
        (Spoken(3, 4), Spoken(1, 2), None),
        (Spoken(1, 2), Spoken(2, 99), 2),
    ],
)
def test_what_two_sides_agree_on(own: Spoken, theirs: Spoken, agreed: int | None) -> None:
    if agreed is not None:
        assert agree(own, theirs) == agreed
        return
    with refused(Code.VERSION_UNSUPPORTED):
        agree(own, theirs)


def speaking(hello: Any, **fields: int) -> pb.AttachRequest:
    """A hello as another version says it."""
    message = hello_to_proto(hello)
    message.ClearField("protocol")
    message.ClearField("oldest_protocol")
    for name, value in fields.items():
        setattr(message, name, value)
    return pb.AttachRequest(hello=message)


async def introduce(running: GrpcWorld, **fields: int) -> int:
    """Attach as another version and give the version that is spoken; raises what the gateway refuses with."""

    async def messages() -> AsyncIterator[pb.AttachRequest]:
        yield speaking(running.handlers(NODE).hello(), **fields)
        await asyncio.sleep(30)

    async with open_channel(running.address, running.tls(NODE)) as channel:
        call = grpc_pb.AttachServiceStub(channel).Attach(messages())
        try:
            return int((await call.read()).welcome.protocol)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, running.address) from None
        finally:
            call.cancel()


def test_the_gateway_speaks_with_nodes_one_version_apart(play: Callable[..., None]) -> None:
    async def scene(running: GrpcWorld) -> None:
        assert await introduce(running) == PROTOCOL - 1, "the version that named none"
        assert await introduce(running, protocol=PROTOCOL - 1, oldest_protocol=0) == PROTOCOL - 1
        assert await introduce(running, protocol=PROTOCOL, oldest_protocol=PROTOCOL - 1) == PROTOCOL
        assert await introduce(running, protocol=PROTOCOL + 1, oldest_protocol=PROTOCOL) == PROTOCOL
        with pytest.raises(CreditError) as caught:
            await introduce(running, protocol=PROTOCOL + 2, oldest_protocol=PROTOCOL + 1)
        assert caught.value.code is Code.VERSION_UNSUPPORTED
        assert caught.value.cause == f"protocol {PROTOCOL + 1} to {PROTOCOL + 2} there, 1 to {PROTOCOL} here"
        assert "Upgrade the older" in str(caught.value)

    play(scene, attached=())


def test_a_node_of_the_version_before_and_one_of_the_next_answer(
    play: Callable[..., None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node before names no version; the next one has unknown fields in everything that it says."""
    seen: list[str] = []

    async def scene(running: GrpcWorld) -> None:
        monkeypatch.setattr(attach, "open_channel", later_channels(seen))
        old = replace(running.handlers("lender-d"), hello=lambda: hello_from_proto(first_hello(running, "lender-d")))
        client = AttachClient(running.address, partial(running.tls, "lender-d"), old, running.workers)
        running.tasks["lender-d"] = asyncio.create_task(client.run())
        await running.attach(NODE)
        while "lender-d" not in running.parts.attachments.well():
            await asyncio.sleep(0.01)
        spoken = {name: running.parts.attachments._by_member[name][0].protocol for name in ("lender-d", NODE)}
        assert spoken == {"lender-d": PROTOCOL - 1, NODE: PROTOCOL}
        assert (await running.result(subject=world.subject(ALICE))).missing == ()

    play(scene, attached=LENDERS[:3])
    assert {"AttachRequest", "AttachResponse"} <= set(seen)


def first_hello(running: GrpcWorld, member: str) -> pb.Hello:
    return speaking(running.handlers(member).hello()).hello


def test_a_requester_of_the_next_version_is_answered(
    play: Callable[..., None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def scene(running: GrpcWorld) -> None:
        monkeypatch.setattr(asking, "open_channel", later_channels(seen))
        assert (await running.result(subject=world.subject(ALICE))).missing == ()
        monkeypatch.setattr(rulebook, "open_channel", later_channels(seen))
        versions = watch_rulebooks(running.address, partial(running.tls, NODE), lambda: 0)
        assert (await anext(versions)).document == world.rulebook.raw
        await versions.aclose()  # type: ignore[attr-defined]  # it is a generator

    play(scene, attached=LENDERS)
    assert {"AskRequest", "AskResponse", "WatchRulebookRequest", "WatchRulebookResponse"} <= set(seen)


def test_unknown_fields_change_no_signed_byte(world: World) -> None:
    query = world.query(world.subject(ALICE))
    raw = signed_query_to_bytes(query)
    message = pb.AskRequest(request_id=b"r" * 16, query=raw)
    strange = pb.AskRequest.FromString(with_unknown_fields(message).SerializeToString())
    assert strange.query.count(UNKNOWN) > 1
    assert signed_query_from_bytes(strange.query) == query
    for part in query.signed_fields:
        assert part in strange.query


async def nothing_known(running: GrpcWorld) -> tuple[grpc.aio.Server, str]:
    """A gateway that is too old for every call."""
    server = grpc.aio.server()
    tls = running.settings.tls
    pair = tls.key.read_bytes(), tls.certificate.read_bytes()
    credentials = grpc.ssl_server_credentials([pair], tls.ca.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, f"127.0.0.1:{port}"


def test_a_gateway_without_the_call_gives_a_stable_code(
    play: Callable[..., None], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scene(running: GrpcWorld) -> None:
        server, address = await nothing_known(running)
        client = AskClient([address], running.tls("lender-a"))
        with refused(Code.VERSION_UNSUPPORTED):
            await client.ask(b"r" * 16, signed_query_to_bytes(world.query(world.subject(ALICE))), 5)
        await client.close()
        node = AttachClient(address, partial(running.tls, NODE), running.handlers(NODE), running.workers)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.run(), 1)
        detached = [record.__dict__["code"] for record in caplog.records if record.message == "detached"]
        assert set(detached) == {Code.VERSION_UNSUPPORTED}
        await server.stop(None)

    play(scene, attached=())


def test_a_node_refuses_a_gateway_that_speaks_what_it_does_not(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(running: GrpcWorld) -> None:
        monkeypatch.setattr("gateway.rpc.attach.agree", lambda *_: PROTOCOL + 1)
        node = AttachClient(running.address, partial(running.tls, NODE), running.handlers(NODE), running.workers)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.run(), 1)
        assert not node.attached
        codes = {record.__dict__["code"] for record in caplog.records if record.message == "detached"}
        assert codes == {Code.VERSION_UNSUPPORTED}

    play(scene, attached=())


def of_a_later_form(world: World) -> SignedRulebook:
    """The next version as a later software would write it."""
    signed = next_version(world)
    value = parse_canonical(signed.document)
    assert isinstance(value, dict)
    return SignedRulebook(canonical_json({**value, "form": 2, "novelty": 1}), signed.signatures)


def test_a_rulebook_of_a_later_form_is_refused_and_the_old_one_stays(world: World, tmp_path: Path) -> None:
    later = of_a_later_form(world)
    with pytest.raises(CreditError) as caught:
        parse_rulebook(later.document)
    assert caught.value.code is Code.VERSION_UNSUPPORTED
    trusted = TrustedRulebooks(world.rulebook, tmp_path)
    with refused(Code.VERSION_UNSUPPORTED):
        trusted.take(later)
    assert trusted.current() is world.rulebook

    async def main() -> None:
        async with grpc_world(world, tmp_path) as running:
            write_version(running.settings.rulebooks, later, 2)
            with refused(Code.VERSION_UNSUPPORTED):
                running.parts.rulebooks.load_new()
            assert running.parts.rulebooks.current().digest == world.rulebook.digest

    asyncio.run(main())
