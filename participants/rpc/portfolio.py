"""Portfolios at a lender's local service: started, resumed and looked at; they run in the node."""

from collections.abc import Callable
from typing import Any

import grpc

from consortium.canonical import canonical_json
from consortium.wire.reading import exact
from participants.portfolio import Portfolios
from participants.portfolio_status import PortfolioStatus
from participants.rpc.errors import mapped
from participants.rpc.local import REQUEST_ID_BYTES, Token
from protos.credit.v1 import local_portfolio_pb2 as pb
from protos.credit.v1 import local_portfolio_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]


class PortfolioServicer(grpc_pb.PortfolioServiceServicer):
    """Portfolios of the lender's own applications."""

    def __init__(self, token: Token, portfolios: Callable[[], Portfolios]) -> None:
        self._token = token
        self._portfolios = portfolios

    @mapped
    async def StartPortfolio(  # noqa: N802
        self, request: pb.StartPortfolioRequest, rpc_context: Context
    ) -> pb.PortfolioStatus:
        """Start a portfolio, or go on with it."""
        self._token.check(rpc_context)
        job = exact(request.job, REQUEST_ID_BYTES, "job")
        await self._portfolios().start(job, request.request_json)
        return status_to_proto(await self._portfolios().status(job))

    @mapped
    async def ResumePortfolio(self, request: pb.PortfolioWanted, rpc_context: Context) -> pb.PortfolioStatus:  # noqa: N802
        """Go on with a portfolio."""
        self._token.check(rpc_context)
        job = exact(request.job, REQUEST_ID_BYTES, "job")
        await self._portfolios().resume(job)
        return status_to_proto(await self._portfolios().status(job))

    @mapped
    async def GetPortfolio(self, request: pb.PortfolioWanted, rpc_context: Context) -> pb.PortfolioStatus:  # noqa: N802
        """Say how a portfolio is."""
        self._token.check(rpc_context)
        return status_to_proto(await self._portfolios().status(exact(request.job, REQUEST_ID_BYTES, "job")))

    @mapped
    async def ListPortfolios(  # noqa: N802
        self, _: pb.ListPortfoliosRequest, rpc_context: Context
    ) -> pb.ListPortfoliosResponse:
        """Say how every portfolio is."""
        self._token.check(rpc_context)
        found = [await self._portfolios().status(job) for job in self._portfolios().jobs()]
        return pb.ListPortfoliosResponse(portfolios=map(status_to_proto, found))


def status_to_proto(status: PortfolioStatus) -> pb.PortfolioStatus:
    """Write how a portfolio is."""
    return pb.PortfolioStatus(
        job=status.job,
        phase=status.phase,
        done=status.done,
        total=status.total,
        milliseconds=round(1000 * status.seconds),
        rows=status.rows,
        expires_at=status.expires_at,
        error=status.error,
        cause=status.cause,
        summary_json=canonical_json(dict(status.summary)) if status.summary else b"",
    )
