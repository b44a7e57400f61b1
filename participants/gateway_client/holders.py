"""The way to a key holder by network: a `HolderChannel` for threads."""

import grpc

from consortium.errors import Code, CreditError
from participants.gateway_client.channel import Tls, from_rpc_error, open_blocking_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

EVALUATION_SECONDS = 10.0


class RemoteHolder:
    """One key holder at an address."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._address = address
        self._channel = open_blocking_channel(address, tls)
        self._stub = grpc_pb.KeyHolderServiceStub(self._channel)

    def evaluate(self, request: bytes) -> bytes:
        """Send a signed request and wait for the answer; raises CreditError for whatever goes wrong."""
        try:
            return self._evaluate(request)
        except CreditError as error:
            if error.code is not Code.UNREACHABLE:
                raise
            return self._evaluate(request)  # an idle connection may have been cut; a repeat is answered alike

    def _evaluate(self, request: bytes) -> bytes:
        try:
            response = self._stub.Evaluate(pb.EvaluateRequest(request=request), timeout=EVALUATION_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error, self._address) from None
        return bytes(response.answer)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()
