"""The composition root: from settings to a running gateway, and back down without losing an answer."""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from consortium.errors import Code, CreditError
from consortium.model.keys import utc_day
from consortium.model.signing import Ed25519Signer
from gateway.attachments import Attachments
from gateway.committer import GroupCommitter
from gateway.key_holding import HoldingService, RulebookMembers, StoredEvaluations
from gateway.keys import read_key_share, read_signer
from gateway.log_parts import LogParts, log_parts
from gateway.mask_keys import MaskKeys
from gateway.metrics import Metrics
from gateway.rpc.attach import AttachServicer
from gateway.rpc.interceptor import Watcher
from gateway.rpc.services import KeyHolderServicer, QueryServicer, RulebookServicer, cancelled
from gateway.rpc.transparency import TransparencyServicer
from gateway.rulebooks import Rulebooks
from gateway.settings import Settings
from gateway.storage.memory import MemoryQueryKeys
from gateway.storage.sql import SqlStore, wall_clock
from gateway.tlog.abandoned import OpenQueries
from gateway.tlog.log import Log
from gateway.tlog.publishing import Publisher
from gateway.usecases.admission import check_still
from gateway.usecases.asking import Asking, Quotas
from gateway.usecases.carrier import Carrier, Timeouts
from gateway.usecases.query import QueryRun
from gateway.usecases.refusals import Refusals
from protos.credit.v1 import gateway_pb2, gateway_pb2_grpc, transparency_pb2, transparency_pb2_grpc

LOG = logging.getLogger("gateway")
MESSAGE_BYTES = 1 << 20
HOUSEKEEPING_SECONDS = 1.0
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)


def seconds() -> int:
    """Give Unix seconds."""
    return int(time.time())


@dataclass
class Parts:
    """What a running gateway is made of."""

    settings: Settings
    store: SqlStore
    committer: GroupCommitter
    rulebooks: Rulebooks
    attachments: Attachments
    mask_keys: MaskKeys
    asking: Asking
    holding: HoldingService
    metrics: Metrics
    log: LogParts | None = None


def build(settings: Settings) -> Parts:
    """Read every file, open the store and wire the parts; nothing listens yet. Raises CreditError."""
    signer, share = read_signer(settings.identity_key), read_key_share(settings.key_share)
    rulebooks = Rulebooks(settings.rulebooks, bytes.fromhex(settings.fingerprint))
    store = SqlStore(settings.storage)
    committer, attachments = GroupCommitter(store), Attachments(settings.timeouts.settle)
    mask_keys = MaskKeys(committer, attachments.settled)
    members = RulebookMembers(rulebooks.current, settings.limits.elements_per_day)
    generation = rulebooks.current().document.oprf.generation
    holding = HoldingService(share, generation, members, StoredEvaluations(store, seconds), secrets.token_bytes)
    asking = _asking(settings, signer, rulebooks, committer, attachments, mask_keys)
    consortium = rulebooks.current().document.consortium
    log = log_parts(settings.log, settings.storage, consortium) if settings.log else None
    return Parts(settings, store, committer, rulebooks, attachments, mask_keys, asking, holding, Metrics(), log)


def _asking(
    settings: Settings,
    signer: Ed25519Signer,
    rulebooks: Rulebooks,
    committer: GroupCommitter,
    attachments: Attachments,
    mask_keys: MaskKeys,
) -> Asking:
    limits, timeouts = settings.limits, settings.timeouts

    def still(run: QueryRun) -> None:
        check_still(run, rulebooks.current(), seconds())

    return Asking(
        rulebook=rulebooks.current,
        roster=mask_keys.roster,
        keys=MemoryQueryKeys(),
        committer=committer,
        carrier=Carrier(attachments, Timeouts(timeouts.round1, timeouts.round2), still),
        signer=signer,
        quotas=Quotas(limits.queries_per_minute, limits.queries_per_day),
        refusals=Refusals(limits.refusals_per_minute, committer, seconds),
        clock=seconds,
    )


class GatewayServer:
    """A gateway that listens; `start`, then `stop`, which drains."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.port = 0
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=[Watcher(parts.metrics)], options=OPTIONS)
        self._tasks: list[asyncio.Task[Any]] = []
        self.publisher = _publisher(parts)

    async def start(self) -> None:
        """Listen; raises CreditError or RuntimeError where the address is taken."""
        parts = self.parts
        if self.publisher:
            self.publisher.start()
        parts.committer.start()
        if self.publisher:
            await self.publisher.end_abandoned()
        self._add_services()
        self.port = _listen(self._server, parts.settings)
        await self._server.start()
        if parts.settings.metrics_port:
            parts.metrics.serve("127.0.0.1", parts.settings.metrics_port)
        self._tasks = [
            asyncio.create_task(work)
            for work in (
                parts.metrics.watch_lag(),
                parts.rulebooks.poll(self._rulebook_changed, self._rulebook_refused),
                self._keep_house(),
            )
        ]
        if self.publisher:
            self._tasks.append(asyncio.create_task(self.publisher.run()))
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        LOG.info("serving", extra={"address": parts.settings.listen, "version": self._version})

    async def stop(self) -> None:
        """Say that we drain, wait for what is open, then close; every answer given is durable."""
        await self._health.enter_graceful_shutdown()
        await self.parts.asking.drain(self.parts.settings.timeouts.drain)
        self.parts.attachments.close_all()
        await self._server.stop(grace=1.0)
        await cancelled(self._tasks)
        await self._write_dropped()
        await self.parts.committer.stop()
        if self.publisher and self.parts.log:
            await self.publisher.stop()
            self.parts.log.store.close()
        self.parts.holding.close()
        self.parts.store.close()
        LOG.info("stopped")

    async def _write_dropped(self) -> None:
        try:
            await self.parts.asking.refusals.write(everything=True)
        except CreditError as error:
            LOG.error("dropped-uncounted", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400

    @property
    def _version(self) -> int:
        return self.parts.rulebooks.current().document.version

    def _add_services(self) -> None:
        parts, server = self.parts, self._server
        query = QueryServicer(parts.asking, parts.rulebooks, parts.settings.limits.in_flight)
        attach = AttachServicer(parts.attachments, parts.mask_keys, parts.rulebooks, parts.committer, wall_clock)
        gateway_pb2_grpc.add_QueryServiceServicer_to_server(query, server)
        gateway_pb2_grpc.add_AttachServiceServicer_to_server(attach, server)
        gateway_pb2_grpc.add_RulebookServiceServicer_to_server(RulebookServicer(parts.rulebooks), server)
        holder = KeyHolderServicer(parts.holding, parts.rulebooks)
        gateway_pb2_grpc.add_KeyHolderServiceServicer_to_server(holder, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        services = [*gateway_pb2.DESCRIPTOR.services_by_name.values()]
        if self.publisher and parts.log:
            transparency = TransparencyServicer(self.publisher.log, parts.rulebooks, parts.log.witnesses)
            transparency_pb2_grpc.add_TransparencyServiceServicer_to_server(transparency, server)
            services += transparency_pb2.DESCRIPTOR.services_by_name.values()
        names = [service.full_name for service in services]
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    def _rulebook_changed(self) -> None:
        """Cut off whoever is no longer an active lender."""
        roster = self.parts.rulebooks.current().roster_set
        self.parts.attachments.close_all(lambda member: member not in roster)
        LOG.info("rulebook", extra={"version": self._version})

    def _rulebook_refused(self, error: CreditError) -> None:
        LOG.error("rulebook-refused", extra={"code": error.code, "cause": error.cause})

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self.parts.metrics.attached.set(len(self.parts.attachments.well()))
            self.parts.mask_keys.forget_before(utc_day(seconds()) - 1)
            try:
                await self.parts.asking.refusals.write()
                self.parts.metrics.entries.set(await self.parts.committer.commit(lambda store: store.size))
            except CreditError as error:  # a full disk or a database that is away: tried again in a moment
                LOG.error("housekeeping", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400


def _publisher(parts: Parts) -> Publisher | None:
    log, settings = parts.log, parts.settings.log
    if log is None or settings is None:
        return None
    opened = OpenQueries()
    sequencer = Log(log.store, log.guard, log.signer, opened.take)
    return Publisher(sequencer, parts.committer, opened, settings.seconds, settings.entries, seconds)


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    tls = settings.tls
    try:
        pair, ca = (tls.key.read_bytes(), tls.certificate.read_bytes()), tls.ca.read_bytes()
    except OSError as error:
        raise CreditError(Code.SETTINGS_INVALID, f"tls: {error.filename} cannot be read") from None
    credentials = grpc.ssl_server_credentials([pair], ca, require_client_auth=True)
    try:
        return server.add_secure_port(settings.listen, credentials)
    except RuntimeError:
        raise CreditError(Code.SETTINGS_INVALID, f"listen: {settings.listen} is taken or is no address") from None
