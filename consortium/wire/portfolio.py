"""Jobs over lists to and from protobuf."""

from collections.abc import Callable
from typing import TypeVar

from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, ListState, SealedRows
from consortium.model.lists import MAXIMUM_BLOCKS, MAXIMUM_ROWS_PER_BLOCK
from consortium.model.rounds import MAXIMUM_ATTEMPTS, BoundRows, Round1Body, Round2Body, Signed
from consortium.sealing.rows import ROW_BYTES
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from consortium.wire.reading import digest, malformed, members, parse, serialise, some
from consortium.wire.rounds import (
    roster_from_proto,
    roster_to_proto,
    signed_body_to_proto,
    signed_round1_from_proto,
    signed_round2_from_proto,
)
from protos.credit.v1 import portfolio_pb2 as pb
from protos.credit.v1 import rounds_pb2

BodyT = TypeVar("BodyT", Round1Body, Round2Body)
SEALED_OVERHEAD = 16
MAXIMUM_SEALED_BYTES = MAXIMUM_ROWS_PER_BLOCK * ROW_BYTES + SEALED_OVERHEAD
MAXIMUM_DATA_BYTES = 960 << 10
MAXIMUM_BOUND_SETS = 256


def job_begin_to_proto(begin: JobBegin) -> pb.JobBegin:
    """Write a job's beginning."""
    return pb.JobBegin(query=signed_query_to_bytes(begin.query), roster=roster_to_proto(begin.roster))


def job_begin_from_proto(message: pb.JobBegin) -> JobBegin:
    """Read a job's beginning; raises CreditError(MALFORMED). Nothing is verified yet."""
    begin = JobBegin(signed_query_from_bytes(message.query), roster_from_proto(message.roster))
    if begin.query.header.rows is None:
        raise malformed("rows")
    return begin


def job_begin_to_bytes(begin: JobBegin) -> bytes:
    """Serialise a job's beginning, to keep it."""
    return serialise(job_begin_to_proto(begin))


def job_begin_from_bytes(raw: bytes) -> JobBegin:
    """Parse a kept beginning; raises CreditError(MALFORMED)."""
    return job_begin_from_proto(parse(pb.JobBegin, raw))


def sealed_rows_to_proto(rows: SealedRows) -> pb.SealedRows:
    """Write a sealed block."""
    return pb.SealedRows(job=rows.job, block=rows.block, sealed=rows.sealed)


def sealed_rows_from_proto(message: pb.SealedRows) -> SealedRows:
    """Read a sealed block; raises CreditError(MALFORMED)."""
    if not SEALED_OVERHEAD < len(message.sealed) <= MAXIMUM_SEALED_BYTES:
        raise malformed("sealed")
    return SealedRows(digest(message.job, "job"), block_index(message.block), message.sealed)


def list_state_to_proto(state: ListState) -> pb.ListState:
    """Write what a node has of a list."""
    return pb.ListState(missing=state.missing, accepted=state.accepted)


def list_state_from_proto(message: pb.ListState) -> ListState:
    """Read what a node has of a list; raises CreditError(MALFORMED)."""
    return ListState(_bits(message.missing, MAXIMUM_BLOCKS, "missing"), message.accepted)


def block_call_to_proto(call: BlockCall) -> pb.BlockRound1:
    """Write a call for round 1 of a block."""
    return pb.BlockRound1(job=call.job, block=call.block, attempt=call.attempt, intended=sorted(call.intended))


def block_call_from_proto(message: pb.BlockRound1) -> BlockCall:
    """Read a call for round 1 of a block; raises CreditError(MALFORMED)."""
    if not 1 <= message.attempt <= MAXIMUM_ATTEMPTS:
        raise malformed("attempt")
    job, block = digest(message.job, "job"), block_index(message.block)
    return BlockCall(job, block, message.attempt, members(message.intended))


def block_call_to_bytes(call: BlockCall) -> bytes:
    """Serialise a call, to keep it."""
    return serialise(block_call_to_proto(call))


def block_call_from_bytes(raw: bytes) -> BlockCall:
    """Parse a kept call; raises CreditError(MALFORMED)."""
    return block_call_from_proto(parse(pb.BlockRound1, raw))


def block_release_to_proto(release: BlockRelease) -> pb.BlockRound2:
    """Write a call for round 2 of a block."""
    return pb.BlockRound2(job=release.job, ctx=release.ctx, members=sorted(release.members), left_out=release.left_out)


def block_release_from_proto(message: pb.BlockRound2) -> BlockRelease:
    """Read a call for round 2 of a block; raises CreditError(MALFORMED)."""
    left_out = _bits(message.left_out, MAXIMUM_ROWS_PER_BLOCK, "left_out")
    return BlockRelease(digest(message.job, "job"), digest(message.ctx, "ctx"), members(message.members), left_out)


def block_message_to_proto(message: BlockMessage[Round1Body] | BlockMessage[Round2Body]) -> pb.BlockMessage:
    """Write a signed message of a block with what goes beside it."""
    bound = [pb.BoundRows(members=sorted(one.members), rows=one.rows) for one in message.bound]
    return pb.BlockMessage(signed=signed_body_to_proto(message.signed), data=message.data, bound=bound)


def block_round1_from_proto(message: pb.BlockMessage) -> BlockMessage[Round1Body]:
    """Read a contribution to a block; raises CreditError(MALFORMED). Nothing is verified yet."""
    return _block_message(message, signed_round1_from_proto)


def block_round2_from_proto(message: pb.BlockMessage) -> BlockMessage[Round2Body]:
    """Read a correction of a block; raises CreditError(MALFORMED). Nothing is verified yet."""
    return _block_message(message, signed_round2_from_proto)


def kept_message_to_bytes(message: BlockMessage[Round1Body] | BlockMessage[Round2Body]) -> bytes:
    """Serialise a message of a block without its data, to keep it."""
    whole = block_message_to_proto(message)
    whole.data = b""
    return serialise(whole)


def kept_round1_from_bytes(raw: bytes, data: bytes) -> BlockMessage[Round1Body]:
    """Parse a kept contribution and give it its data back; raises CreditError(MALFORMED)."""
    message = parse(pb.BlockMessage, raw)
    message.data = data
    return block_round1_from_proto(message)


def kept_round2_from_bytes(raw: bytes, data: bytes) -> BlockMessage[Round2Body]:
    """Parse a kept correction and give it its data back; raises CreditError(MALFORMED)."""
    message = parse(pb.BlockMessage, raw)
    message.data = data
    return block_round2_from_proto(message)


def block_index(value: int) -> int:
    """Require the index of a block."""
    if not 0 <= value < MAXIMUM_BLOCKS:
        raise malformed("block")
    return value


def _block_message(
    message: pb.BlockMessage, read: Callable[[rounds_pb2.SignedBody], Signed[BodyT]]
) -> BlockMessage[BodyT]:
    if len(message.data) > MAXIMUM_DATA_BYTES or len(message.bound) > MAXIMUM_BOUND_SETS:
        raise malformed("data or bound")
    bound = (
        BoundRows(members(one.members), some(_bits(one.rows, MAXIMUM_ROWS_PER_BLOCK, "bound"), "bound"))
        for one in message.bound
    )
    return BlockMessage(read(message.signed), some(message.data, "data"), tuple(bound))


def _bits(value: bytes, most: int, name: str) -> bytes:
    if len(value) > -(-most // 8):
        raise malformed(name)
    return value
