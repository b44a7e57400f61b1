"""A custodian that serves: one RPC over mutual TLS, the rulebook followed from the gateway and verified."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from consortium.custody import KeyHolder
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook, verify_rulebook
from consortium.oprf.sharing import KeyShare, ShareKey
from consortium.rules.queries import active_lender
from participants.custodian.settings import CustodianSettings
from participants.gateway_client.channel import Tls
from participants.gateway_client.rulebook import watch_rulebooks
from participants.rpc.errors import mapped
from participants.rulebooks import TrustedRulebooks
from participants.settings import ShareFile
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
    """The rulebook's active lenders, all with one quota."""

    rulebook: Callable[[], Rulebook]
    quota: int

    def identity_key(self, member: MemberId) -> bytes:
        """Give an active lender's identity key; raises CreditError(MEMBER_NOT_ACTIVE)."""
        return active_lender(self.rulebook(), member).identity_key

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  the port asks for each member
        """Give the quota of all."""
        return self.quota


class KeyHolderServicer(grpc_pb.KeyHolderServiceServicer):
    """Evaluates off the event loop, one request after another; the signature inside is the authentication."""

    def __init__(self, holder: KeyHolder, worker: ThreadPoolExecutor) -> None:
        self._holder = holder
        self._worker = worker

    @mapped
    async def Evaluate(self, request: pb.EvaluateRequest, rpc_context: Context) -> pb.EvaluateResponse:  # noqa: ARG002, N802
        """Evaluate a signed batch."""
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._worker, self._holder.answer, request.request, secrets.token_bytes)
        return pb.EvaluateResponse(answer=answer)


class CustodianServer:
    """A custodian that runs from its folder."""

    def __init__(self, folder: Path) -> None:
        self._settings = CustodianSettings(folder)
        self._server: grpc.aio.Server
        self.port = 0

    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Serve until `stopping` is set; raises CreditError where the custodian cannot start."""
        self._server = grpc.aio.server(options=OPTIONS)  # belongs to the loop that runs it
        with ExitStack() as stack:
            rulebooks = TrustedRulebooks(_first_rulebook(self._settings), self._folder("rulebooks"))
            tls, addresses = _tls(self._settings), self._settings.file.gateway.addresses
            following = [asyncio.create_task(_follow(address, tls, rulebooks)) for address in addresses]
            await self._start(stack, rulebooks)
            if started:
                started.set()
            await stopping.wait()
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            await self._server.stop(grace=2.0)
        LOG.info("stopped")

    async def _start(self, stack: ExitStack, rulebooks: TrustedRulebooks) -> None:
        settings = self._settings.file
        ledger = stack.enter_context(closing(SqliteEvaluations(self._folder("evaluations"), time.time)))
        share, generation = _share(self._settings, rulebooks.current())
        members = QuotaMembers(rulebooks.current, settings.elements_per_day)
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="key-holder"))
        servicer = KeyHolderServicer(KeyHolder(share, generation, members, ledger), worker)
        grpc_pb.add_KeyHolderServiceServicer_to_server(servicer, self._server)
        checker = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checker, self._server)
        credentials = _credentials(_tls(self._settings))
        try:
            self.port = self._server.add_secure_port(settings.listen, credentials)
        except RuntimeError:
            raise CreditError(Code.SETTINGS_INVALID, f"listen: {settings.listen} is taken or is no address") from None
        await self._server.start()
        await checker.set("", health_pb2.HealthCheckResponse.SERVING)
        LOG.info("serving", extra={"address": settings.listen, "member": settings.member})

    def _folder(self, name: str) -> Path:
        return self._settings.path(getattr(self._settings.file, name))


def _first_rulebook(settings: CustodianSettings) -> Rulebook:
    files = settings.file.rulebook
    signatures = settings.signatures(files.signatures)
    return verify_rulebook(settings.read(files.file), signatures, fingerprint=files.fingerprint)


def _share(settings: CustodianSettings, rulebook: Rulebook) -> tuple[KeyShare, int]:
    """Read the share and hold it to the share key that the rulebook pins for this custodian."""
    found = settings.read_secret(settings.file.share, ShareFile)
    share, oprf = KeyShare(found.holder, int.from_bytes(found.secret, "little")), rulebook.document.oprf
    pinned = [
        ShareKey(holder.index, holder.share_key) for holder in oprf.holders if holder.member == settings.file.member
    ]
    if pinned != [share.key] or found.generation != oprf.generation:
        raise CreditError(Code.SETTINGS_INVALID, "the share is not the one that the rulebook pins for this custodian")
    return share, found.generation


def _tls(settings: CustodianSettings) -> Tls:
    files = settings.file.tls
    return Tls(settings.read(files.certificate), settings.read_private(files.key), settings.read(files.ca))


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials([(tls.key, tls.certificate)], tls.ca, require_client_auth=True)


async def _follow(address: str, tls: Tls, rulebooks: TrustedRulebooks) -> None:
    async for signed in watch_rulebooks(address, tls, lambda: rulebooks.version):
        try:
            if rulebooks.take(signed):
                LOG.info("rulebook", extra={"version": rulebooks.version})
        except CreditError as error:
            LOG.error("rulebook-refused", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
