"""A whole consortium in one event loop: gateway, custodians and lenders' nodes from real folders, over real gRPC."""

import asyncio
import datetime as dt
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from typer.testing import CliRunner

from consortium.errors import CreditError
from consortium.labels import Label
from consortium.membership.secrets import EpochSecret, GenerationSecrets, Opened
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.model.rulebook import Role
from consortium.wire.gateway import SignedRulebook
from demo.certificates import Authority
from demo.consortium import Foundation, Terms, found
from gateway.bootstrap import GatewayServer, build
from gateway.settings import AuthoritySettings, Settings, TimeoutSettings
from participants.cli.main import app
from participants.custodian.serving import CustodianServer
from participants.lender.question_input import parse_question
from participants.membership.folder import HPKE, IDENTITY, Invitation, MemberFolder, make_folder
from participants.membership.member import Membership
from participants.membership.node_files import write_first_rulebook, write_settings
from participants.regulator.serving import RegulatorServer
from participants.rpc.local_client import LocalClient
from participants.sandbox.founding import CUSTODIANS, GATEWAY, REGULATOR
from participants.sandbox.ports import Ports, on_loopback
from participants.secret_files import keep_opened
from participants.serving import LenderServer
from participants.settings import NodeSettings
from participants.share_files import ShareFiles
from participants.whole_files import write_new
from tests.support.grpc_world import write_gateway_folder
from tests.support.hub import Hub
from tests.support.processes import own_ports, question_about
from tests.support.world import LENDERS, World

READY_SECONDS = 30
ResultT = TypeVar("ResultT")


class _Server(Protocol):
    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None: ...


@dataclass
class Serving:
    """The running parties; each has its folder below `out`."""

    foundation: Foundation
    out: Path
    ports: Ports
    authority: Authority
    settings: Settings
    gateway: GatewayServer
    running: dict[MemberId, tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=dict)

    def folder(self, member: MemberId) -> MemberFolder:
        return MemberFolder(self.out / member)

    async def start(self, *members: MemberId) -> None:
        """Start custodians and lenders' nodes and wait until they serve; lenders until they are attached, too."""
        custodians = [one for one in members if one in CUSTODIANS]
        await asyncio.gather(*(self._run(one, CustodianServer(self.out / one)) for one in custodians))
        lenders = [one for one in members if one not in CUSTODIANS]
        await asyncio.gather(*(self._run(one, LenderServer(self.out / one)) for one in lenders))
        await until(lambda: frozenset(lenders) <= self.gateway.parts.attachments.well())

    async def command(self, lender: MemberId, *words: object, fails: bool = False) -> dict[str, Any]:
        """Run one of a lender's commands as its own person would, beside its node; gives what it shows as JSON."""
        arguments = [*map(str, words), "--node", str(self.out / lender), "--json"]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert (result.exit_code != 0) is fails, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    async def serve(self, lender: MemberId) -> None:
        """Start a lender's node that the gateway need not take."""
        await self._run(lender, LenderServer(self.out / lender))

    async def supervise(self) -> None:
        """Start the regulator."""
        await self._run(REGULATOR, RegulatorServer(self.out / REGULATOR))

    async def stop(self, *members: MemberId) -> None:
        ending = [self.running.pop(member) for member in members]
        for stopping, _ in ending:
            stopping.set()
        await asyncio.gather(*(task for _, task in ending))

    async def ask(self, lender: MemberId, phone: str) -> dict[str, Any]:
        """Ask a node about somebody by its local service; raises CreditError."""
        question = parse_question(json.dumps(question_about({"phone": phone})).encode())
        return await self.local(lender, lambda client: client.ask(question))

    async def answered(self, lender: MemberId) -> dict[str, Any]:
        """Ask about one stranger after another until there is an answer of everybody; gives it."""
        for number in range(100, 200):
            try:
                answer = await self.ask(lender, f"13912345{number}")
            except CreditError:
                await asyncio.sleep(0.1)
            else:
                if answer["missing"] == []:
                    return answer
        raise AssertionError("no answer of everybody")

    async def local(self, lender: MemberId, call: Callable[[LocalClient], ResultT]) -> ResultT:
        """Call a node's local service as an application beside it does."""

        def work() -> ResultT:
            with LocalClient(NodeSettings(self.out / lender)) as client:
                return call(client)

        return await asyncio.to_thread(work)

    async def acting(self, member: MemberId, act: Callable[[Membership], Any]) -> Any:
        """Do something as a member's engineer does it: on its folder, in a process of its own in all but name."""

        def work() -> Any:
            party = Membership(self.folder(member))
            try:
                return act(party)
            finally:
                party.close()

        return await asyncio.to_thread(work)

    async def _run(self, member: MemberId, server: _Server) -> None:
        stopping, started = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(server.run(stopping, started))
        self.running[member] = stopping, task
        first = asyncio.create_task(started.wait())
        await asyncio.wait([first, task], return_when=asyncio.FIRST_COMPLETED, timeout=READY_SECONDS)
        if task.done():
            first.cancel()
            self.running.pop(member)
            await task
        assert started.is_set(), f"{member} does not start"


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(
    out: Path, *members: MemberId, prepare: Callable[[Path], None] = lambda _: None, **changes: object
) -> AsyncIterator[Serving]:
    """
    Found a consortium in memory, write everybody's folder, run the gateway and whoever is named.

    `prepare` is given the folder of all folders before anybody runs.
    """
    terms = Terms(suite=Suite.INSECURE_TEST_1024_MASKED)
    foundation = found(LENDERS, int(time.time()), secrets.token_bytes, terms)
    ports, home = Ports(own_ports()), out / GATEWAY
    signers = {member: keys.signer for member, keys in foundation.keys.items()}
    authority = Authority(foundation.rulebook.document.consortium, dt.datetime.now(dt.UTC), signers=signers)
    world = World(foundation, {}, {}, Hub(foundation.rulebook, {}))
    places = {"listen": on_loopback(ports.gateway), "join_listen": on_loopback(ports.join)}
    timeouts = TimeoutSettings(round1=2.0, round2=2.0, drain=1.0, settle=0.0)
    ca = AuthoritySettings(certificate=home / "ca.crt", key=home / "ca.key")
    settings = write_gateway_folder(
        world, home, authority, **{**places, "authority": ca, "timeouts": timeouts, **changes}
    )
    _write_folders(foundation, out, ports, authority)
    prepare(out)
    server = GatewayServer(build(settings))
    await server.start()
    world_at_work = Serving(foundation, out, ports, authority, settings, server)
    try:
        await world_at_work.start(*members)
        yield world_at_work
    finally:
        await world_at_work.stop(*world_at_work.running)
        await world_at_work.gateway.stop()


def play(out: Path, scene: Callable[[Serving], Coroutine[Any, Any, None]], *members: MemberId, **changes: Any) -> None:
    """Run a scene in a consortium."""

    async def main() -> None:
        async with asyncio.timeout(120), serving(out, *members, **changes) as running:
            await scene(running)

    asyncio.run(main())


def _write_folders(foundation: Foundation, out: Path, ports: Ports, authority: Authority) -> None:
    custodians = {name: on_loopback(ports.custodian(place)) for place, name in enumerate(CUSTODIANS)}
    gateway = on_loopback(ports.gateway)
    invitation = Invitation(
        consortium=foundation.rulebook.document.consortium,
        join=on_loopback(ports.join),
        gateways=(gateway,),
        holders={GATEWAY: gateway, **custodians},
        ca=authority.certificate.decode(),
    )
    roles = {**dict.fromkeys(foundation.lenders, Role.LENDER), **dict.fromkeys(CUSTODIANS, Role.CUSTODIAN)}
    for member, role in (roles | {REGULATOR: Role.REGULATOR}).items():
        place = list(foundation.lenders).index(member) if role is Role.LENDER else 0
        local = custodians.get(member, on_loopback(ports.lender(place)))
        _write_folder(foundation, out / member, member, role, invitation, local)


def _write_folder(
    foundation: Foundation, folder: Path, member: MemberId, role: Role, invitation: Invitation, local: str
) -> None:
    """Write a member's folder with the keys that it founded with; its certificate it gets by itself."""
    folder.mkdir(mode=0o700, parents=True)
    keys, rulebook = foundation.keys[member], foundation.rulebook
    write_new(folder / IDENTITY, keys.identity.hex().encode())
    write_new(folder / HPKE, keys.hpke.private_bytes_raw().hex().encode())
    made = make_folder(folder, member, role, invitation, local)
    approvers = rulebook.document.approvers.members
    signatures = {one: foundation.keys[one].signer.sign(Label.RULEBOOK, rulebook.raw) for one in approvers}
    write_first_rulebook(made, SignedRulebook(rulebook.raw, signatures))
    write_settings(made, rulebook)
    if role is Role.LENDER:
        shared = foundation.secrets
        pair = GenerationSecrets(shared.generation, shared.pre_hash_secret, shared.tag_key)
        keep_opened(made, Opened(pair, EpochSecret(shared.epoch, shared.sealing_key)))
    if role is Role.CUSTODIAN:
        place = 1 + CUSTODIANS.index(member)
        ShareFiles(made).keep_share(shared_generation(foundation), 1, foundation.shares[place])


def shared_generation(foundation: Foundation) -> int:
    return foundation.rulebook.document.oprf.generation
