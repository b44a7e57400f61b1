"""The gateway's log as a participant reads it: checkpoints, entries, proofs, and cosignatures handed in."""

from collections.abc import AsyncIterator
from typing import Self

import grpc

from consortium.errors import Code, CreditError
from consortium.transparency.ranges import RangeProof
from consortium.wire.bodies import StoredBody, stored_bodies_from_proto
from consortium.wire.transparency import (
    ConsistencyWanted,
    InclusionWanted,
    RangeWanted,
    hashes_from_proto,
    lines_from_proto,
    proof_wanted_to_proto,
    range_proof_from_proto,
)
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import transparency_pb2 as pb
from protos.credit.v1 import transparency_pb2_grpc as grpc_pb

CALL_SECONDS = 20.0
STREAM_SECONDS = 24 * 3600.0


class TransparencyClient:
    """One replica's log; nothing that it gives is verified here. Raises CreditError for whatever goes wrong."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._address = address
        self._channel = open_channel(address, tls)
        self._stub = grpc_pb.TransparencyServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def checkpoint(self, at_most: int | None = None) -> bytes:
        """Give the note of the newest checkpoint, of at most so many leaves."""
        request = pb.GetCheckpointRequest() if at_most is None else pb.GetCheckpointRequest(at_most=at_most)
        try:
            response = await self._stub.GetCheckpoint(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._address) from None
        return bytes(response.note)

    async def entries(self, start: int, end: int) -> AsyncIterator[list[bytes]]:
        """Give the lines of a range in pages; raises CreditError(LOG_BEHIND) where they end too early or too late."""
        left = end - start
        try:
            request = pb.GetEntriesRequest(start=start, end=end)
            async for response in self._stub.GetEntries(request, timeout=STREAM_SECONDS):
                lines = lines_from_proto(response)
                left -= len(lines)
                yield lines
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._address) from None
        if left:
            raise CreditError(Code.LOG_BEHIND, f"{abs(left)} entries too few or too many")

    async def bodies(self, start: int, end: int) -> AsyncIterator[list[StoredBody]]:
        """Give what lies beside the entries of a range, in pages, in order."""
        try:
            request = pb.GetBodiesRequest(start=start, end=end)
            async for response in self._stub.GetBodies(request, timeout=STREAM_SECONDS):
                yield stored_bodies_from_proto(response)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._address) from None

    async def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Give an inclusion proof."""
        return hashes_from_proto((await self._proof(InclusionWanted(index, size))).hashes)

    async def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Give a consistency proof."""
        return hashes_from_proto((await self._proof(ConsistencyWanted(first, second))).hashes)

    async def range(self, first: int, end: int, size: int) -> RangeProof:
        """Give a range's proof."""
        wanted = RangeWanted(first, end, size)
        return range_proof_from_proto(wanted, await self._proof(wanted))

    async def add_cosignature(self, size: int, line: str) -> None:
        """Hand a cosignature in."""
        request = pb.AddCosignatureRequest(size=size, line=line.encode())
        try:
            await self._stub.AddCosignature(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._address) from None

    async def _proof(self, wanted: InclusionWanted | ConsistencyWanted | RangeWanted) -> pb.GetProofResponse:
        try:
            response: pb.GetProofResponse = await self._stub.GetProof(
                proof_wanted_to_proto(wanted), timeout=CALL_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._address) from None
        return response
