"""Members that stop reading, so that HTTP/2 flow control blocks their streams: they hurt nobody but themselves."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from consortium.errors import Code, CreditError
from consortium.wire.gateway import hello_to_proto
from consortium.wire.queries import signed_query_to_bytes
from gateway import attachments, streams
from gateway.attachments import Attachment, Attachments, Call
from gateway.rpc import attach, interceptor
from gateway.settings import Limits, TimeoutSettings
from participants.gateway_client.channel import from_rpc_error
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World

SLOW = "lender-e"
SHORT = TimeoutSettings(round1=1.0, round2=1.0, drain=1.0, settle=0.0)
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[..., None]:
    """Runs a scene against a gateway with all lenders but the slow one attached."""

    def run(scene: Scene, **changes: object) -> None:
        async def main() -> None:
            async with asyncio.timeout(90), grpc_world(world, tmp_path, **changes) as running:
                await running.attach(*LENDERS[:4])
                await scene(running)

        asyncio.run(main())

    return run


@asynccontextmanager
async def narrow_channel(running: GrpcWorld, member: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel that gives the other side a small window."""
    credentials = running.tls(member).credentials()
    async with grpc.aio.secure_channel(running.address, credentials, options=SMALL_WINDOW) as channel:
        yield channel


async def attach_without_reading(running: GrpcWorld, channel: grpc.aio.Channel) -> Any:
    """Attach the slow lender and read its welcome, then nothing more."""

    async def messages() -> AsyncIterator[pb.AttachRequest]:
        yield pb.AttachRequest(hello=hello_to_proto(running.handlers(SLOW).hello()))
        await asyncio.sleep(60)

    call = grpc_pb.AttachServiceStub(channel).Attach(messages())
    assert (await call.read()).HasField("welcome")
    while SLOW not in running.parts.attachments.attached():
        await asyncio.sleep(0.01)
    return call


async def read_to_the_end(call: Any) -> Code:
    """Read everything that is left; gives the code that the stream ended with."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error, "").code
    raise AssertionError("it ended without an error")


async def flood(running: GrpcWorld, calls: int, size: int) -> list[BaseException]:
    """Send the slow lender calls, although it is not well any more; gives what became of them."""
    hub = running.parts.attachments
    (attachment,) = hub._by_member[SLOW]
    sent = [attachment.call(Call(hub.next_number(), 1, bytes(size)), 0.5) for _ in range(calls)]
    return [one for one in await asyncio.gather(*sent, return_exceptions=True) if isinstance(one, BaseException)]


def test_a_lender_that_stops_reading_is_closed_with_its_cause_and_others_go_on(
    play: Callable[..., None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "STALL_SECONDS", 1.0)

    async def scene(running: GrpcWorld) -> None:
        async with narrow_channel(running, SLOW) as channel:
            call = await attach_without_reading(running, channel)
            await flood(running, 40, 10_000)
            for number, person in enumerate((ALICE, BOB)):
                start = time.monotonic()
                result = await running.result(bytes([number]) * 16, subject=world.subject(person))
                assert result.missing == (SLOW,)
                assert time.monotonic() - start < 3, "other members' queries go on"
            while SLOW in running.parts.attachments.attached():
                await asyncio.sleep(0.01)
            assert await asyncio.wait_for(read_to_the_end(call), 10) is Code.OVERLOADED

    play(scene, timeouts=SHORT)


def test_what_waits_for_a_slow_lender_is_bounded(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream ends at the bound at once, without waiting for the time-out of the write that is stuck."""
    monkeypatch.setattr(attachments, "OUTGOING_BYTES", 1_000_000)

    async def scene(running: GrpcWorld) -> None:
        async with narrow_channel(running, SLOW) as channel:
            call = await attach_without_reading(running, channel)
            await flood(running, 5, 100_000)
            (attachment,) = running.parts.attachments.of(SLOW)
            assert attachment._writing is not None, "a write is stuck"
            start = time.monotonic()
            causes = await flood(running, 20, 100_000)
            assert {str(getattr(cause, "code", cause)) for cause in causes} == {"TOO_FEW_CONTRIBUTORS"}
            assert attachment._outgoing_bytes <= 1_000_000
            while SLOW in running.parts.attachments.attached():
                await asyncio.sleep(0.01)
            assert time.monotonic() - start < 3
            assert await asyncio.wait_for(read_to_the_end(call), 10) is Code.OVERLOADED

    play(scene, timeouts=SHORT)


def test_a_stream_that_is_never_read_again_is_let_go(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs for it any more; what is left is one message and its end, until the connection goes."""
    monkeypatch.setattr(attach, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(interceptor, "STATUS_SECONDS", 0.3)

    async def scene(running: GrpcWorld) -> None:
        async with narrow_channel(running, SLOW) as channel:
            call = await attach_without_reading(running, channel)
            streams = running.parts.metrics.streams.labels("/credit.v1.AttachService/Attach")
            assert streams._value.get() == 5
            await flood(running, 40, 10_000)
            async with asyncio.timeout(30):
                while streams._value.get() > 4:
                    await asyncio.sleep(0.02)
            call.cancel()

    play(scene, timeouts=SHORT)


def test_a_full_queue_gets_its_end_mark() -> None:
    """Whoever waits for calls is told the end, although no further call would have fitted."""

    async def main() -> None:
        hub, attachment = Attachments(), Attachment(SLOW)
        hub.add(attachment)
        calls = [
            asyncio.create_task(hub.node(SLOW).call(Call(n, 1, b"x"), 5)) for n in range(attachments.OUTGOING_CALLS)
        ]
        await asyncio.sleep(0)
        hub.close_all()
        assert await asyncio.wait_for(attachment.next_call(), 1) is None
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(one, CreditError) and one.code is Code.TOO_FEW_CONTRIBUTORS for one in outcomes)

    asyncio.run(main())


def test_a_member_attaches_so_many_streams_and_no_more() -> None:
    async def main() -> None:
        hub = Attachments()
        for _ in range(streams.STREAMS_OF_A_MEMBER):
            hub.add(Attachment(SLOW))
        with refused(Code.OVERLOADED):
            hub.add(Attachment(SLOW))
        hub.add(Attachment("lender-a"))

    asyncio.run(main())


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: str, value: str) -> bytes:
    """A header field never indexed, without Huffman coding (RFC 7541, section 6.2.3)."""
    return b"\x10" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


def ask_frames(stream: int, message: bytes) -> bytes:
    """A whole call of Ask on one stream of HTTP/2."""
    fields = {":method": "POST", ":scheme": "https", ":path": "/credit.v1.QueryService/Ask", ":authority": "localhost"}
    headers = b"".join(
        literal(*item) for item in (fields | {"content-type": "application/grpc", "te": "trailers"}).items()
    )
    data = b"\x00" + len(message).to_bytes(4, "big") + message
    return frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, data)


async def frames_until_quiet(reader: asyncio.StreamReader) -> list[tuple[int, int, int]]:
    """Give (kind, flags, stream) of what comes until nothing comes for a second."""
    found = []
    with suppress(TimeoutError):
        while True:
            head = await asyncio.wait_for(reader.readexactly(9), 1)
            await reader.readexactly(int.from_bytes(head[:3], "big"))
            found.append((head[3], head[4], int.from_bytes(head[5:], "big")))
    return found


def test_a_requester_that_never_opens_its_window_fills_its_own_share_only(
    play: Callable[..., None], world: World
) -> None:
    """Its answers wait in the gateway; further requests of it are refused, and everybody else is answered."""

    async def scene(running: GrpcWorld) -> None:
        query = signed_query_to_bytes(world.query(world.subject(ALICE)))
        await running.ask(query, b"r" * 16)
        message = pb.AskRequest(request_id=b"r" * 16, query=query).SerializeToString()
        reader, writer = await asyncio.open_connection("127.0.0.1", running.server.port, ssl=tls(running, "lender-a"))
        shut = frame(SETTINGS, 0, 0, (4).to_bytes(2, "big") + bytes(4))  # SETTINGS_INITIAL_WINDOW_SIZE = 0
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + shut)
        streams = range(1, 17, 2)
        for stream in streams:
            writer.write(ask_frames(stream, message))
            await asyncio.sleep(0.1)
        found = await frames_until_quiet(reader)
        assert not [stream for kind, _, stream in found if kind == DATA and stream], "nothing could be sent"
        ended = {stream for kind, flags, stream in found if kind == HEADERS and flags & END_STREAM}
        assert ended == set(streams[4:]), "four answers wait, the rest was refused without one"
        result = await running.result(b"2" * 16, by="lender-b", subject=world.subject(BOB, by="lender-b"))
        assert result.missing == (SLOW,)
        with refused(Code.OVERLOADED):
            await running.ask(query, b"r" * 16)
        writer.transport.abort()
        await asyncio.sleep(0.2)
        assert await running.ask(query, b"r" * 16), "its share is free again"

    play(scene, timeouts=SHORT, limits=Limits(in_flight=4))


def tls(running: GrpcWorld, member: str) -> ssl.SSLContext:
    """A context for a connection without gRPC."""
    files = running.tls(member)
    for name, content in (("chain.pem", files.certificate + files.key), ("ca.pem", files.ca)):
        (running.folder / name).write_bytes(content)
    context = ssl.create_default_context(cafile=running.folder / "ca.pem")
    context.load_cert_chain(running.folder / "chain.pem")
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    return context
