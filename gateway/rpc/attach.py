"""The stream of a lender's node: hello, calls out, answers in, until either side or the rulebook ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.wire.gateway import hello_from_proto, mask_keys_from_proto, refusal_from_proto
from consortium.wire.versions import Spoken, agree
from gateway.attachments import Attachment, Attachments, Call
from gateway.committer import GroupCommitter
from gateway.mask_keys import MaskKeys
from gateway.rpc.identity import PeerIdentity, peer_certificate, peer_identity
from gateway.rulebooks import Rulebooks
from gateway.transport import cancelled
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]
HELLO_SECONDS = 10.0
STALL_SECONDS = 10.0
"""How long a node may leave a call unread before its stream ends."""


class AttachServicer(grpc_pb.AttachServiceServicer):
    """Attached nodes."""

    def __init__(
        self,
        attachments: Attachments,
        mask_keys: MaskKeys,
        rulebooks: Rulebooks,
        committer: GroupCommitter,
        clock_ms: Callable[[], int],
        check: Callable[[bytes], None],
    ) -> None:
        """`check` raises for a certificate, PEM, that does not hold any more; streams are asked about for as long."""
        self._attachments = attachments
        self._mask_keys = mask_keys
        self._rulebooks = rulebooks
        self._committer = committer
        self._clock_ms = clock_ms
        self._check = check

    async def Attach(  # noqa: N802  proto name
        self, requests: AsyncIterator[pb.AttachRequest], rpc_context: Context
    ) -> AsyncIterator[pb.AttachResponse]:
        """Serve one node until its stream ends."""
        identity = peer_identity(rpc_context)
        member = identity.active_lender(self._rulebooks.current()).id
        check = partial(self._check, peer_certificate(rpc_context))
        protocol, statistics = await self._read_hello(member, requests)
        attachment = Attachment(member, protocol, check, statistics)
        welcome = await self._welcome(attachment)
        self._attachments.add(attachment)  # whoever has the welcome may ask at once, and is to be among the asked
        reader = asyncio.create_task(self._read(identity, attachment, requests))
        try:
            yield pb.AttachResponse(welcome=welcome)
            while (call := await attachment.next_call()) is not None:
                identity.active_lender(self._rulebooks.current())
                message = _call_to_proto(call, attachment.take_owed())
                await attachment.write(rpc_context.write(message), STALL_SECONDS)
            if reader.done() and not reader.cancelled() and (error := reader.exception()):
                raise error
            await attachment.write(rpc_context.write(pb.AttachResponse(drain=pb.Drain())), STALL_SECONDS)
        finally:
            self._attachments.remove(attachment)
            await cancelled([reader])

    async def _read_hello(self, member: MemberId, requests: AsyncIterator[pb.AttachRequest]) -> tuple[int, bool]:
        """Take the first message: the version of the protocol that both sides speak, whether it takes statistics."""
        try:
            first = await asyncio.wait_for(anext(requests), HELLO_SECONDS)
        except (TimeoutError, StopAsyncIteration):
            raise CreditError(Code.MALFORMED, "no hello") from None
        if first.WhichOneof("message") != "hello":
            raise CreditError(Code.MALFORMED, "the first message must be a hello")
        hello = hello_from_proto(first.hello)
        protocol = agree(Spoken(), hello.spoken)
        await self._mask_keys.publish(member, hello.mask_keys, self._rulebooks.current())
        return protocol, hello.statistics

    async def _welcome(self, attachment: Attachment) -> pb.Welcome:
        counter = await self._committer.commit(lambda transaction: transaction.counter(attachment.member))
        return pb.Welcome(
            rulebook_digest=self._rulebooks.current().digest,
            time_ms=self._clock_ms(),
            last_counter=counter,
            protocol=attachment.protocol,
        )

    async def _read(
        self, identity: PeerIdentity, attachment: Attachment, requests: AsyncIterator[pb.AttachRequest]
    ) -> None:
        try:
            async for message in requests:
                identity.active_lender(self._rulebooks.current())
                await self._take(attachment, message)
        finally:
            attachment.close()

    async def _take(self, attachment: Attachment, message: pb.AttachRequest) -> None:
        match message.WhichOneof("message"):
            case "answer":
                answer = message.answer
                refused = answer.WhichOneof("outcome") == "refusal"
                attachment.settle(answer.call, refusal_from_proto(answer.refusal) if refused else answer.answer)
            case "mask_keys":
                keys = mask_keys_from_proto(message.mask_keys.mask_keys)
                await self._mask_keys.publish(attachment.member, keys, self._rulebooks.current())
            case _:
                raise CreditError(Code.MALFORMED, "an answer or mask keys were expected")


def _call_to_proto(call: Call, receipts: list[bytes]) -> pb.AttachResponse:
    match call.round:
        case 1:
            return pb.AttachResponse(round1=pb.Round1Call(call=call.number, request=call.request), receipts=receipts)
        case 2:
            return pb.AttachResponse(round2=pb.Round2Call(call=call.number, request=call.request), receipts=receipts)
        case 3:
            statistic = pb.StatisticCall(call=call.number, request=call.request)
            return pb.AttachResponse(statistic=statistic, receipts=receipts)
        case 4:
            statistic = pb.StatisticCall(call=call.number, request=call.request)
            return pb.AttachResponse(statistic_correction=statistic, receipts=receipts)
        case _:
            return pb.AttachResponse(receipts=receipts)
