"""The composition root: from settings to a running gateway, and back down without losing an answer."""

import asyncio
import contextlib
import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from consortium.errors import CreditError
from consortium.model.keys import utc_day
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, Rulebook
from consortium.model.signing import Signer
from gateway.attachments import Attachments
from gateway.bulk_nodes import BulkNodes
from gateway.committer import GroupCommitter
from gateway.key_holding import HoldingService, RulebookMembers, StoredEvaluations
from gateway.keys import ShareKeeper, read_signer
from gateway.log_parts import LogParts, log_parts
from gateway.mask_keys import MaskKeys
from gateway.membership_parts import Around, MembershipService, listen
from gateway.metrics import Metrics
from gateway.rpc.attach import AttachServicer
from gateway.rpc.bulk import BulkServicer
from gateway.rpc.identity import Bindings
from gateway.rpc.interceptor import Watcher
from gateway.rpc.services import KeyHolderServicer, QueryServicer, RulebookServicer
from gateway.rpc.statistics import StatisticsServicer
from gateway.rpc.supervision import SupervisionServicer
from gateway.rpc.transparency import TransparencyServicer
from gateway.rulebooks import Rulebooks, first_fingerprint
from gateway.settings import Settings
from gateway.storage.memory import MemoryQueryKeys
from gateway.storage.sql import SqlStore, wall_clock
from gateway.tlog.abandoned import OpenQueries
from gateway.tlog.health import LogHealth
from gateway.tlog.log import Log
from gateway.tlog.publishing import Publisher
from gateway.transport import OPTIONS, Work, again_and_again, cancelled, seconds, step_back
from gateway.usecases.admission import check_still
from gateway.usecases.asking import Asking, Quotas
from gateway.usecases.bodies import expire
from gateway.usecases.carrier import Carrier, Timeouts
from gateway.usecases.filings import FilingDesk
from gateway.usecases.job_run import Pace
from gateway.usecases.jobs import JobDesk
from gateway.usecases.query import QueryRun
from gateway.usecases.refusals import Refusals
from gateway.usecases.statistic_run import StatisticRun
from gateway.usecases.statistics import AskingStatistics, check_statistic_still
from protos.credit.v1 import (
    gateway_pb2,
    gateway_pb2_grpc,
    membership_pb2,
    portfolio_pb2,
    portfolio_pb2_grpc,
    statistics_pb2,
    statistics_pb2_grpc,
    supervision_pb2,
    supervision_pb2_grpc,
    transparency_pb2,
    transparency_pb2_grpc,
)

LOG = logging.getLogger("gateway")
HOUSEKEEPING_SECONDS = 1.0
EXPIRY_SECONDS = 3600.0


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
    statistics: AskingStatistics
    holding: HoldingService
    metrics: Metrics
    membership: MembershipService
    bulk: BulkNodes
    jobs: JobDesk
    log: LogParts | None = None


def build(settings: Settings) -> Parts:
    """Read every file, open the store and wire the parts; nothing listens yet. Raises CreditError."""
    signer = read_signer(settings.identity_key)
    rulebooks = Rulebooks(settings.rulebooks, first_fingerprint(settings.rulebooks, settings.fingerprint), seconds)
    shares = ShareKeeper(settings.key_share).in_use(rulebooks.current().document, settings.member, seconds())
    store = SqlStore(settings.storage)
    committer, attachments = GroupCommitter(store), Attachments(settings.timeouts.settle)
    mask_keys = MaskKeys(committer, attachments.settled)
    members = RulebookMembers(rulebooks.current, settings.limits.elements_per_day)
    holding = HoldingService(shares, members, StoredEvaluations(store, seconds), secrets.token_bytes)
    asking = _asking(settings, signer, rulebooks, committer, attachments, mask_keys)
    statistics = _statistics(settings, asking, rulebooks, attachments)
    consortium = rulebooks.current().document.consortium
    log = log_parts(settings.log, settings.storage, rulebooks.current) if settings.log else None
    membership = MembershipService(Around(settings, consortium, signer, committer, rulebooks, seconds))
    metrics = Metrics()
    bulk = BulkNodes()
    jobs = _jobs(settings, asking, bulk)
    return Parts(
        settings,
        store,
        committer,
        rulebooks,
        attachments,
        mask_keys,
        asking,
        statistics,
        holding,
        metrics,
        membership,
        bulk,
        jobs,
        log,
    )


def _jobs(settings: Settings, asking: Asking, nodes: BulkNodes) -> JobDesk:
    worker = ThreadPoolExecutor(1, thread_name_prefix="bulk", initializer=step_back)
    return JobDesk(
        rulebook=asking.rulebook,
        roster=asking.roster,
        committer=asking.committer,
        nodes=nodes,
        signer=asking.signer,
        refusals=asking.refusals,
        clock=asking.clock,
        pace=Pace(worker, settings.timeouts.settle, quiet=asking.runs.quiet_for),
        keeps_bodies=asking.keeps_bodies,
    )


def _asking(
    settings: Settings,
    signer: Signer,
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
        carrier=Carrier(attachments, Timeouts(timeouts.round1, timeouts.round2), still, signer),
        signer=signer,
        quotas=Quotas(limits.queries_per_minute, limits.queries_per_day),
        refusals=Refusals(limits.refusals_per_minute, committer, seconds),
        clock=seconds,
        keeps_bodies=settings.log is not None,
    )


def _statistics(settings: Settings, asking: Asking, rulebooks: Rulebooks, attachments: Attachments) -> AskingStatistics:
    """Give the use-case of statistics, beside that of questions and with its ports."""
    timeouts = Timeouts(settings.timeouts.statistic, settings.timeouts.statistic)

    def still(run: StatisticRun) -> None:
        check_statistic_still(run, rulebooks.current(), seconds())

    return AskingStatistics(
        rulebook=asking.rulebook,
        roster=asking.roster,
        committer=asking.committer,
        carrier=Carrier(attachments, timeouts, still, asking.signer, patient=True),
        signer=asking.signer,
        refusals=asking.refusals,
        clock=seconds,
    )


class GatewayServer:
    """A gateway that listens; `start`, then `stop`, which drains."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.port = 0
        self.join_port = 0
        self._health = health.aio.HealthServicer()
        self._bindings = Bindings(parts.rulebooks, seconds)
        self._server = grpc.aio.server(interceptors=[self._watcher()], options=OPTIONS)
        self._join_server: grpc.aio.Server | None = None
        parts.membership.board.on_change = self._board_changed
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
        await parts.membership.board.catch_up()
        self._add_services()
        await self._listen()
        if parts.settings.metrics_port:
            parts.metrics.serve("127.0.0.1", parts.settings.metrics_port)
        works: list[Work] = [
            parts.metrics.watch_lag,
            partial(parts.rulebooks.poll, self._rulebook_changed, self._rulebook_refused),
            self._keep_house,
            *parts.membership.work(),
        ]
        if self.publisher and parts.log:
            followed = LogHealth(parts.log.store, parts.log.witnesses)
            works += [self.publisher.run, partial(self._watch_log, self.publisher, followed), self._expire_bodies]
        self._tasks = [asyncio.create_task(again_and_again(work)) for work in works]
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        LOG.info("serving", extra={"address": parts.settings.listen, "version": self._version})

    async def stop(self) -> None:
        """Say that we drain, wait for what is open, then close; every answer given is durable."""
        await self._health.enter_graceful_shutdown()
        self.parts.jobs.stop()
        drain = self.parts.settings.timeouts.drain
        await asyncio.gather(self.parts.asking.runs.drain(drain), self.parts.statistics.runs.drain(drain))
        self.parts.attachments.close_all()
        self.parts.bulk.close_all()
        servers = [one for one in (self._server, self._join_server) if one is not None]
        await asyncio.gather(*(one.stop(grace=1.0) for one in servers))
        await cancelled(self._tasks)
        await self._write_dropped()
        await self.parts.committer.stop()
        if self.publisher and self.parts.log:
            await self.publisher.stop()
            self.parts.log.store.close()
            self.parts.log.bodies.close()
            self.parts.log.filings.close()
        self.parts.holding.close()
        self.parts.jobs.pace.worker.shutdown()
        self.parts.membership.reader.close()
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
        attach = AttachServicer(
            parts.attachments, parts.mask_keys, parts.rulebooks, parts.committer, wall_clock, self._certificate_check
        )
        bulk = BulkServicer(parts.jobs, parts.bulk, parts.rulebooks, self._certificate_check)
        portfolio_pb2_grpc.add_BulkServiceServicer_to_server(bulk, server)
        gateway_pb2_grpc.add_QueryServiceServicer_to_server(query, server)
        gateway_pb2_grpc.add_AttachServiceServicer_to_server(attach, server)
        gateway_pb2_grpc.add_RulebookServiceServicer_to_server(RulebookServicer(parts.rulebooks), server)
        holder = KeyHolderServicer(parts.holding, parts.rulebooks)
        gateway_pb2_grpc.add_KeyHolderServiceServicer_to_server(holder, server)
        statistics = StatisticsServicer(parts.statistics, parts.rulebooks)
        statistics_pb2_grpc.add_StatisticsServiceServicer_to_server(statistics, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        parts.membership.add_members_door(server)
        services = [*gateway_pb2.DESCRIPTOR.services_by_name.values()]
        services += portfolio_pb2.DESCRIPTOR.services_by_name.values()
        services.append(membership_pb2.DESCRIPTOR.services_by_name["MembershipService"])
        services += statistics_pb2.DESCRIPTOR.services_by_name.values()
        if self.publisher and parts.log:
            transparency = TransparencyServicer(
                self.publisher.log, parts.log.bodies, parts.rulebooks, parts.log.witnesses
            )
            transparency_pb2_grpc.add_TransparencyServiceServicer_to_server(transparency, server)
            desk = FilingDesk(parts.rulebooks.current, parts.committer, seconds)
            supervision = SupervisionServicer(desk, parts.log.filings, parts.rulebooks)
            supervision_pb2_grpc.add_SupervisionServiceServicer_to_server(supervision, server)
            services += transparency_pb2.DESCRIPTOR.services_by_name.values()
            services += supervision_pb2.DESCRIPTOR.services_by_name.values()
        names = [service.full_name for service in services]
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    def _watcher(self) -> Watcher:
        parts = self.parts
        return Watcher(parts.metrics, self._bindings.check if parts.settings.require_binding else lambda _: None)

    def _certificate_check(self, pem: bytes) -> None:
        if self.parts.settings.require_binding:
            self._bindings.check_pem(pem)

    async def _listen(self) -> None:
        """Open both doors; the second has a port of its own, where nobody needs a certificate."""
        settings, membership = self.parts.settings, self.parts.membership
        self.port = listen(self._server, settings.listen, membership.tls.credentials(clients=True))
        await self._server.start()
        if settings.join_listen:
            server = grpc.aio.server(interceptors=[Watcher(self.parts.metrics)], options=OPTIONS)
            membership.add_join_door(server)
            self.join_port = listen(server, settings.join_listen, membership.tls.credentials(clients=False))
            await server.start()
            self._join_server = server

    def _board_changed(self) -> None:
        """Take a version that the board has decided, and an emergency suspension, at once."""
        try:
            self.parts.rulebooks.load_new()
        except CreditError as error:
            self._rulebook_refused(error)
        self._rulebook_changed()

    def _rulebook_changed(self) -> None:
        """Cut off whoever is no longer an active lender, and take up the share that the rulebook pins."""
        parts, rulebook = self.parts, self.parts.rulebooks.current()
        parts.attachments.close_all(lambda member: not _is_active(rulebook, member))
        parts.bulk.close_all(lambda member: not _is_active(rulebook, member))
        keeper, document, member = parts.membership.keeper, rulebook.document, parts.settings.member
        try:
            parts.holding.exchange(keeper.in_use(document, member, seconds()))
            keeper.destroy_over(document, member, seconds())
        except CreditError as error:
            LOG.error("share-missing", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
        LOG.info("rulebook", extra={"version": self._version})

    def _rulebook_refused(self, error: CreditError) -> None:
        LOG.error("rulebook-refused", extra={"code": error.code, "cause": error.cause})

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            self.parts.metrics.attached.set(len(self.parts.attachments.well()))
            self.parts.mask_keys.forget_before(utc_day(seconds()) - 1)
            self.parts.attachments.recheck()
            self.parts.bulk.recheck()
            self.parts.attachments.pay()
            try:
                await self.parts.asking.refusals.write()
                await self.parts.jobs.close_overdue()
                self.parts.metrics.entries.set(await self.parts.committer.commit(lambda store: store.size))
            except CreditError as error:  # a full disk or a database that is away: tried again in a moment
                LOG.error("housekeeping", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400

    async def _watch_log(self, publisher: Publisher, log: LogHealth) -> None:
        metrics = self.parts.metrics
        while True:
            now = time.monotonic()
            with contextlib.suppress(CreditError):  # a database that is away shows in housekeeping
                metrics.checkpoint_age.set(await publisher.off_loop(partial(log.checkpoint_age, now)))
                for name, age in (await publisher.off_loop(partial(log.cosignature_ages, now))).items():
                    metrics.cosignature_age.labels(name).set(age)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def _expire_bodies(self) -> None:
        """Erase bodies whose retention period is over, a few hundred at a time."""
        parts = self.parts
        while True:
            try:
                expired = await parts.committer.commit(partial(expire, parts.rulebooks.current(), seconds()))
            except CreditError as error:
                expired = 0
                LOG.error("expiry", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            if not expired:
                await asyncio.sleep(EXPIRY_SECONDS)


def _publisher(parts: Parts) -> Publisher | None:
    log, settings = parts.log, parts.settings.log
    if log is None or settings is None:
        return None
    opened = OpenQueries()
    sequencer = Log(log.store, log.guard, log.signer, opened.take)
    return Publisher(sequencer, parts.committer, opened, settings.seconds, settings.entries, seconds)


def _is_active(rulebook: Rulebook, member: MemberId) -> bool:
    found = rulebook.members.get(member)
    return found is not None and (found.role, found.status) == (Role.LENDER, MemberStatus.ACTIVE)
