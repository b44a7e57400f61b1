"""
The node's streams for jobs over lists: one to every replica on which it answers, one for each job that it asks.

They have connections of their own, so that what they carry never stands before a query about one person.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc

from consortium.errors import Code, CreditError
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, ListState, SealedRows
from consortium.model.members import MemberId
from consortium.model.rounds import Round1Body, Round2Body
from consortium.wire.gateway import receipt_from_proto, refusal_to_proto
from consortium.wire.portfolio import (
    block_call_from_proto,
    block_index,
    block_message_to_proto,
    block_release_from_proto,
    job_begin_from_proto,
    list_state_to_proto,
    sealed_rows_from_proto,
    sealed_rows_to_proto,
)
from consortium.wire.reading import malformed, member
from participants.gateway_client.attach import BACKOFF_FIRST, BACKOFF_MOST
from participants.gateway_client.channel import OPTIONS, Tls, from_rpc_error
from participants.lender.portfolio.job_ports import BlockAnswered, JobCall, JobHandler, RunOutcome
from protos.credit.v1 import portfolio_pb2 as pb
from protos.credit.v1 import portfolio_pb2_grpc as grpc_pb

LOG = logging.getLogger("participants.bulk")
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
CALLS_AT_ONCE = 4
BLOCKS_AT_ONCE = 8


class AnswersLists(Protocol):
    """The answering side for lists; every call blocks. See `ListContributor`."""

    def begin(self, begin: JobBegin, now: int) -> ListState:
        """Begin a job, or go on."""
        ...

    def take(self, rows: SealedRows, now: int) -> ListState:
        """Take a block of a list."""
        ...

    def round1(self, call: BlockCall, now: int) -> BlockMessage[Round1Body]:
        """Contribute to a block."""
        ...

    def round2(self, release: BlockRelease, now: int) -> BlockMessage[Round2Body]:
        """Release the correction of a block."""
        ...


@dataclass(frozen=True)
class ContributeClient:
    """Keeps one stream for jobs to one address; `workers` run what is asked, one thing after another."""

    address: str
    tls: Callable[[], Tls]
    contributor: Callable[[], AnswersLists]
    rulebook_digest: Callable[[], bytes]
    clock: Callable[[], int]
    workers: Executor

    async def run(self) -> None:
        """Attach again and again, with growing pauses and jitter, until cancelled."""
        pause = BACKOFF_FIRST
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._serve()
            except (grpc.RpcError, CreditError) as error:
                problem = error if isinstance(error, CreditError) else from_rpc_error(error, self.address)
                if problem.code is not Code.UNREACHABLE:
                    LOG.warning("bulk-detached", extra={"address": self.address, "code": problem.code})
            stood = asyncio.get_running_loop().time() - began > BACKOFF_MOST
            pause = BACKOFF_FIRST if stood else min(2 * pause, BACKOFF_MOST)
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))

    async def _serve(self) -> None:
        async with _channel(self.address, self.tls()) as channel:
            call = grpc_pb.BulkServiceStub(channel).Contribute()
            hello = pb.BulkHello(rulebook_digest=self.rulebook_digest(), credits=CALLS_AT_ONCE)
            await call.write(pb.ContributeRequest(hello=hello))
            answering: set[asyncio.Task[None]] = set()
            writing = asyncio.Lock()
            try:
                async for request in call:
                    if request.WhichOneof("message") == "drain":
                        return
                    task = asyncio.create_task(self._answer(call, request, writing))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
            finally:
                for task in answering:
                    task.cancel()

    async def _answer(
        self, call: grpc.aio.StreamStreamCall[Any, Any], request: pb.ContributeResponse, writing: asyncio.Lock
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self.workers, self._outcome, request)
        except CreditError as error:
            answer = pb.BulkAnswer(refusal=refusal_to_proto(error))
        except Exception as error:  # noqa: BLE001  the border: the gateway gets a code, the log the type
            LOG.error("unmapped", extra={"type": type(error).__name__})  # noqa: TRY400  a traceback may hold numbers
            answer = pb.BulkAnswer(refusal=refusal_to_proto(CreditError(Code.INTERNAL)))
        answer.call = request.call
        try:
            async with writing:
                await call.write(pb.ContributeRequest(answer=answer))
        except (grpc.RpcError, asyncio.InvalidStateError):
            return  # the stream has ended; the call is made again on the next one

    def _outcome(self, request: pb.ContributeResponse) -> pb.BulkAnswer:
        contributor, now = self.contributor(), self.clock()
        match request.WhichOneof("message"):
            case "begin":
                return pb.BulkAnswer(
                    list=list_state_to_proto(contributor.begin(job_begin_from_proto(request.begin), now))
                )
            case "rows":
                return pb.BulkAnswer(
                    list=list_state_to_proto(contributor.take(sealed_rows_from_proto(request.rows), now))
                )
            case "round1":
                message = contributor.round1(block_call_from_proto(request.round1), now)
                return pb.BulkAnswer(block=block_message_to_proto(message))
            case "round2":
                released = contributor.round2(block_release_from_proto(request.round2), now)
                return pb.BulkAnswer(block=block_message_to_proto(released))
        raise CreditError(Code.VERSION_UNSUPPORTED, "a call that this version does not know")


@dataclass
class _Parts:
    """The vectors of a block that have come."""

    contributions: dict[MemberId, bytes] = field(default_factory=dict)
    corrections: dict[MemberId, bytes] = field(default_factory=dict)


async def run_job(address: str, tls: Tls, job: JobCall, handler: JobHandler, workers: Executor) -> RunOutcome:
    """
    Carry a job on one replica until its stream ends.

    Raises what the gateway refuses with, UNREACHABLE, or what `handler` raises. Whatever `handler` has taken is
    durable, so that the job can be begun again.
    """
    async with _channel(address, tls) as channel:
        call = grpc_pb.BulkServiceStub(channel).Run()
        run = _Running(call, job, handler, workers)
        try:
            return await run.to_its_end()
        except grpc.RpcError as error:
            raise from_rpc_error(error, address) from None


class _Running:
    """One stream of one job."""

    def __init__(
        self, call: grpc.aio.StreamStreamCall[Any, Any], job: JobCall, handler: JobHandler, workers: Executor
    ) -> None:
        self._call, self._job, self._handler, self._workers = call, job, handler, workers
        self._parts: dict[int, _Parts] = {}
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def to_its_end(self) -> RunOutcome:
        """Read until the stream ends."""
        job = self._job
        begin = pb.RunBegin(
            request_id=job.request_id, query=job.query, have=job.have, credits=BLOCKS_AT_ONCE, sealed=job.sealed
        )
        await self._write(pb.RunRequest(begin=begin))
        try:
            async for response in self._call:
                _raise_first(self._tasks)
                match response.WhichOneof("message"):
                    case "need":
                        self._start(self._give_rows(block_index(response.need.block)))
                    case "part":
                        self._take_part(response.part)
                    case "done":
                        self._start(self._take_block(self._answered(response.done)))
                    case "ended":
                        await asyncio.gather(*self._tasks)
                        return _outcome(response.ended)
            raise CreditError(Code.UNREACHABLE, "the stream ended before the job")
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Any) -> None:
        self._tasks = {task for task in self._tasks if not task.done() or task.exception()}
        self._tasks.add(asyncio.create_task(work))

    async def _give_rows(self, block: int) -> None:
        sealed = await self._off_loop(self._handler.rows, block)
        rows = sealed_rows_to_proto(SealedRows(self._job.job, block, sealed))
        await self._write(pb.RunRequest(rows=rows))

    def _take_part(self, part: pb.BlockPart) -> None:
        parts = self._parts.setdefault(block_index(part.block), _Parts())
        if len(self._parts) > 2 * BLOCKS_AT_ONCE:
            raise malformed("more blocks at once than credits")
        vectors = parts.contributions if part.round == 1 else parts.corrections
        vectors[member(part.member)] = part.data

    def _answered(self, done: pb.BlockDone) -> BlockAnswered:
        parts = self._parts.pop(block_index(done.block), _Parts())
        return BlockAnswered(
            done.block,
            done.transcript,
            done.left_out,
            parts.contributions,
            parts.corrections,
            receipt_from_proto(done.receipt),
        )

    async def _take_block(self, answered: BlockAnswered) -> None:
        await self._off_loop(self._handler.take, answered)
        await self._write(pb.RunRequest(taken=pb.BlockTaken(block=answered.block)))

    async def _write(self, message: pb.RunRequest) -> None:
        async with self._writing:
            with suppress(grpc.RpcError, asyncio.InvalidStateError):  # it has ended: whoever reads is told why
                await self._call.write(message)

    async def _off_loop(self, work: Callable[[Any], Any], argument: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, argument)


def _raise_first(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error


def _outcome(ended: pb.RunEnded) -> RunOutcome:
    receipt = receipt_from_proto(ended.receipt) if ended.HasField("receipt") else None
    return RunOutcome(ended.missing, receipt, tuple(member(one) for one in ended.owed_by))


@asynccontextmanager
async def _channel(address: str, tls: Tls) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.secure_channel(address, tls.credentials(), options=(*OPTIONS, *OWN_CONNECTION)) as channel:
        yield channel
