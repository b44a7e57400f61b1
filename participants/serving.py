"""A lender's node that serves: attached to every gateway replica, with its local service open."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from consortium.errors import Code, CreditError
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.wire.gateway import Hello
from participants.bootstrap import open_tls
from participants.both_books import record_in_books
from participants.composition import Parts, compose, gateway_addresses, requester_of_today, seconds, supervised
from participants.following import Work, follow_rulebooks, resources, run_until
from participants.gateway_client.asking import while_attached
from participants.gateway_client.attach import AttachClient, Handlers, StatisticHandlers
from participants.gateway_client.channel import Tls
from participants.lender.answer import Contributor
from participants.lender.event_input import EVENT_KINDS, parse_event
from participants.lender.statistics import StatisticContributor
from participants.lender.tokenise import unalarmed
from participants.membership.lookout import Lookout
from participants.membership.upkeep import Upkeep
from participants.metrics import Metrics
from participants.portfolio_parts import ListParts, forget_lists, list_parts
from participants.renewal import ExchangeableTokeniser, Renewal
from participants.rpc.local import LenderServicer, NodeStatus, Token
from participants.rpc.portfolio import PortfolioServicer
from participants.settings import NodeSettings
from participants.supervising import run_supervised
from participants.witnessing import run_witness, witness_of
from protos.credit.v1 import lender_pb2_grpc, local_portfolio_pb2_grpc

LOG = logging.getLogger("participants.node")
VERSION = "0.1.0"
MASK_KEY_DAYS = 8
"""Mask keys are published this many days ahead, so that a node that is away keeps its place in the roster."""
AGAIN_SECONDS = 10.0
OPTIONS = (("grpc.max_receive_message_length", 1 << 20), ("grpc.so_reuseport", 0))


class LenderServer:
    """A node that runs from its folder."""

    def __init__(self, folder: Path) -> None:
        self._settings = NodeSettings(folder)
        self._server: grpc.aio.Server
        self._attached: list[AttachClient] = []
        self.local_port = 0

    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Serve until `stopping` is set; raises CreditError where the node cannot start."""
        async with resources() as stack:
            upkeep = await Upkeep.begin(self._settings.folder, stack)
            tls = upkeep.tls if upkeep else partial(open_tls, self._settings)
            tokeniser = stack.enter_context(closing(ExchangeableTokeniser(self._settings, tls)))
            parts = compose(self._settings, stack, tokeniser, tls())
            renewal = Renewal(parts, tokeniser, upkeep.hurry if upkeep else lambda: None)
            lookout = upkeep.lookout(parts.rulebooks) if upkeep else None
            self._server = grpc.aio.server(options=OPTIONS)  # belongs to the loop that runs it
            lists = list_parts(parts, tls, stack)
            works = await self._start(parts, renewal, tls, lookout, lists)
            if upkeep:
                upkeep.works.append(renewal.changing.round)
                upkeep.on_renewed += [lambda: parts.client.renew(tls()), tokeniser.exchange, self._attach_again]
                works.append(partial(upkeep.run, lambda: _load_new(parts, renewal, lookout)))
            async with AsyncExitStack() as ending:  # the last first, and each whatever becomes of the others
                ending.push_async_callback(parts.client.close)
                ending.push_async_callback(self._server.stop, grace=1.0)
                ending.push_async_callback(asyncio.to_thread, parts.receipts.last)
                ending.push_async_callback(lists.portfolios.stop)
                await run_until(stopping, works, started)
        LOG.info("stopped")

    async def _start(
        self,
        parts: Parts,
        renewal: Renewal,
        tls: Callable[[], Tls],
        lookout: Lookout | None,
        lists: ListParts,
    ) -> list[Work]:
        metrics = Metrics()
        metrics.serve(parts.settings.file.metrics_port)
        handlers = _handlers(parts, metrics)
        addresses = gateway_addresses(parts.settings)
        self._attached = [AttachClient(address, tls, handlers, parts.answering) for address in addresses]
        renewal.identity_changed = self._attach_again
        renewal.masks_changed = self._publish
        ask = parts.asker.ask_gateway
        parts.asker.ask_gateway = lambda *question: while_attached(
            partial(ask, *question), lambda: self._attachments() > 0
        )
        await self._open_local(parts, lists)
        change_over = partial(_change_over, parts, renewal)
        works: list[Work] = [client.run for client in self._attached]
        works += [client.run for client in lists.contributing]
        works += [
            *(partial(follow_rulebooks, parts.rulebooks, address, tls, lookout, change_over) for address in addresses),
            partial(_renew_daily, parts),
            partial(metrics.watch, self._attachments),
            partial(run_supervised, supervised(parts), addresses, tls),
            parts.receipts.run,
        ]
        if (witnessing := parts.settings.file.witness) is not None:
            witness = witness_of(parts.settings, witnessing, parts.rulebooks.current)
            works += [partial(run_witness, witness, address, tls) for address in addresses]
        return works

    async def _open_local(self, parts: Parts, lists: ListParts) -> None:
        local = parts.settings.file.local
        token = Token(_local_token(parts.settings.path(local.token)))
        servicer = LenderServicer(
            token,
            parts.assessor,
            _recorder(parts),
            lambda: self._status(parts),
            lambda: parts.rulebooks.current().policy.suites[0],
        )
        lender_pb2_grpc.add_LenderServiceServicer_to_server(servicer, self._server)
        portfolios = PortfolioServicer(token, lambda: lists.portfolios)
        local_portfolio_pb2_grpc.add_PortfolioServiceServicer_to_server(portfolios, self._server)
        checker = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(checker, self._server)
        try:
            self.local_port = self._server.add_insecure_port(local.listen)
        except RuntimeError:
            raise CreditError(Code.SETTINGS_INVALID, f"local.listen: {local.listen} is taken or no address") from None
        await self._server.start()
        await checker.set("", health_pb2.HealthCheckResponse.SERVING)
        LOG.info("serving", extra={"address": local.listen, "member": parts.settings.file.member})

    def _attach_again(self) -> None:
        for client in self._attached:
            client.attach_again()

    def _publish(self) -> None:
        for client in self._attached:
            client.publish()

    def _attachments(self) -> int:
        return sum(client.attached for client in self._attached)

    def _status(self, parts: Parts) -> NodeStatus:
        rulebook = parts.rulebooks.current()
        attached = tuple(client.address for client in self._attached if client.attached)
        version = rulebook.document.version
        status = parts.books.newest(rulebook)[1].status()
        return NodeStatus(parts.settings.file.member, rulebook.digest, version, attached, status)


def _handlers(parts: Parts, metrics: Metrics) -> Handlers:

    def contributor() -> Contributor:
        return parts.asker.node.contributor

    def hello() -> Hello:
        now = seconds()
        days = (now + day * SECONDS_PER_DAY for day in range(MASK_KEY_DAYS))
        keys = tuple(contributor().pairs.own(moment).certified for moment in days)
        with parts.answers.transaction() as store:
            counter = store.counter()
        return Hello(keys, parts.rulebooks.current().digest, counter, VERSION, statistics=True)

    def welcome(last_counter: int) -> None:
        """Notice that others have seen messages which this store does not know: it comes from a backup."""
        with parts.answers.transaction() as store:
            if last_counter > store.counter():
                store.quarantine(seconds() + parts.rulebooks.current().policy.ledger_window)
                LOG.error("restored-from-backup", extra={"code": Code.RESTORED_FROM_BACKUP.value})

    def statistics() -> StatisticContributor:
        return StatisticContributor.beside(contributor(), parts.cells)

    return Handlers(
        statistics=StatisticHandlers(
            prepare=lambda request: statistics().prepare(request, seconds()),
            round1=lambda request: statistics().round1(request, seconds()),
            round2=lambda request: statistics().round2(request, seconds()),
        ),
        round1=metrics.measured(1, lambda request: contributor().round1(request, seconds())),
        round2=metrics.measured(2, lambda request: contributor().round2(request, seconds())),
        hello=hello,
        welcome=welcome,
        receipt=parts.receipts.take_messages,
    )


def _recorder(parts: Parts) -> Any:
    def record(kind: str, data: bytes) -> tuple[int, bytes]:
        if kind not in EVENT_KINDS:
            raise CreditError(Code.RECORD_INVALID, f"kind is one of {', '.join(EVENT_KINDS)}")
        told, tokens = parse_event(EVENT_KINDS[kind], data), parts.asker.node.tokeniser
        books, rulebook = parts.books, parts.rulebooks.current()
        journal = record_in_books(parts.settings, books, rulebook, tokens, told, unalarmed, seconds()).journal
        return journal.size, journal.head

    return record


async def _change_over(parts: Parts, renewal: Renewal) -> None:
    """Serve by a version that was taken: first whatever takes time, then the change."""
    await asyncio.to_thread(renewal.changing.to, parts.rulebooks.current())
    _changed(parts, renewal)


def _load_new(parts: Parts, renewal: Renewal, lookout: Lookout | None) -> None:
    """Take versions that another task has put into the folder, and what was not here when the last one came."""
    if parts.rulebooks.load_new():
        _changed(parts, renewal)
    else:
        renewal.to_current()
    if lookout is not None:
        lookout.look()


def _changed(parts: Parts, renewal: Renewal) -> None:
    LOG.info("rulebook", extra={"version": parts.rulebooks.version})
    renewal.to_current()


async def _renew_daily(parts: Parts) -> None:
    """Certify the query key anew at the beginning of every UTC day, and forget books that are out of retention."""
    while True:
        await asyncio.sleep(SECONDS_PER_DAY - seconds() % SECONDS_PER_DAY + 1)
        while not _certified_anew(parts):  # noqa: ASYNC110  nobody tells when a file can be read again
            await asyncio.sleep(AGAIN_SECONDS)
        await asyncio.to_thread(_forget, parts)


def _certified_anew(parts: Parts) -> bool:
    """Ask with the query key certified for today; says whether its file could be read."""
    asker = parts.asker
    try:
        requester = requester_of_today(asker.node.contributor, parts.query_keys, asker.node.requester.executor)
    except CreditError as error:
        LOG.error("not-certified", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
        return False
    asker.node = replace(asker.node, requester=requester)
    return True


def _forget(parts: Parts) -> None:
    """Forget what books of days out of retention had, and receipts: nobody may inspect them any more."""
    before_day = utc_day(seconds()) - parts.rulebooks.current().policy.retention_days
    try:
        parts.supervision.forget_receipts(before_day * SECONDS_PER_DAY)
        parts.history.forget_before(before_day)
        forget_lists(parts)
    except CreditError as error:  # the book is being loaded, or the disk is full: the next day does it
        LOG.warning("forget", extra={"code": error.code, "cause": error.cause})


def _local_token(path: Path) -> str:
    """Read the token of the local service, or make one in an owner-only file."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    if path.stat().st_mode & 0o077:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: others may read it; chmod 600")
    return path.read_text("ascii").strip()
