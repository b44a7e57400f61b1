"""The servicer of statistics: any active member asks that a template names the role of."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from consortium.wire.gateway import REQUEST_ID_BYTES
from consortium.wire.reading import exact
from consortium.wire.statistics import PIECE_BYTES, signed_statistic_from_bytes
from gateway.rpc.identity import peer_identity
from gateway.rulebooks import Rulebooks
from gateway.usecases.statistics import AskingStatistics, AskStatistic
from protos.credit.v1 import statistics_pb2 as pb
from protos.credit.v1 import statistics_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]


class StatisticsServicer(grpc_pb.StatisticsServiceServicer):
    """Statistics of members."""

    def __init__(self, asking: AskingStatistics, rulebooks: Rulebooks) -> None:
        self._asking = asking
        self._rulebooks = rulebooks

    async def AskStatistic(  # noqa: N802  proto name
        self, request: pb.AskStatisticRequest, rpc_context: Context
    ) -> AsyncIterator[pb.AskStatisticResponse]:
        """Answer one statistic, in pieces."""
        identity = peer_identity(rpc_context)
        member = identity.active_member(self._rulebooks.current()).id
        request_id = exact(request.request_id, REQUEST_ID_BYTES, "request_id")
        ask = AskStatistic(member, request_id, signed_statistic_from_bytes(request.statistic))
        response = await self._asking.ask(ask)
        identity.active_member(self._rulebooks.current())  # it may have been suspended meanwhile
        for start in range(0, len(response), PIECE_BYTES):
            yield pb.AskStatisticResponse(piece=response[start : start + PIECE_BYTES])
