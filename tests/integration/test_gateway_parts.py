"""A part of a gateway that fails is begun again, and the gateway goes on."""

import asyncio
from pathlib import Path

import pytest

from gateway import transport
from gateway.bootstrap import GatewayServer
from tests.support.grpc_world import grpc_world, now_world
from tests.support.world import Worlds


def test_a_part_that_fails_is_begun_again(
    worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[int] = []

    async def failing(_: GatewayServer) -> None:
        begun.append(1)
        raise ValueError("13912345678")

    async def scene() -> None:
        async with grpc_world(now_world(worlds.make()), tmp_path), asyncio.timeout(30):
            while len(begun) < 3:
                await asyncio.sleep(0.01)

    monkeypatch.setattr(transport, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(GatewayServer, "_keep_house", failing)
    asyncio.run(scene())
    told = [record for record in caplog.records if record.message == "part-failed"]
    assert len(told) >= 2
    assert "13912345678" not in "".join(str(vars(record)) for record in told)
