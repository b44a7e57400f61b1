"""The local service of the first lender's node in a running consortium, called as that lender's applications do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from demo.consortium import LENDERS
from protos.credit.v1 import lender_pb2 as pb
from protos.credit.v1 import lender_pb2_grpc as grpc_pb

LOCAL_PORT = 10
"""The first lender listens this far from a consortium's first port."""
DEADLINE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class LocalService:
    """The calls, with the node's token."""

    stub: Any
    metadata: tuple[tuple[str, str]]

    async def query(self, request: pb.QueryRequest) -> Any:
        """Ask."""
        return await self.stub.Query(request, metadata=self.metadata, timeout=DEADLINE_SECONDS)

    async def assess(self, request: pb.AssessRequest) -> Any:
        """Assess."""
        return await self.stub.Assess(request, metadata=self.metadata, timeout=DEADLINE_SECONDS)


@asynccontextmanager
async def local_service(out: Path, port: int) -> AsyncIterator[LocalService]:
    """Open the service of the consortium below `out` whose first port this is."""
    token = (out / LENDERS[0] / "local-token").read_text().strip()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port + LOCAL_PORT}") as channel:
        yield LocalService(grpc_pb.LenderServiceStub(channel), (("authorization", f"Bearer {token}"),))
