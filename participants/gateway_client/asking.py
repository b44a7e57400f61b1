"""Asking a question at whichever gateway replica answers; a repeat under the same id gives the same answer."""

import asyncio
from collections.abc import Sequence

import grpc

from consortium.errors import Code, CreditError
from consortium.wire.gateway import Answered, answered_from_proto
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

AGAIN = frozenset({Code.UNREACHABLE, Code.DRAINING})
PAUSE_SECONDS = 0.1


class AskClient:
    """Channels to every replica; a question goes to the one that answered last, and on to the next when it is gone."""

    def __init__(self, addresses: Sequence[str], tls: Tls) -> None:
        self._addresses = list(addresses)
        self._channels = [open_channel(address, tls) for address in addresses]
        self._stubs = [grpc_pb.QueryServiceStub(channel) for channel in self._channels]
        self._preferred = 0

    async def ask(self, request_id: bytes, query: bytes, seconds: float) -> Answered:
        """
        Ask until there is an answer or time is up; raises what the gateway refused with, DEADLINE or UNREACHABLE.

        Only what cannot have been decided (an unreachable or draining replica) is tried again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            replica = self._preferred
            try:
                return await self._ask_once(replica, request_id, query, deadline - loop.time())
            except CreditError as error:
                if error.code not in AGAIN or loop.time() + PAUSE_SECONDS >= deadline:
                    raise
                if self._preferred == replica:  # unless another question has moved on already
                    self._preferred = (replica + 1) % len(self._stubs)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ask_once(self, replica: int, request_id: bytes, query: bytes, seconds: float) -> Answered:
        request = pb.AskRequest(request_id=request_id, query=query)
        try:
            response = await self._stubs[replica].Ask(request, timeout=max(seconds, 0.001))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self._addresses[replica]) from None
        answered = answered_from_proto(response)
        if answered.request_id != request_id:
            raise CreditError(Code.TRANSCRIPT_INVALID, "the answer to another request")
        return answered

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels:
            await channel.close()
