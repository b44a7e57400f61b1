"""A custodian that serves: one RPC over mutual TLS, the rulebook followed from the gateway and verified."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.rules.queries import taking_part
from participants.bootstrap import open_rulebooks
from participants.custodian.settings import CustodianSettings
from participants.custodian.shares import SharesInService
from participants.following import Work, follow_rulebooks, resources, run_until
from participants.gateway_client.channel import Tls
from participants.membership.lookout import Lookout
from participants.membership.upkeep import Upkeep
from participants.rpc.errors import mapped
from participants.rpc.peers import BoundPeers
from participants.rpc.renewed import renewed_server_credentials
from participants.rulebooks import TrustedRulebooks
from participants.share_files import ShareFiles
from participants.storage.evaluations import SqliteEvaluations
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

LOG = logging.getLogger("participants.custodian")
OPTIONS = (
    ("grpc.max_receive_message_length", 1 << 20),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class QuotaMembers:
    """
    The rulebook's lenders, active or preparing, all with one quota.

    `rulebook` gives the rulebook in effect, emergency suspensions included, or raises as `TrustedSet.check_usable`.
    """

    rulebook: Callable[[], Rulebook]
    quota: int

    def identity_key(self, member: MemberId) -> bytes:
        """Give a lender's identity key; raises CreditError(MEMBER_NOT_ACTIVE), and as `rulebook`."""
        return taking_part(self.rulebook(), member).identity_key

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  the port asks for each member
        """Give the quota of all."""
        return self.quota


class KeyHolderServicer(grpc_pb.KeyHolderServiceServicer):
    """Evaluates off the event loop, one request after another; the signature inside says who asks."""

    def __init__(self, holder: SharesInService, worker: ThreadPoolExecutor, peers: BoundPeers) -> None:
        self._holder = holder
        self._worker = worker
        self._peers = peers

    @mapped
    async def Evaluate(self, request: pb.EvaluateRequest, rpc_context: Context) -> pb.EvaluateResponse:  # noqa: N802
        """Evaluate a signed batch."""
        self._peers.check(rpc_context)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._worker, self._holder.answer, request.request, secrets.token_bytes)
        return pb.EvaluateResponse(answer=answer)


class CustodianServer:
    """A custodian that runs from its folder."""

    def __init__(self, folder: Path) -> None:
        self._settings = CustodianSettings(folder)
        self._server: grpc.aio.Server
        self._shares: SharesInService
        self.port = 0

    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Serve until `stopping` is set; raises CreditError where the custodian cannot start."""
        settings = self._settings
        async with resources() as stack:
            upkeep = await Upkeep.begin(settings.folder, stack)
            rulebooks = open_rulebooks(settings, settings.file.rulebook, settings.file.rulebooks)
            lookout = upkeep.lookout(rulebooks) if upkeep else None
            tls = upkeep.tls if upkeep else partial(_tls, settings)
            await self._start(stack, rulebooks, tls)
            addresses = settings.file.gateway.addresses
            changed = partial(self._change_over, rulebooks)
            works: list[Work] = [
                partial(follow_rulebooks, rulebooks, address, tls, lookout, changed) for address in addresses
            ]
            if upkeep:
                works.append(partial(upkeep.run, lambda: self._load_new(rulebooks, lookout)))
            try:
                await run_until(stopping, works, started)
            finally:
                await self._server.stop(grace=2.0)
        LOG.info("stopped")

    async def _start(self, stack: ExitStack, rulebooks: TrustedRulebooks, tls: Callable[[], Tls]) -> None:
        settings = self._settings.file
        ledger = stack.enter_context(closing(SqliteEvaluations(self._folder("evaluations"), time.time)))
        members = QuotaMembers(lambda: rulebooks.usable(int(time.time())), settings.elements_per_day)
        files = ShareFiles(self._settings, settings.share)
        self._shares = SharesInService(files, settings.member, members, ledger)
        self._shares.use(rulebooks.current(), int(time.time()))
        self._server = grpc.aio.server(options=OPTIONS)  # belongs to the loop that runs it
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="key-holder"))
        servicer = KeyHolderServicer(self._shares, worker, BoundPeers(rulebooks.current, time.time))
        grpc_pb.add_KeyHolderServiceServicer_to_server(servicer, self._server)
        checker = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checker, self._server)
        try:
            self.port = self._server.add_secure_port(settings.listen, renewed_server_credentials(tls))
        except RuntimeError:
            raise CreditError(Code.SETTINGS_INVALID, f"listen: {settings.listen} is taken or is no address") from None
        await self._server.start()
        await checker.set("", health_pb2.HealthCheckResponse.SERVING)
        LOG.info("serving", extra={"address": settings.listen, "member": settings.member})

    async def _change_over(self, rulebooks: TrustedRulebooks) -> None:
        self._changed(rulebooks)

    def _load_new(self, rulebooks: TrustedRulebooks, lookout: Lookout | None) -> None:
        """Take versions that the upkeep has put into the folder, and what the board says of them."""
        if rulebooks.load_new():
            self._changed(rulebooks)
        if lookout is not None:
            lookout.look()

    def _changed(self, rulebooks: TrustedRulebooks) -> None:
        LOG.info("rulebook", extra={"version": rulebooks.version})
        try:
            destroyed = self._shares.use(rulebooks.current(), int(time.time()))
        except CreditError as error:
            LOG.error("share-missing", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            return
        if destroyed:
            LOG.info("old-shares-destroyed", extra={"count": destroyed})

    def _folder(self, name: str) -> Path:
        return self._settings.path(getattr(self._settings.file, name))


def _tls(settings: CustodianSettings) -> Tls:
    files = settings.file.tls
    return Tls(settings.read(files.certificate), settings.read_private(files.key), settings.read(files.ca))
