"""The border where exceptions become statuses: the only file of the gateway that aborts an RPC."""

import logging
import secrets
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from consortium.errors import Code, CreditError
from consortium.wire.errors import error_to_status

LOG = logging.getLogger("gateway.rpc")
STRANGERS = frozenset({Code.CERTIFICATE_INVALID, Code.MEMBER_NOT_ACTIVE})
"""Codes that an outsider may cause: their cause stays here, so that unknown and forbidden look alike."""


async def abort(rpc_context: grpc.aio.ServicerContext[Any, Any], error: BaseException, method: str) -> NoReturn:
    """End an RPC with the status of an exception; what is not a CreditError becomes INTERNAL with an id."""
    public = _public(error, method)
    await rpc_context.abort_with_status(rpc_status.to_status(error_to_status(public)))
    raise AssertionError  # abort_with_status always raises


def _public(error: BaseException, method: str) -> CreditError:
    if isinstance(error, CreditError):
        return CreditError(Code.MEMBER_NOT_ACTIVE) if error.code in STRANGERS else error
    incident = secrets.token_hex(8)
    LOG.error("unmapped", extra={"incident": incident, "method": method, "type": type(error).__name__})
    return CreditError(Code.INTERNAL, f"id {incident}")
