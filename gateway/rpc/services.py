"""The gateway's servicers: caller, parse, one use-case, render."""

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.wire.gateway import (
    REQUEST_ID_BYTES,
    signed_rulebook_to_proto,
)
from consortium.wire.queries import signed_query_from_bytes
from consortium.wire.reading import exact
from gateway.failpoints import failpoint
from gateway.key_holding import HoldingService
from gateway.rpc.identity import peer_identity
from gateway.rulebooks import Rulebooks
from gateway.usecases.asking import Ask, Asking
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]


class QueryServicer(grpc_pb.QueryServiceServicer):
    """Questions of lenders."""

    def __init__(self, asking: Asking, rulebooks: Rulebooks, limit: int) -> None:
        self._asking = asking
        self._rulebooks = rulebooks
        self._limit = limit
        self._open: Counter[MemberId] = Counter()

    async def Ask(self, request: pb.AskRequest, rpc_context: Context) -> pb.AskResponse:  # noqa: N802  proto name
        """Answer one query."""
        identity = peer_identity(rpc_context)
        member = identity.active_lender(self._rulebooks.current()).id
        self._count_open(member, rpc_context)
        request_id = exact(request.request_id, REQUEST_ID_BYTES, "request_id")
        ask = Ask(member, request_id, signed_query_from_bytes(request.query))
        response = pb.AskResponse.FromString(await self._asking.ask(ask))
        identity.active_lender(self._rulebooks.current())  # it may have been suspended meanwhile
        failpoint("gateway.before-response")
        return response

    def _count_open(self, member: MemberId, rpc_context: Context) -> None:
        """Count a request until its answer has left, so that a caller that does not read fills its own share only."""
        if self._asking.runs.in_flight >= self._limit or self._open[member] >= self._limit:
            self._asking.refusals.drop(member)
            raise CreditError(Code.OVERLOADED)
        self._open[member] += 1
        left = partial(self._left, member)
        rpc_context.add_done_callback(left)  # type: ignore[arg-type]  # the stubs name a class where a call is meant

    def _left(self, member: MemberId, _: Context) -> None:
        self._open[member] -= 1


class RulebookServicer(grpc_pb.RulebookServiceServicer):
    """The rulebook for every member, admitted ones included."""

    def __init__(self, rulebooks: Rulebooks) -> None:
        self._rulebooks = rulebooks

    async def GetRulebook(self, _: pb.GetRulebookRequest, rpc_context: Context) -> pb.GetRulebookResponse:  # noqa: N802
        """Give the newest version."""
        peer_identity(rpc_context).certified_member(self._rulebooks.current())
        return pb.GetRulebookResponse(rulebook=signed_rulebook_to_proto(self._rulebooks.newest.signed))

    async def WatchRulebook(  # noqa: N802  proto name
        self, request: pb.WatchRulebookRequest, rpc_context: Context
    ) -> AsyncIterator[pb.WatchRulebookResponse]:
        """Give every version after the caller's, then each new one."""
        identity = peer_identity(rpc_context)
        identity.certified_member(self._rulebooks.current())  # before waiting: there may be nothing to give for days
        async for version in self._rulebooks.watch(request.after_version):
            identity.certified_member(self._rulebooks.current())
            if version is None:
                continue
            yield pb.WatchRulebookResponse(rulebook=signed_rulebook_to_proto(version.signed))


class KeyHolderServicer(grpc_pb.KeyHolderServiceServicer):
    """The gateway's share of the OPRF key."""

    def __init__(self, holding: HoldingService, rulebooks: Rulebooks) -> None:
        self._holding = holding
        self._rulebooks = rulebooks

    async def Evaluate(self, request: pb.EvaluateRequest, rpc_context: Context) -> pb.EvaluateResponse:  # noqa: N802
        """Evaluate a signed batch."""
        peer_identity(rpc_context).preparing_lender(self._rulebooks.current())
        return pb.EvaluateResponse(answer=await self._holding.evaluate(request.request))
