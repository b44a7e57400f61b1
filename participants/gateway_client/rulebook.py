"""Fetching rulebook versions from the gateway; whoever gets them verifies them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import grpc

from consortium.errors import CreditError
from consortium.wire.gateway import SignedRulebook, signed_rulebook_from_proto
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

LOG = logging.getLogger("participants.rulebook")
PAUSE_SECONDS = 1.0
PAUSE_MOST = 30.0
FETCH_SECONDS = 20.0


async def watch_rulebooks(
    address: str, tls: Callable[[], Tls], after: Callable[[], int]
) -> AsyncIterator[SignedRulebook]:
    """Give every version after the one that `after` names, for ever; reconnects, with whatever `tls` gives then."""
    pause = PAUSE_SECONDS
    while True:
        try:
            async with open_channel(address, tls()) as channel:
                request = pb.WatchRulebookRequest(after_version=after())
                async for response in grpc_pb.RulebookServiceStub(channel).WatchRulebook(request):
                    pause = PAUSE_SECONDS
                    yield signed_rulebook_from_proto(response.rulebook)
        except grpc.aio.AioRpcError as error:
            LOG.info("rulebook-stream", extra={"address": address, "code": from_rpc_error(error, address).code})
        except CreditError as error:
            LOG.error("rulebook-unreadable", extra={"code": error.code})  # noqa: TRY400  no traceback in logs
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_MOST)


async def fetch_rulebooks(address: str, tls: Tls) -> tuple[SignedRulebook, ...]:
    """Give every version from the first to the newest, once; raises CreditError for whatever goes wrong."""
    found: list[SignedRulebook] = []
    try:
        async with open_channel(address, tls) as channel:
            stub = grpc_pb.RulebookServiceStub(channel)
            newest = (await stub.GetRulebook(pb.GetRulebookRequest(), timeout=FETCH_SECONDS)).rulebook.document
            watching = stub.WatchRulebook(pb.WatchRulebookRequest(after_version=0), timeout=FETCH_SECONDS)
            async for response in watching:
                found.append(signed_rulebook_from_proto(response.rulebook))
                if found[-1].document == newest:
                    watching.cancel()
                    break
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error, address) from None
    return tuple(found)
