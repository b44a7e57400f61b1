"""Channels over mutual TLS, and the mapping of what they raise to the error catalogue."""

from dataclasses import dataclass
from typing import cast

import grpc
from grpc_status import rpc_status

from consortium.errors import Code, CreditError
from consortium.silent import Silent
from consortium.wire.errors import error_from_status

MESSAGE_BYTES = 1 << 20
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass(frozen=True, slots=True, repr=False)
class Tls(Silent):
    """The participant's certificate chain and key and the consortium's CA, PEM."""

    certificate: bytes
    key: bytes
    ca: bytes

    def credentials(self) -> grpc.ChannelCredentials:
        """Give channel credentials."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


def open_channel(address: str, tls: Tls) -> grpc.aio.Channel:
    """Open a channel for an event loop; it connects when it is first used."""
    return grpc.aio.secure_channel(address, tls.credentials(), options=OPTIONS)


def open_blocking_channel(address: str, tls: Tls) -> grpc.Channel:
    """Open a channel for threads."""
    return grpc.secure_channel(address, tls.credentials(), options=OPTIONS)


def from_rpc_error(error: grpc.RpcError, address: str) -> CreditError:
    """
    Give what the other side raised, or, where it said nothing of ours, a code for its status.

    That is DEADLINE, VERSION_UNSUPPORTED for a call that an older side does not know yet, else UNREACHABLE.
    """
    call = cast("grpc.Call", error)  # both kinds of client raise an error that is the call as well
    status = rpc_status.from_call(call)
    known = error_from_status(status) if status else None
    if known is not None:
        return known
    code = call.code()
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return CreditError(Code.VERSION_UNSUPPORTED, f"{address} does not know this call")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CreditError(Code.DEADLINE, f"{address} did not answer in time")
    return CreditError(Code.UNREACHABLE, f"{address}: {code.name if code else 'no status'}")
