"""The statistics service of a gateway, for threads; nothing that it gives is verified here."""

from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.statistic import SignedStatistic
from consortium.wire.gateway import Answered, answered_from_bytes
from consortium.wire.statistics import MAXIMUM_ANSWER_BYTES, signed_statistic_to_bytes
from participants.gateway_client.channel import Tls, from_rpc_error, open_blocking_channel
from protos.credit.v1 import statistics_pb2 as pb
from protos.credit.v1 import statistics_pb2_grpc as grpc_pb

CALL_SECONDS = 600.0


class StatisticsClient:
    """One replica's service; raises CreditError for whatever goes wrong."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._address = address
        self._channel = open_blocking_channel(address, tls)
        self._stub: Any = grpc_pb.StatisticsServiceStub(self._channel)

    def ask(self, request_id: bytes, statistic: SignedStatistic, seconds: float = CALL_SECONDS) -> Answered:
        """Ask and wait for the answer; the same request again gives the same answer."""
        request = pb.AskStatisticRequest(request_id=request_id, statistic=signed_statistic_to_bytes(statistic))
        answer = bytearray()
        try:
            for response in self._stub.AskStatistic(request, timeout=seconds):
                answer += response.piece
                if len(answer) > MAXIMUM_ANSWER_BYTES:
                    raise CreditError(Code.MALFORMED, "an answer that is too long")
        except grpc.RpcError as error:
            raise from_rpc_error(error, self._address) from None
        answered = answered_from_bytes(bytes(answer), MAXIMUM_ANSWER_BYTES)
        if answered.request_id != request_id:
            raise CreditError(Code.TRANSCRIPT_INVALID, "the answer to another request")
        return answered

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()
