"""The streams for jobs over lists: nodes that answer, and requesters that ask."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc

from consortium.bitmaps import truths
from consortium.errors import Code, CreditError
from consortium.model.blocks import BlockCall, BlockRelease, JobBegin, SealedRows
from consortium.model.receipts import Receipt
from consortium.wire.gateway import REQUEST_ID_BYTES, receipt_to_proto, refusal_from_proto
from consortium.wire.portfolio import (
    block_call_to_proto,
    block_release_to_proto,
    block_round1_from_proto,
    block_round2_from_proto,
    job_begin_to_proto,
    list_state_from_proto,
    sealed_rows_from_proto,
    sealed_rows_to_proto,
)
from consortium.wire.queries import signed_query_from_bytes
from consortium.wire.reading import DIGEST_BYTES, exact, malformed
from gateway.bulk_nodes import Answer, BulkNode, BulkNodes, Content
from gateway.rpc.identity import PeerIdentity, peer_certificate, peer_identity
from gateway.rulebooks import Rulebooks
from gateway.transport import cancelled
from gateway.usecases.job_run import Done, End, JobSession, Need, Out, Part
from gateway.usecases.jobs import AskJob, JobDesk
from protos.credit.v1 import gateway_pb2
from protos.credit.v1 import portfolio_pb2 as pb
from protos.credit.v1 import portfolio_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]
HELLO_SECONDS = 10.0
STALL_SECONDS = 60.0
"""How long a message may wait for a side that does not read."""
MOST_WINDOW = 64


class BulkServicer(grpc_pb.BulkServiceServicer):
    """Jobs over lists."""

    def __init__(self, desk: JobDesk, nodes: BulkNodes, rulebooks: Rulebooks, check: Callable[[bytes], None]) -> None:
        """`check` raises for a certificate, PEM, that does not hold any more."""
        self._desk = desk
        self._nodes = nodes
        self._rulebooks = rulebooks
        self._check = check

    async def Contribute(  # noqa: N802  proto name
        self, requests: AsyncIterator[pb.ContributeRequest], rpc_context: Context
    ) -> AsyncIterator[pb.ContributeResponse]:
        """Serve one node until its stream ends."""
        identity = peer_identity(rpc_context)
        member = identity.active_lender(self._rulebooks.current()).id
        first = await _first(requests)
        if first.WhichOneof("message") != "hello":
            raise malformed("the first message must be a hello")
        node = BulkNode(member, first.hello.credits, partial(self._check, peer_certificate(rpc_context)))
        self._nodes.add(node)
        reader = asyncio.create_task(self._read_answers(identity, node, requests))
        try:
            while (call := await node.next_call()) is not None:
                identity.active_lender(self._rulebooks.current())
                await _within(rpc_context.write(_call_to_proto(*call)))
            if reader.done() and not reader.cancelled() and (error := reader.exception()):
                raise error
            yield pb.ContributeResponse(drain=gateway_pb2.Drain())
        finally:
            self._nodes.remove(node)
            await cancelled([reader])

    async def _read_answers(
        self, identity: PeerIdentity, node: BulkNode, requests: AsyncIterator[pb.ContributeRequest]
    ) -> None:
        try:
            async for message in requests:
                identity.active_lender(self._rulebooks.current())
                if message.WhichOneof("message") != "answer":
                    raise malformed("an answer was expected")
                number = message.answer.call
                node.settle(number, _outcome(message.answer, node.asked(number)))
        finally:
            node.close()

    async def Run(  # noqa: N802  proto name
        self, requests: AsyncIterator[pb.RunRequest], rpc_context: Context
    ) -> AsyncIterator[pb.RunResponse]:
        """Carry one job, or what is left of it."""
        identity = peer_identity(rpc_context)
        member = identity.active_lender(self._rulebooks.current()).id
        first = await _first(requests)
        if first.WhichOneof("message") != "begin":
            raise malformed("the first message must begin a job")
        ask = _ask(member, first.begin)
        job = await self._desk.admit(ask)
        session = JobSession(truths(first.begin.have, len(ask.sealed)), _window(first.begin.credits))
        yield pb.RunResponse(admitted=pb.RunAdmitted(admission=job.admission))
        reader = asyncio.create_task(self._read_requests(identity, session, requests))
        running = asyncio.create_task(self._desk.run(job, ask, session))
        try:
            async for out in _outgoing(session, running, reader):
                identity.active_lender(self._rulebooks.current())
                await _within(rpc_context.write(_out_to_proto(out)))
        finally:
            await cancelled([running, reader])

    async def _read_requests(
        self, identity: PeerIdentity, session: JobSession, requests: AsyncIterator[pb.RunRequest]
    ) -> None:
        async for message in requests:
            identity.active_lender(self._rulebooks.current())
            match message.WhichOneof("message"):
                case "rows":
                    rows = sealed_rows_from_proto(message.rows)
                    session.give_rows(rows.block, rows.sealed)
                case "taken":
                    session.credits.release()
                case _:
                    raise malformed("rows or a block taken were expected")


async def _outgoing(session: JobSession, running: asyncio.Task[None], reader: asyncio.Task[None]) -> AsyncIterator[Out]:
    """Give what a job sends until it has ended; raises what ends it, or what the requester sends wrong."""
    while True:
        getting = asyncio.create_task(session.outgoing.get())
        try:
            await asyncio.wait({getting, running, reader}, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                yield getting.result()
                continue
        finally:
            getting.cancel()
        if running.done():
            running.result()
            while not session.outgoing.empty():
                yield session.outgoing.get_nowait()
            if session.ended:
                yield session.ended
            return
        reader.result()
        raise CreditError(Code.UNREACHABLE, "the requester has gone")


async def _first(requests: AsyncIterator[Any]) -> Any:
    try:
        return await asyncio.wait_for(anext(requests), HELLO_SECONDS)
    except (TimeoutError, StopAsyncIteration):
        raise malformed("no first message") from None


async def _within(message: Any) -> None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await message
    except TimeoutError:
        raise CreditError(Code.OVERLOADED, "what this stream sends is not read") from None


def _ask(member: str, begin: pb.RunBegin) -> AskJob:
    request_id = exact(begin.request_id, REQUEST_ID_BYTES, "request_id")
    query = signed_query_from_bytes(begin.query)
    rows = query.header.rows
    if rows is None or len(begin.sealed) != rows.blocks * DIGEST_BYTES:
        raise malformed("rows, or the digests of the sealed blocks")
    sealed = tuple(begin.sealed[at : at + DIGEST_BYTES] for at in range(0, len(begin.sealed), DIGEST_BYTES))
    return AskJob(member, request_id, query, sealed)


def _window(credit: int) -> int:
    if not 1 <= credit <= MOST_WINDOW:
        raise malformed("credits")
    return credit


def _outcome(answer: pb.BulkAnswer, asked: Content) -> Answer | CreditError:
    """Read an answer as what its call asked for; a wrong one is the node's refusal."""
    try:
        match answer.WhichOneof("outcome"), asked:
            case "refusal", _:
                return refusal_from_proto(answer.refusal)
            case "list", JobBegin() | SealedRows():
                return list_state_from_proto(answer.list)
            case "block", BlockCall():
                return block_round1_from_proto(answer.block)
            case "block", BlockRelease():
                return block_round2_from_proto(answer.block)
    except CreditError as error:
        return error
    return CreditError(Code.MALFORMED, "an answer of another kind than the call")


def _call_to_proto(number: int, content: Content) -> pb.ContributeResponse:
    match content:
        case JobBegin():
            return pb.ContributeResponse(call=number, begin=job_begin_to_proto(content))
        case SealedRows():
            return pb.ContributeResponse(call=number, rows=sealed_rows_to_proto(content))
        case BlockCall():
            return pb.ContributeResponse(call=number, round1=block_call_to_proto(content))
        case BlockRelease():
            return pb.ContributeResponse(call=number, round2=block_release_to_proto(content))


def _out_to_proto(out: Out) -> pb.RunResponse:
    match out:
        case Need():
            return pb.RunResponse(need=pb.NeedRows(block=out.block))
        case Part():
            part = pb.BlockPart(block=out.block, member=out.member, round=out.round, data=out.data)
            return pb.RunResponse(part=part)
        case Done():
            done = pb.BlockDone(
                block=out.block,
                transcript=out.transcript,
                left_out=out.left_out,
                receipt=receipt_to_proto(out.receipt),
            )
            return pb.RunResponse(done=done)
        case End():
            return pb.RunResponse(ended=_ended(out))


def _ended(end: End) -> pb.RunEnded:
    receipt: Receipt | None = end.receipt
    return pb.RunEnded(missing=end.missing, receipt=receipt_to_proto(receipt) if receipt else None, owed_by=end.owed_by)
