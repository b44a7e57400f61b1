"""
The same fan-out without privacy: a hub, five nodes over mutual TLS and bidi streams, one durable write a query.

Each node looks a person up in SQLite and sends its numbers as they are; the hub adds them up, writes one line
durably and answers. It is the peer that the price of privacy is measured against.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import uvloop

ATTRIBUTES = 8
NODES = 5


def credentials(folder: Path) -> tuple[bytes, bytes, bytes]:
    """Read key, certificate and CA."""
    return tuple((folder / name).read_bytes() for name in ("tls.key", "tls.crt", "ca.crt"))  # type: ignore[return-value]


class Hub:
    """Answers `/plain/Ask` with the sum over the attached nodes."""

    def __init__(self, log: Path) -> None:
        self._outgoing: dict[int, asyncio.Queue[bytes]] = {}
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._sums: dict[int, list[list[int]]] = {}
        self._number = 0
        self._complete = asyncio.Event()
        self._log = sqlite3.connect(log, isolation_level=None)
        self._log.execute("PRAGMA journal_mode = WAL")
        self._log.execute("PRAGMA synchronous = FULL")
        self._log.execute("CREATE TABLE entries (line BLOB)")

    async def attach(self, requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        """Serve one node."""
        outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._outgoing[id(outgoing)] = outgoing
        if len(self._outgoing) == NODES:
            self._complete.set()
        reader = asyncio.create_task(self._read(requests))
        try:
            while True:
                yield await outgoing.get()
        finally:
            del self._outgoing[id(outgoing)]
            reader.cancel()

    async def ask(self, request: bytes, _: Any) -> bytes:
        """Ask every node and answer with the sum."""
        await self._complete.wait()
        self._number += 1
        number = self._number
        self._sums[number] = []
        self._waiting[number] = asyncio.get_running_loop().create_future()
        for outgoing in self._outgoing.values():
            outgoing.put_nowait(json.dumps([number, request.decode()]).encode())
        await self._waiting[number]
        del self._waiting[number]
        sums = [sum(column) for column in zip(*self._sums.pop(number), strict=True)]
        self._log.execute("INSERT INTO entries VALUES (?)", (request,))
        return json.dumps(sums).encode()

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for message in requests:
            number, values = json.loads(message)
            self._sums[number].append(values)
            if len(self._sums[number]) == len(self._outgoing):
                self._waiting[number].set_result(None)


async def serve(folder: Path, port: int) -> None:
    """Run the hub."""
    hub = Hub(folder / "plain.db")
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    handlers: dict[str, Any] = {
        "Attach": grpc.stream_stream_rpc_method_handler(hub.attach),
        "Ask": grpc.unary_unary_rpc_method_handler(hub.ask),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("plain", handlers),))
    key, certificate, ca = credentials(folder)
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, certificate)], ca, True))  # noqa: FBT003
    await server.start()
    print("serving", flush=True)
    await server.wait_for_termination()


async def node(folder: Path, port: int) -> None:
    """Run a node: look up and send."""
    book = sqlite3.connect(":memory:")
    book.execute("CREATE TABLE people (person TEXT PRIMARY KEY, balance INTEGER) WITHOUT ROWID")
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def outgoing() -> AsyncIterator[bytes]:
        while True:
            yield await answers.get()

    key, certificate, ca = credentials(folder)
    channel = grpc.aio.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(ca, key, certificate))
    print("serving", flush=True)
    stream: Any = channel.stream_stream("/plain/Attach")
    async for message in stream(outgoing(), wait_for_ready=True):
        number, person = json.loads(message)
        row = book.execute("SELECT balance FROM people WHERE person = ?", (person,)).fetchone()
        answers.put_nowait(json.dumps([number, [row[0] if row else 0] * ATTRIBUTES]).encode())


if __name__ == "__main__":
    kind, where, at = sys.argv[1:4]
    uvloop.run((serve if kind == "hub" else node)(Path(where), int(at)))
