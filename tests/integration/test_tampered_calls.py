"""A gateway that alters, drops, reorders and invents calls to a contributor, over the contributor's own stream."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.members import MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import Round2Request
from consortium.wire.rounds import round1_request_to_bytes, round2_request_to_bytes
from gateway.attachments import Call
from protos.credit.v1 import rounds_pb2
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World

VICTIM = "lender-c"
ALL = frozenset(LENDERS)
Change = Callable[[rounds_pb2.Round1Request], object]
Scene = Callable[[GrpcWorld], Awaitable[None]]


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[[Scene], None]:
    """Runs a scene of a hostile gateway with one contributor attached."""

    def run(scene: Scene) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path) as running:
                await running.attach(VICTIM)
                await scene(running)

        asyncio.run(main())

    return run


async def send(running: GrpcWorld, number: int, request: bytes) -> bytes:
    """Send a call of round 1 or 2 as the gateway does."""
    attachments = running.parts.attachments
    return await attachments.node(VICTIM).call(Call(attachments.next_number(), number, request), 5)


async def round1(running: GrpcWorld, query: SignedQuery, attempt: int = 1) -> bytes:
    """Send an honest call of round 1; gives its ctx."""
    request = running.world.call(query, attempt)
    await send(running, 1, round1_request_to_bytes(request))
    return request.ctx


async def round2(running: GrpcWorld, ctx: bytes, members: MemberSet = ALL) -> bytes:
    return await send(running, 2, round2_request_to_bytes(Round2Request(ctx, members)))


def flip(name: str) -> Change:
    def change(call: rounds_pb2.Round1Request) -> None:
        raw = getattr(call.query, name)
        setattr(call.query, name, raw[:-1] + bytes([raw[-1] ^ 1]))

    return change


def intend(*members: str) -> Change:
    def change(call: rounds_pb2.Round1Request) -> None:
        del call.intended[:]
        call.intended.extend(members)

    return change


def show_mask_key(of: int, at: int) -> Change:
    return lambda call: call.roster[at].mask_key.CopyFrom(call.roster[of].mask_key)


CALLS: dict[str, tuple[Change, Code]] = {
    "header": (flip("header"), Code.RULEBOOK_MISMATCH),
    "payload": (flip("payload"), Code.SIGNATURE_INVALID),
    "envelope": (flip("envelope"), Code.SIGNATURE_INVALID),
    "commitment to the tags": (flip("tags_commitment"), Code.SIGNATURE_INVALID),
    "signature": (flip("signature"), Code.SIGNATURE_INVALID),
    "consent taken away": (lambda call: call.query.ClearField("consent"), Code.CONSENT_MISSING),
    "query key taken away": (lambda call: call.query.ClearField("query_key"), Code.MALFORMED),
    "a smaller roster": (lambda call: call.roster.pop(), Code.ROSTER_MISMATCH),
    "a member twice": (lambda call: call.roster[1].CopyFrom(call.roster[0]), Code.MALFORMED),
    "another's mask key for it": (show_mask_key(of=0, at=2), Code.ROSTER_MISMATCH),
    "its own mask key for another": (show_mask_key(of=2, at=0), Code.ROSTER_MISMATCH),
    "too few intended": (intend("lender-a", VICTIM), Code.TOO_FEW_CONTRIBUTORS),
    "not intended itself": (intend("lender-a", "lender-b", "lender-d", "lender-e"), Code.ROSTER_MISMATCH),
    "a stranger intended": (intend(*LENDERS, "lender-x"), Code.ROSTER_MISMATCH),
    "a fourth attempt": (lambda call: setattr(call, "attempt", 4), Code.MALFORMED),
    "no attempt": (lambda call: setattr(call, "attempt", 0), Code.MALFORMED),
}


def test_altered_calls_are_refused_by_their_code(play: Callable[[Scene], None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        query = world.query(world.subject(ALICE))
        honest = round1_request_to_bytes(world.call(query))
        for name, (change, code) in CALLS.items():
            call = rounds_pb2.Round1Request.FromString(honest)
            change(call)
            with refused(code):
                await send(running, 1, call.SerializeToString(deterministic=True))
                pytest.fail(f"answered: {name}")
        for garbage in (b"", b"\xff" * 50, honest[:-5]):
            with refused(Code.MALFORMED):
                await send(running, 1, garbage)
            with refused(Code.MALFORMED):
                await send(running, 2, garbage)
        with world.nodes[VICTIM].contributor.store.transaction() as store:
            assert store.counter() == 0, "nothing was signed"
        assert await send(running, 1, honest) == await send(running, 1, honest), "the honest call gets the same bytes"

    play(scene)


def test_corrections_are_released_once_for_one_large_set(play: Callable[[Scene], None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        query = world.query(world.subject(ALICE))
        with refused(Code.CTX_UNKNOWN):  # round 2 before round 1
            await round2(running, world.call(query).ctx)
        ctx = await round1(running, query)
        wrong: list[tuple[MemberSet, Code]] = [
            (ALL - {VICTIM}, Code.ROSTER_MISMATCH),
            (ALL | {"lender-x"}, Code.ROSTER_MISMATCH),
            (frozenset({VICTIM, "lender-a"}), Code.TOO_FEW_CONTRIBUTORS),
        ]
        for members, code in wrong:
            with refused(code):
                await round2(running, ctx, members)
        released = await round2(running, ctx)
        assert await round2(running, ctx) == released
        with refused(Code.ALREADY_RELEASED):
            await round2(running, ctx, ALL - {"lender-e"})
        with refused(Code.CTX_UNKNOWN):  # an invented exchange
            await round2(running, bytes(32))

    play(scene)


def test_a_second_query_about_the_person_cannot_have_another_set(play: Callable[[Scene], None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        await round2(running, await round1(running, world.query(subject)))
        for ctx in (await round1(running, world.query(subject)), await round1(running, world.query(subject), 2)):
            with refused(Code.DIFFERENCING):
                await round2(running, ctx, ALL - {"lender-e"})
            await round2(running, ctx)

    play(scene)


def test_what_is_dropped_releases_nothing(play: Callable[[Scene], None], world: World) -> None:
    async def scene(running: GrpcWorld) -> None:
        ctx = await round1(running, world.query(world.subject(BOB)))
        with world.nodes[VICTIM].contributor.store.transaction() as store:
            assert store.correction(ctx) is None
            assert store.bindings(world.subject(BOB).tags, 0) == [None, None, None]
            assert store.counter() == 1

    play(scene)
