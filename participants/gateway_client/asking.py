"""Asking a question at whichever gateway replica answers; a repeat under the same id gives the same answer."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import grpc

from consortium.errors import Code, CreditError
from consortium.wire.gateway import Answered, answered_from_proto
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

PATIENCE_SECONDS = 2.0
STEP_SECONDS = 0.1
ResultT = TypeVar("ResultT")
AGAIN = frozenset({Code.UNREACHABLE, Code.DRAINING})
PAUSE_SECONDS = 0.1
LINGER_SECONDS = 60.0


class AskClient:
    """Channels to every replica; a question goes to the one that answered last, and on to the next when it is gone."""

    def __init__(self, addresses: Sequence[str], tls: Tls) -> None:
        self._addresses = list(addresses)
        self._preferred = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._open(tls)

    def _open(self, tls: Tls) -> None:
        self._channels = [open_channel(address, tls) for address in self._addresses]
        self._stubs = [grpc_pb.QueryServiceStub(channel) for channel in self._channels]

    def renew(self, tls: Tls) -> None:
        """Open channels with a renewed certificate; what was asked on the old ones is still answered there."""
        old = self._channels
        self._open(tls)
        for channel in old:
            task = asyncio.get_running_loop().create_task(channel.close(LINGER_SECONDS))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

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


async def while_attached(
    ask: Callable[[], Coroutine[Any, Any, ResultT]], attached: Callable[[], bool], patience: float = PATIENCE_SECONDS
) -> ResultT:
    """
    Ask once the node is attached to some gateway, and wait as long as it is, or has not been for `patience` seconds.

    A question that is asked before would lack the node's own part, and bind its subject to that for a ledger window.
    Raises CreditError(NOT_ATTACHED) after that: whoever asks should hear at once that nobody listens.
    """
    left = patience
    while not attached():
        if left <= 0:
            raise CreditError(Code.NOT_ATTACHED)
        await asyncio.sleep(STEP_SECONDS)
        left -= STEP_SECONDS
    task, left = asyncio.create_task(ask()), patience
    try:
        while not (await asyncio.wait({task}, timeout=STEP_SECONDS))[0]:
            left = patience if attached() else left - STEP_SECONDS
            if left <= 0:
                raise CreditError(Code.NOT_ATTACHED)
        return task.result()
    finally:
        task.cancel()
