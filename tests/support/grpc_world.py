"""A gateway behind real gRPC and mTLS, with the lenders of a `World` attached over loopback, all in one event loop."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from consortium.labels import Label
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.model.members import MemberId
from consortium.wire.gateway import Hello, SignedRulebook
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes
from demo.certificates import Authority
from demo.consortium import HOLDERS
from gateway.bootstrap import GatewayServer, Parts, build
from gateway.rulebooks import write_version
from gateway.settings import Limits, Settings, TimeoutSettings
from gateway.settings import Tls as TlsFiles
from participants.gateway_client.asking import AskClient
from participants.gateway_client.attach import AttachClient, Handlers, StatisticHandlers
from participants.gateway_client.channel import Tls
from participants.lender.ask import QueryResult, new_query_key
from participants.lender.identity import DerivedMaskKeys, PairKeys
from participants.lender.statistics import StatisticContributor
from tests.support.world import World

GATEWAY = HOLDERS[0]


@dataclass
class GrpcWorld:
    """Everything a test drives: the gateway, the attached nodes, certificates for whoever it wants to be."""

    world: World
    folder: Path
    authority: Authority
    settings: Settings
    server: GatewayServer
    clients: dict[MemberId, AttachClient] = field(default_factory=dict)
    tasks: dict[MemberId, asyncio.Task[None]] = field(default_factory=dict)
    statistics: dict[MemberId, StatisticContributor] = field(default_factory=dict)
    """Who answers statistics."""
    receipts: list[bytes] = field(default_factory=list)
    """What the gateway signed for the attached nodes, as it came."""
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def parts(self) -> Parts:
        return self.server.parts

    def tls(self, member: MemberId, authority: Authority | None = None, **valid: dt.timedelta) -> Tls:
        ca = authority or self.authority
        issued = ca.issue(member, dt.datetime.now(dt.UTC), **valid)
        return Tls(issued.certificate, issued.key, self.authority.certificate)

    async def attach(self, *members: MemberId) -> None:
        """Attach nodes and wait until the gateway has them."""
        for member in members:
            client = AttachClient(self.address, partial(self.tls, member), self.handlers(member), self.workers)
            self.clients[member] = client
            self.tasks[member] = asyncio.create_task(client.run())
        async with asyncio.timeout(30):
            while not frozenset(members) <= self.parts.attachments.well():
                await asyncio.sleep(0.01)

    def handlers(self, member: MemberId) -> Handlers:
        contributor = self.world.nodes[member].contributor

        def hello() -> Hello:
            now = int(time.time())
            keys = tuple(contributor.pairs.own(now + day * SECONDS_PER_DAY).certified for day in range(2))
            return Hello(keys, self.world.rulebook.digest, 0, "test", statistics=member in self.statistics)

        noised = self.statistics.get(member)
        statistics = None if noised is None else statistic_handlers(noised)
        return Handlers(
            statistics=statistics,
            round1=lambda request: contributor.round1(request, int(time.time())),
            round2=lambda request: contributor.round2(request, int(time.time())),
            hello=hello,
            receipt=self.receipts.append,
        )

    async def detach(self, member: MemberId) -> None:
        """Take a node away and wait until the gateway has seen it go."""
        self.tasks[member].cancel()
        await asyncio.gather(self.tasks.pop(member), return_exceptions=True)
        async with asyncio.timeout(30):
            while member in self.parts.attachments.attached():
                await asyncio.sleep(0.01)

    async def ask(self, query_bytes: bytes, request_id: bytes, by: MemberId = "lender-a", seconds: float = 20) -> bytes:
        """Ask through a client of a member; gives the transcript's bytes."""
        client = AskClient([self.address], self.tls(by))
        try:
            return (await client.ask(request_id, query_bytes, seconds)).transcript
        finally:
            await client.close()

    async def result(self, request_id: bytes = b"r" * 16, by: MemberId = "lender-a", **options: object) -> QueryResult:
        """Ask about somebody and conclude."""
        world = self.world
        subject = options.pop("subject")
        query = world.query(subject, by=by, **options)  # type: ignore[arg-type]  # passed through
        raw = await self.ask(signed_query_to_bytes(query), request_id, by)
        return world.nodes[by].conclude(query, transcript_from_bytes(raw))


def statistic_handlers(contributor: StatisticContributor) -> StatisticHandlers:
    """What an attached node does for statistics."""
    return StatisticHandlers(
        prepare=lambda request: contributor.prepare(request, int(time.time())),
        round1=lambda request: contributor.round1(request, int(time.time())),
        round2=lambda request: contributor.round2(request, int(time.time())),
    )


def now_world(world: World) -> World:
    """Put a test world into the present, with keys derived for every day."""
    now = int(time.time())
    day = utc_day(now)
    for member, node in world.nodes.items():
        identity = node.contributor.identity
        contributor = replace(node.contributor, pairs=PairKeys(DerivedMaskKeys(identity)))
        validity = ((day - 1) * SECONDS_PER_DAY, (day + 2) * SECONDS_PER_DAY)
        key = new_query_key(identity, node.requester.query_key.secret, validity)
        world.nodes[member] = replace(node, contributor=contributor, requester=replace(node.requester, query_key=key))
    world.now = now
    return world


def write_gateway_folder(world: World, folder: Path, issuer: Authority, /, **changes: object) -> Settings:
    """Write the gateway's files and give settings on a port of the system's choice."""
    foundation = world.foundation
    rulebooks = folder / "rulebooks"
    rulebooks.mkdir(parents=True)
    raw = world.rulebook.raw
    approvers = world.rulebook.document.approvers.members
    signatures = {member: foundation.keys[member].signer.sign(Label.RULEBOOK, raw) for member in approvers}
    write_version(rulebooks, SignedRulebook(raw, signatures), 1)
    issued = issuer.issue(GATEWAY, dt.datetime.now(dt.UTC))
    share = foundation.shares[0]
    files = {
        "identity.key": foundation.keys[GATEWAY].identity.hex().encode(),
        "share.json": json.dumps({"holder": share.holder, "secret": f"{share.secret:x}"}).encode(),
        "tls.crt": issued.certificate,
        "tls.key": issued.key,
        "ca.crt": issuer.certificate,
        "ca.key": issuer.key,
    }
    for name, content in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    values: dict[str, object] = {
        "member": GATEWAY,
        "listen": "127.0.0.1:0",
        "storage": f"sqlite:///{folder}/gateway.db",
        "identity_key": folder / "identity.key",
        "key_share": folder / "share.json",
        "rulebooks": rulebooks,
        "fingerprint": world.rulebook.digest.hex(),
        "tls": TlsFiles(certificate=folder / "tls.crt", key=folder / "tls.key", ca=folder / "ca.crt"),
        "limits": Limits(),
        "timeouts": TimeoutSettings(round1=1.0, round2=1.0, drain=2.0, settle=0.0),
    }
    return Settings.model_validate(values | changes)


@asynccontextmanager
async def grpc_world(world: World, folder: Path, **changes: object) -> AsyncIterator[GrpcWorld]:
    """Run a gateway for a world; nobody is attached yet."""
    signers = {member: keys.signer for member, keys in world.foundation.keys.items()}
    authority = Authority(world.rulebook.document.consortium, dt.datetime.now(dt.UTC), signers=signers)
    settings = write_gateway_folder(now_world(world), folder / "gateway", authority, **changes)
    server = GatewayServer(build(settings))
    await server.start()
    running = GrpcWorld(world, folder, authority, settings, server)
    try:
        yield running
    finally:
        for member in list(running.tasks):
            await running.detach(member)
        await running.server.stop()
        running.workers.shutdown()
