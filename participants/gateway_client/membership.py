"""
The way to the board, for threads: over mutual TLS, or by signed requests to the join port without a certificate.

Both doors have the same four calls. Nothing that comes back is believed here; `participants.membership` verifies it.
"""

import secrets
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

import grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import (
    Certifying,
    DocumentKind,
    JoinMethod,
    JoinRequest,
    Page,
    Posted,
    certificate_from_proto,
    certifying_to_proto,
    join_to_proto,
    page_from_proto,
    posted_to_proto,
    read_wanted_to_proto,
    sign_join,
    versions_from_proto,
)
from participants.gateway_client.channel import OPTIONS, Tls, from_rpc_error, open_blocking_channel
from protos.credit.v1 import membership_pb2 as pb
from protos.credit.v1 import membership_pb2_grpc as grpc_pb

CALL_SECONDS = 10.0
PAGE = 256
NO_NONCE = bytes(16)
ResponseT = TypeVar("ResponseT", pb.PostResponse, pb.ReadResponse, pb.CertifyResponse, pb.ReadRulebooksResponse)


class BoardDoor(Protocol):
    """The four calls of the board; all raise CreditError for whatever goes wrong."""

    def post(self, posted: Posted) -> int:
        """Post a document; gives its place, the same one for the same document."""
        ...

    def read(self, after: int, kinds: Collection[DocumentKind] = ()) -> Page:
        """Read a page."""
        ...

    def certify(self, wanted: Certifying) -> bytes:
        """Get a certificate chain in PEM."""
        ...

    def rulebooks(self, after: int) -> tuple[SignedRulebook, ...]:
        """Get the next rulebook versions."""
        ...

    def close(self) -> None:
        """Close the channel."""
        ...


class _Door:
    """The calls over whatever `_call` does."""

    def __init__(self, address: str, channel: grpc.Channel) -> None:
        self._address = address
        self._channel = channel

    def post(self, posted: Posted) -> int:
        """Post a document; gives its place, the same one for the same document."""
        return self._call(JoinMethod.POST, posted_to_proto(posted), pb.PostResponse).sequence

    def read(self, after: int, kinds: Collection[DocumentKind] = ()) -> Page:
        """Read a page."""
        request = read_wanted_to_proto(after, kinds, PAGE)
        return page_from_proto(self._call(JoinMethod.READ, request, pb.ReadResponse))

    def certify(self, wanted: Certifying) -> bytes:
        """Get a certificate chain in PEM."""
        request = certifying_to_proto(wanted)
        return certificate_from_proto(self._call(JoinMethod.CERTIFY, request, pb.CertifyResponse))

    def rulebooks(self, after: int) -> tuple[SignedRulebook, ...]:
        """Get the next rulebook versions."""
        request = pb.ReadRulebooksRequest(after_version=after)
        return versions_from_proto(self._call(JoinMethod.READ_RULEBOOKS, request, pb.ReadRulebooksResponse))

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method: JoinMethod, request: Any, form: type[ResponseT]) -> ResponseT:
        raise NotImplementedError

    def _send(self, call: Callable[..., Any], request: Any) -> Any:
        try:
            return call(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error, self._address) from None


class MemberDoor(_Door):
    """The board over mutual TLS."""

    def __init__(self, address: str, tls: Tls) -> None:
        super().__init__(address, open_blocking_channel(address, tls))
        stub = grpc_pb.MembershipServiceStub(self._channel)
        self._calls = {
            JoinMethod.POST: stub.Post,
            JoinMethod.READ: stub.Read,
            JoinMethod.CERTIFY: stub.Certify,
            JoinMethod.READ_RULEBOOKS: stub.ReadRulebooks,
        }

    def _call(self, method: JoinMethod, request: Any, form: type[ResponseT]) -> ResponseT:  # noqa: ARG002
        response: ResponseT = self._send(self._calls[method], request)
        return response


class JoinDoor(_Door):
    """The board over the join port: the gateway shows its certificate, we sign each request with the identity key."""

    def __init__(self, address: str, ca: bytes, member: MemberId, signer: Signer) -> None:
        super().__init__(address, grpc.secure_channel(address, grpc.ssl_channel_credentials(ca), options=OPTIONS))
        self._member, self._signer = member, signer
        stub = grpc_pb.JoinServiceStub(self._channel)
        self._calls = {
            JoinMethod.POST: stub.Post,
            JoinMethod.READ: stub.Read,
            JoinMethod.CERTIFY: stub.Certify,
            JoinMethod.READ_RULEBOOKS: stub.ReadRulebooks,
        }

    def _call(self, method: JoinMethod, request: Any, form: type[ResponseT]) -> ResponseT:
        """Send a signed request; the application itself is its own authentication."""
        now, data = int(time.time()), request.SerializeToString()
        if method is JoinMethod.POST and request.kind == DocumentKind.APPLICATION.value:
            signed = JoinRequest(self._member, now, secrets.token_bytes(len(NO_NONCE)), data, b"")
        else:
            signed = sign_join(method, self._member, data, self._signer, now, secrets.token_bytes)
        response = self._send(self._calls[method], join_to_proto(signed))
        try:
            return form.FromString(response.response)
        except Exception:  # noqa: BLE001  protobuf's own error, whatever its class
            raise CreditError(Code.MALFORMED, f"{self._address} answered with something else") from None
