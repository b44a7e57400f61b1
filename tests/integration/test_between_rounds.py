"""The rulebook expires or changes while a query is being answered: nothing is released under the old one."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from consortium.errors import Code
from consortium.membership.in_effect import InEffect
from consortium.model.members import MemberId
from consortium.model.rounds import Round2Request
from consortium.model.rulebook import Rulebook, verify_rulebook
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import round1_request_to_bytes, round2_request_to_bytes
from gateway import bootstrap, transport
from gateway.usecases import carrier
from participants.lender.answer import Contributor
from tests.support.amended import follow, next_version, put_into_force
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.world import ALICE, LENDERS, World, Worlds

Scene = Callable[[GrpcWorld], Awaitable[None]]
SUSPENDED = "lender-e"


@pytest.fixture
def play(world: World, tmp_path: Path) -> Callable[[Scene], None]:
    """Runs a scene against a gateway with every lender attached."""

    def run(scene: Scene) -> None:
        async def main() -> None:
            async with asyncio.timeout(60), grpc_world(world, tmp_path) as running:
                await running.attach(*LENDERS)
                await scene(running)

        asyncio.run(main())

    return run


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen at the gateway after round 1, once."""

    def arrange(event: Callable[[], object]) -> None:
        waiting = [event]

        def reached(point: str) -> None:
            if point == "gateway.after-round1" and waiting:
                waiting.pop()()

        monkeypatch.setattr(carrier, "failpoint", reached)

    return arrange


def released(world: World) -> set[MemberId]:
    """The members that have bound the person to a set, which they do with a release."""
    subject = world.subject(ALICE)
    found = set()
    for member in LENDERS:
        with world.nodes[member].contributor.store.transaction() as store:
            if any(store.bindings(subject.tags, 0)):
                found.add(member)
    return found


def test_a_member_suspended_between_the_rounds_ends_the_query(
    play: Callable[[Scene], None], world: World, between: Callable[[Callable[[], object]], None]
) -> None:
    async def scene(running: GrpcWorld) -> None:
        signed = next_version(world, suspended=SUSPENDED)
        between(lambda: put_into_force(running, signed))
        with refused(Code.RULEBOOK_MISMATCH):
            await running.ask(signed_query_to_bytes(world.query(world.subject(ALICE))), b"r" * 16)
        last = json.loads(running.parts.store.lines(0, 9)[-1])
        assert (last["kind"], last["decision"]) == ("query-refused", "RULEBOOK_MISMATCH")
        assert len(last["contributions"]) == len(LENDERS), "round 1 had come in"
        assert released(world) == set(), "the gateway has asked nobody for round 2"

    play(scene)


def test_what_is_asked_anew_after_the_rulebook_changed_is_no_second_use_of_a_consent(
    play: Callable[[Scene], None], world: World, between: Callable[[Callable[[], object]], None]
) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        once, changed = world.consent(subject, maximum_uses=1), list[Rulebook]()
        between(lambda: changed.append(put_into_force(running, next_version(world))))
        with refused(Code.RULEBOOK_MISMATCH):
            await running.ask(signed_query_to_bytes(world.query(subject, consent=once)), b"r" * 16)
        for member in LENDERS:
            await running.detach(member)
        world.foundation = SimpleNamespace(**{**vars(world.foundation), "rulebook": changed[0]})  # type: ignore[assignment]
        follow(world, changed[0], *LENDERS)
        await running.attach(*LENDERS)
        await running.ask(signed_query_to_bytes(world.query(subject, consent=once)), b"s" * 16)
        assert released(world) == set(LENDERS)
        with refused(Code.CONSENT_USED_UP):
            await running.ask(signed_query_to_bytes(world.query(subject, consent=once)), b"t" * 16)

    play(scene)


def test_what_is_asked_anew_after_too_few_were_there_is_no_second_use_of_a_consent(
    play: Callable[[Scene], None], world: World
) -> None:
    async def scene(running: GrpcWorld) -> None:
        subject = world.subject(ALICE)
        once = world.consent(subject, maximum_uses=1)

        async def ask(request_id: bytes) -> None:
            await running.ask(signed_query_to_bytes(world.query(subject, consent=once)), request_id)

        await running.detach(LENDERS[2])
        await running.detach(LENDERS[3])
        await running.detach(LENDERS[4])
        with refused(Code.TOO_FEW_CONTRIBUTORS):
            await ask(b"r" * 16)
        assert released(world) == set()
        await running.attach(*LENDERS[2:])
        await ask(b"s" * 16)
        with refused(Code.CONSENT_USED_UP):
            await ask(b"t" * 16)

    play(scene)


def test_two_exchanges_under_one_use_of_a_consent_release_one(worlds: Worlds) -> None:
    """Both are open before either is released, as a gateway that counts nothing would have it."""
    world = worlds.make()
    subject, node = world.subject(ALICE), world.nodes["lender-c"].contributor
    once = world.consent(subject, maximum_uses=1)
    calls = [world.call(world.query(subject, consent=once)) for _ in range(2)]
    for call in calls:
        node.round1(round1_request_to_bytes(call), world.now)
    first, second = (round2_request_to_bytes(Round2Request(call.ctx, frozenset(LENDERS))) for call in calls)
    node.round2(first, world.now)
    with refused(Code.CONSENT_USED_UP):
        node.round2(second, world.now)
    assert node.round2(first, world.now), "a repeat of the first goes on"


def test_a_suspended_requester_gets_no_answer(
    play: Callable[[Scene], None], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suspended after round 2: the answer is logged, and is not given."""

    async def scene(running: GrpcWorld) -> None:
        asker = "lender-d"  # the approvers stay
        signed = next_version(world, suspended=asker)

        def reached(point: str) -> None:
            if point == "gateway.after-round2":
                put_into_force(running, signed)

        monkeypatch.setattr(carrier, "failpoint", reached)
        query = world.query(world.subject(ALICE, by=asker), by=asker)
        with refused(Code.MEMBER_NOT_ACTIVE):
            await running.ask(signed_query_to_bytes(query), b"r" * 16, by=asker)

    play(scene)


def test_a_rulebook_that_expires_between_the_rounds_ends_the_query(
    play: Callable[[Scene], None],
    world: World,
    between: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(running: GrpcWorld) -> None:
        after = world.rulebook.document.expires_at
        between(lambda: monkeypatch.setattr(bootstrap, "seconds", lambda: after))
        with refused(Code.RULEBOOK_INVALID):
            await running.ask(signed_query_to_bytes(world.query(world.subject(ALICE))), b"r" * 16)
        assert released(world) == set()

    play(scene)


def test_a_query_that_expires_between_the_rounds_ends(
    play: Callable[[Scene], None],
    world: World,
    between: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(running: GrpcWorld) -> None:
        query = world.query(world.subject(ALICE))
        between(lambda: monkeypatch.setattr(bootstrap, "seconds", lambda: query.header.expires_at))
        with refused(Code.QUERY_EXPIRED):
            await running.ask(signed_query_to_bytes(query), b"r" * 16)
        assert released(world) == set()

    play(scene)


@pytest.fixture
def opened(worlds: Worlds) -> SimpleNamespace:
    """A node that has answered round 1."""
    world = worlds.make()
    call = world.call(world.query(world.subject(ALICE)))
    world.nodes["lender-c"].contributor.round1(round1_request_to_bytes(call), world.now)
    release = round2_request_to_bytes(Round2Request(call.ctx, frozenset(LENDERS)))
    return SimpleNamespace(world=world, release=release)


def contributor(opened: SimpleNamespace, rulebook: Rulebook) -> Contributor:
    follow(opened.world, rulebook, "lender-c")
    found: Contributor = opened.world.nodes["lender-c"].contributor
    return found


def later(world: World, **changes: object) -> Rulebook:
    signed = next_version(world, **changes)  # type: ignore[arg-type]  # passed through
    return verify_rulebook(signed.document, signed.signatures, trusted=world.rulebook)


@pytest.mark.parametrize("changes", [{"suspended": SUSPENDED}, {"epoch": 2}, {}], ids=str)
def test_a_node_releases_nothing_under_a_rulebook_that_has_changed(
    opened: SimpleNamespace, changes: dict[str, object]
) -> None:
    node = contributor(opened, later(opened.world, **changes))
    with refused(Code.RULEBOOK_MISMATCH):
        node.round2(opened.release, opened.world.now)
    assert released(opened.world) == set()


def test_a_node_releases_nothing_to_a_requester_that_an_emergency_has_cut_off(opened: SimpleNamespace) -> None:
    rulebook = opened.world.rulebook
    cut = InEffect(rulebook.document, rulebook.raw, frozenset({"lender-a"}))
    with refused(Code.MEMBER_NOT_ACTIVE):
        contributor(opened, cut).round2(opened.release, opened.world.now)
    assert released(opened.world) == set()
    contributor(opened, rulebook).round2(opened.release, opened.world.now)
    assert released(opened.world) == {"lender-c"}, "once it has lapsed"


def test_a_node_releases_nothing_under_a_rulebook_that_has_expired(worlds: Worlds) -> None:
    world = worlds.make()
    soon = world.now + 30
    rulebook = later(world, expires_at=soon)
    world.foundation = SimpleNamespace(**{**vars(world.foundation), "rulebook": rulebook})  # type: ignore[assignment]
    follow(world, rulebook, *LENDERS)
    call = world.call(world.query(world.subject(ALICE)))
    node = world.nodes["lender-c"].contributor
    node.round1(round1_request_to_bytes(call), world.now)
    release = round2_request_to_bytes(Round2Request(call.ctx, frozenset(LENDERS)))
    with refused(Code.RULEBOOK_INVALID):
        node.round2(release, soon)
    assert released(world) == set()
    node.round2(release, soon - 1)
    assert released(world) == {"lender-c"}


def test_the_times_are_those_of_the_present() -> None:
    """The gateway's own clock, which the tests above turn, is the wall clock."""
    assert abs(transport.seconds() - time.time()) < 2
