"""The border where a participant's exceptions become statuses: the only file on this side that aborts an RPC."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from grpc_status import rpc_status

from consortium.errors import Code, CreditError
from consortium.wire.errors import error_to_status

LOG = logging.getLogger("participants.rpc")
RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, RequestT, Context], Awaitable[ResponseT]]


def mapped(behaviour: Behaviour[RequestT, ResponseT]) -> Behaviour[RequestT, ResponseT]:
    """Wrap a servicer method: CreditErrors become statuses, anything else INTERNAL with an id."""

    async def call(self: Any, request: RequestT, rpc_context: Context) -> ResponseT:
        try:
            return await behaviour(self, request, rpc_context)
        except CreditError as error:
            known = error
        except Exception as error:  # noqa: BLE001  the border: everything is mapped
            incident = secrets.token_hex(8)
            LOG.error("unmapped", extra={"incident": incident, "type": type(error).__name__})  # noqa: TRY400
            known = CreditError(Code.INTERNAL, f"id {incident}")
        await rpc_context.abort_with_status(rpc_status.to_status(error_to_status(known)))
        raise AssertionError  # abort_with_status always raises

    return call
