"""A lender that has published no mask key for the day is missing from answers; everybody else goes on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.rounds import RosterEntry, Round1Request
from consortium.wire.rounds import round1_request_from_bytes, round1_request_to_bytes
from participants.lender.ask import ValueStatus
from protos.credit.v1 import rounds_pb2
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World, tradeline

KEYLESS = "lender-e"
OTHERS = LENDERS[:4]
Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[..., None]:
    """Runs a scene against a gateway that has never heard of some lenders."""

    def run(scene: Scene, attached: tuple[str, ...] = OTHERS) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path) as running:
                await running.attach(*attached)
                await scene(running)

        asyncio.run(main())

    return run


def without_key(call: Round1Request, *members: str) -> tuple[RosterEntry, ...]:
    return tuple(replace(entry, mask_key=None) if entry.member in members else entry for entry in call.roster)


def test_the_others_answer_without_it(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        for power, member in enumerate(LENDERS):
            world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
        result = await running.result(subject=subject)
        assert (result.asked, result.missing) == (LENDERS, (KEYLESS,))
        balance = next(item for item in result.attributes if item.attribute.id == "balance")
        assert (balance.total, balance.status) == (1010101, ValueStatus.INCOMPLETE)
        admitted, answered = (json.loads(line) for line in running.parts.store.lines(0, 9))
        assert admitted["roster"] == list(LENDERS), "it is in the roster, and U is held to all of it"
        assert answered["answering"] == list(OTHERS)

    play(scene)


def test_with_its_key_it_is_asked_again(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        assert (await running.result(subject=world.subject(ALICE))).missing == (KEYLESS,)
        await running.attach(KEYLESS)
        assert (await running.result(b"2" * 16, subject=world.subject(BOB))).missing == ()

    play(scene)


def test_a_keyless_requester_can_ask(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        result = await running.result(by=KEYLESS, subject=world.subject(ALICE, by=KEYLESS))
        assert result.missing == (KEYLESS,)

    play(scene)


def test_two_without_keys_are_too_many(play: Callable[..., None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        with refused(Code.TOO_FEW_CONTRIBUTORS):
            await running.result(subject=world.subject(ALICE))

    play(scene, attached=LENDERS[:3])


def test_whoever_is_intended_shows_a_key(world: World) -> None:
    """A gateway that takes a key away takes the member out of L, or contributors refuse."""
    honest = world.call(world.query(world.subject(ALICE)))
    node = world.nodes["lender-c"].contributor
    for hidden in (KEYLESS, "lender-c"):
        call = replace(honest, roster=without_key(honest, hidden))
        with refused(Code.ROSTER_MISMATCH):
            node.round1(round1_request_to_bytes(call), world.now)
    with node.store.transaction() as store:
        assert store.counter() == 0, "nothing was signed"
    fewer = replace(honest, roster=without_key(honest, KEYLESS), intended=frozenset(OTHERS))
    assert fewer.ctx != replace(fewer, roster=honest.roster).ctx, "who has no key is part of the exchange"
    node.round1(round1_request_to_bytes(fewer), world.now)


def test_the_majority_rule_counts_who_has_no_key(world: World) -> None:
    call = world.call(world.query(world.subject(ALICE)))
    few = replace(call, roster=without_key(call, "lender-d", KEYLESS), intended=frozenset(LENDERS[:3]))
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        world.nodes["lender-c"].contributor.round1(round1_request_to_bytes(few), world.now)


def test_the_wire_tells_no_key_from_an_empty_one(world: World) -> None:
    call = world.call(world.query(world.subject(ALICE)))
    keyless = replace(call, roster=without_key(call, KEYLESS), intended=frozenset(OTHERS))
    raw = round1_request_to_bytes(keyless)
    assert round1_request_from_bytes(raw) == keyless
    message = rounds_pb2.Round1Request.FromString(raw)
    message.roster[4].mask_key.SetInParent()
    with refused(Code.MALFORMED):
        round1_request_from_bytes(message.SerializeToString())
