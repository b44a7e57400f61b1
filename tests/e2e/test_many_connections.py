"""Many connections that do nothing do not keep the gateway from answering."""

import asyncio
import resource
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from participants.gateway_client.channel import Tls, open_blocking_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from tests.support.processes import Processes, consortium

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""The client preface of HTTP/2 with an empty SETTINGS frame (RFC 9113, section 3.4)."""
AT_ONCE = 50
SPARE = 500
"""File descriptors that a process needs besides."""
Writers = list[asyncio.StreamWriter]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Processes]:
    with consortium(tmp_path / "out") as parties:
        parties.start("gateway")
        yield parties


async def connect(port: int, context: ssl.SSLContext, writers: Writers, gate: asyncio.Semaphore) -> None:
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writers.append(writer)
        writer.write(HELLO)
        assert len(await reader.readexactly(9)) == 9, "the server's own SETTINGS"


def ask(port: int, folder: Path) -> float:
    """Ask for the rulebook over a connection of its own; gives how long it took."""
    tls = Tls(*((folder / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt")))
    start = time.monotonic()
    with open_blocking_channel(f"127.0.0.1:{port}", tls) as channel:
        response = grpc_pb.RulebookServiceStub(channel).GetRulebook(pb.GetRulebookRequest(), timeout=20)
    assert response.rulebook.document
    return time.monotonic() - start


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_idle_connections(gateway: Processes, count: int) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < count + SPARE:
        pytest.skip(f"at most {limit} files may be open here")
    folder = gateway.out / "lender-one"
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    context.set_alpn_protocols(["h2"])

    async def main() -> None:
        writers: Writers = []
        gate = asyncio.Semaphore(AT_ONCE)
        try:
            await asyncio.gather(*(connect(gateway.port, context, writers, gate) for _ in range(count)))
            assert len(writers) == count
            for _ in range(3):
                assert await asyncio.to_thread(ask, gateway.port, folder) < 2
        finally:
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0)

    asyncio.run(main())
    assert ask(gateway.port, folder) < 5
