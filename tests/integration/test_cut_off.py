"""Members that are suspended while connected, silent or slow ones, and clocks that are off, over real gRPC."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus
from consortium.wire.gateway import SignedRulebook, hello_to_proto
from consortium.wire.queries import signed_query_to_bytes
from gateway.rulebooks import write_version
from gateway.settings import TimeoutSettings
from participants.gateway_client.attach import AttachClient, Handlers
from participants.gateway_client.channel import from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World

SUSPENDED = "lender-e"
TWO_HOURS = 7_200
Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[..., None]:
    """Runs a scene against a gateway with lenders attached."""

    def run(scene: Scene, attached: tuple[str, ...] = LENDERS, **changes: object) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path, **changes) as running:
                await running.attach(*attached)
                await scene(running)

        asyncio.run(main())

    return run


def suspend(running: GrpcWorld, member: str) -> None:
    """Put version 2 into the gateway's folder, in which a member is suspended."""
    foundation, document = running.world.foundation, running.world.rulebook.document
    members = tuple(
        one.model_copy(update={"status": MemberStatus.SUSPENDED}) if one.id == member else one
        for one in document.members
    )
    changes = {"version": 2, "previous": running.world.rulebook.digest, "members": members}
    changes |= {"epoch": document.epoch + 1, "epoch_secret": b"e" * 32}
    raw = document.model_copy(update=changes).to_bytes()
    signatures = {
        approver: foundation.keys[approver].signer.sign(Label.RULEBOOK, raw) for approver in document.approvers.members
    }
    write_version(running.settings.rulebooks, SignedRulebook(raw, signatures), 2)


async def outcome(call: Any) -> Code | None:
    """Give the code that an RPC ends with, None where it does not end with an error."""
    try:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error, "").code
    return None


async def quiet(*messages: pb.AttachRequest) -> AsyncIterator[pb.AttachRequest]:
    """A client that says something and then nothing more."""
    for message in messages:
        yield message
    await asyncio.sleep(60)


async def detach(running: GrpcWorld, *members: MemberId) -> None:
    """Take nodes away that have published their mask keys, and wait until the gateway has noticed."""
    for member in members:
        await running.detach(member)
    while running.parts.attachments.attached() & frozenset(members):
        await asyncio.sleep(0.01)


def test_a_suspended_member_is_cut_off_everywhere_within_five_seconds(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        query = signed_query_to_bytes(world.query(world.subject(ALICE)))
        async with open_channel(running.address, running.tls(SUSPENDED)) as channel:
            rulebooks = grpc_pb.RulebookServiceStub(channel)
            watching = asyncio.create_task(outcome(rulebooks.WatchRulebook(pb.WatchRulebookRequest(after_version=1))))
            await rulebooks.GetRulebook(pb.GetRulebookRequest(), timeout=5)
            start = time.monotonic()
            suspend(running, SUSPENDED)
            assert await asyncio.wait_for(watching, 5) is Code.MEMBER_NOT_ACTIVE, "the open stream of rulebooks"
            while SUSPENDED in running.parts.attachments.attached():
                await asyncio.sleep(0.01)
            assert time.monotonic() - start < 5
            hello = pb.AttachRequest(hello=hello_to_proto(running.handlers(SUSPENDED).hello()))
            refusals = [
                grpc_pb.QueryServiceStub(channel).Ask(pb.AskRequest(request_id=b"r" * 16, query=query), timeout=5),
                grpc_pb.AttachServiceStub(channel).Attach(quiet(hello), timeout=5),
                rulebooks.GetRulebook(pb.GetRulebookRequest(), timeout=5),
                rulebooks.WatchRulebook(pb.WatchRulebookRequest(after_version=0), timeout=5),
                rulebooks.WatchRulebook(pb.WatchRulebookRequest(after_version=2), timeout=5),
                grpc_pb.KeyHolderServiceStub(channel).Evaluate(pb.EvaluateRequest(request=b"x"), timeout=5),
            ]
            assert [await outcome(call) for call in refusals] == [Code.MEMBER_NOT_ACTIVE] * len(refusals)
        assert running.parts.attachments.attached() == frozenset(LENDERS) - {SUSPENDED}, "it does not come back"

    play(scene)


def test_a_member_that_reads_but_never_answers_costs_one_time_out(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        hello = pb.AttachRequest(hello=hello_to_proto(running.handlers(SUSPENDED).hello()))
        async with open_channel(running.address, running.tls(SUSPENDED)) as channel:
            call = grpc_pb.AttachServiceStub(channel).Attach(quiet(hello))
            assert (await call.read()).HasField("welcome")
            while SUSPENDED not in running.parts.attachments.well():
                await asyncio.sleep(0.01)
            first = await running.result(b"1" * 16, subject=world.subject(ALICE))
            start = time.monotonic()
            second = await running.result(b"2" * 16, subject=world.subject(BOB))
            assert (first.missing, second.missing) == ((SUSPENDED,), (SUSPENDED,))
            assert time.monotonic() - start < 1, "it is not asked again until it answers"
            call.cancel()

    play(scene, attached=LENDERS[:4], timeouts=TimeoutSettings(round1=1.0, round2=1.0, drain=1.0, settle=0.0))


def off_by(running: GrpcWorld, member: MemberId, seconds: int) -> Handlers:
    """What a node does whose clock is off."""
    contributor = running.world.nodes[member].contributor
    return replace(running.handlers(member), round1=lambda raw: contributor.round1(raw, int(time.time()) + seconds))


@pytest.mark.parametrize(("off", "code"), [(TWO_HOURS, Code.QUERY_EXPIRED), (-TWO_HOURS, Code.QUERY_NOT_YET_VALID)])
def test_a_contributor_whose_clock_is_off_is_missing_and_the_log_says_why(
    play: Callable[..., None], world: World, off: int, code: Code
) -> None:
    async def scene(running: GrpcWorld) -> None:
        await detach(running, SUSPENDED)
        client = AttachClient(
            running.address, partial(running.tls, SUSPENDED), off_by(running, SUSPENDED, off), running.workers
        )
        running.tasks[SUSPENDED] = asyncio.create_task(client.run())
        while SUSPENDED not in running.parts.attachments.well():
            await asyncio.sleep(0.01)
        result = await running.result(subject=world.subject(ALICE))
        assert result.missing == (SUSPENDED,)
        entry = json.loads(running.parts.store.lines(0, 99)[-1])
        outcomes = {one["member"]: one["outcome"] for one in entry["contributions"]}
        assert outcomes == dict.fromkeys(LENDERS, "OK") | {SUSPENDED: code.value}

    play(scene)


@pytest.mark.parametrize(("off", "code"), [(TWO_HOURS, Code.QUERY_NOT_YET_VALID), (-TWO_HOURS, Code.QUERY_EXPIRED)])
def test_an_asker_whose_clock_is_off_is_told(play: Callable[..., None], world: World, off: int, code: Code) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        consent = world.consent(subject, issued_at=world.now - 3 * TWO_HOURS)
        query = world.query(subject, consent=consent, issued_at=int(time.time()) + off)
        with refused(code):
            await running.ask(signed_query_to_bytes(query), b"r" * 16)
        assert json.loads(running.parts.store.lines(0, 9)[-1])["decision"] == code.value

    play(scene)


def test_after_a_start_a_question_waits_for_the_members(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        await detach(running, *LENDERS[3:])
        asking = asyncio.create_task(running.result(subject=world.subject(ALICE)))
        await asyncio.sleep(0.3)
        assert not asking.done()
        await running.attach(*LENDERS[3:])
        assert (await asking).missing == ()

    play(scene, timeouts=TimeoutSettings(round1=1.0, round2=1.0, drain=1.0, settle=30.0))


def test_after_the_settling_time_nobody_is_waited_for(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        await detach(running, "lender-e")
        result = await running.result(subject=world.subject(ALICE))
        assert result.missing == ("lender-e",)

    play(scene, timeouts=TimeoutSettings(round1=1.0, round2=1.0, drain=1.0, settle=0.4))
