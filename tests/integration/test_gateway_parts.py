"""A gateway in which a part that runs for ever has failed ends, so that whoever supervises it starts it anew."""

import asyncio
from pathlib import Path

import pytest

from consortium.errors import Code
from gateway.bootstrap import GatewayServer
from tests.support.grpc_world import grpc_world, now_world
from tests.support.world import Worlds


@pytest.mark.parametrize("fails", [True, False])
def test_a_gateway_knows_that_a_part_has_failed(
    worlds: Worlds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,  # noqa: FBT001
) -> None:
    async def failing(_: GatewayServer) -> None:
        if fails:
            raise ValueError("13912345678")
        await asyncio.Event().wait()

    async def scene() -> None:
        async with grpc_world(now_world(worlds.make()), tmp_path) as running:
            waiting = asyncio.create_task(running.server.failure())
            done, _ = await asyncio.wait([waiting], timeout=1.0)
            assert bool(done) is fails
            if fails:
                assert (waiting.result().code, waiting.result().cause) == (Code.INTERNAL, "ValueError")
            waiting.cancel()

    monkeypatch.setattr(GatewayServer, "_keep_house", failing)
    asyncio.run(scene())
