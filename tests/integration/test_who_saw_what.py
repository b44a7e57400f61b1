"""Every byte that reaches the gateway (messages, database, logs) searched for everything that it must not see."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gateway.rpc.interceptor as border
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import Suite
from consortium.sealing.payload import SubjectTags
from demo.holders import LocalChannel, MemoryJournal
from gateway.logs import JsonLines
from participants.gateway_client.holders import RemoteHolder
from participants.lender.normalise import normalise
from participants.lender.tokenise import HolderChannel, HolderLink, HolderSession, Tokeniser, unalarmed
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.leaks import forms, leaks
from tests.support.world import ALICE, ALICE_ID, LENDERS, World, Worlds, tradeline

Named = tuple[str, bytes | str | int]
BALANCES = {member: 50_000_000_019 + 3_000_000_007 * place for place, member in enumerate(LENDERS)}
ASKS = "lender-b"
SUBJECT = (ALICE, ALICE_ID)


@pytest.fixture(params=[Suite.INSECURE_TEST_1024_MASKED, Suite.MASKED_SUM], ids=lambda suite: suite.name)
def world(worlds: Worlds, request: pytest.FixtureRequest) -> World:
    """Five lenders, once for each kind of suite."""
    return worlds.make(suite=request.param)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every serialised message that any RPC of the gateway takes in."""
    messages: list[bytes] = []
    tolerant = border._tolerant

    def recording(handler: Any) -> Callable[[bytes], Any]:
        read = tolerant(handler)

        def deserialise(data: bytes) -> Any:
            messages.append(data)
            return read(data)

        return deserialise

    monkeypatch.setattr(border, "_tolerant", recording)
    return messages


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that the gateway's loggers say at DEBUG, as lines of its own format."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonLines().format(record) + record.getMessage())  # type: ignore[method-assign]
    logger, level = logging.getLogger("gateway"), logging.getLogger("gateway").level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def tokeniser(running: GrpcWorld) -> Tokeniser:
    """A lender's way to the key holders of which the gateway is one, over the network."""
    foundation, journal = running.world.foundation, MemoryJournal()
    remote = RemoteHolder(running.address, running.tls(ASKS))
    channels: dict[int, HolderChannel] = {1: remote, 2: LocalChannel(foundation.holders[2], foundation.rng)}
    signer, generation = foundation.keys[ASKS].signer, foundation.secrets.generation
    links = {
        index: HolderLink(HolderSession(ASKS, signer, journal, index, generation), channel)
        for index, channel in channels.items()
    }
    return Tokeniser(foundation.secrets, foundation.key, links, foundation.rng, alarm=unalarmed)


def secrets_of(world: World, subject: SubjectTags) -> list[Named]:
    """Everything that only lenders may know of this run."""
    lenders = world.foundation.secrets
    found: list[Named] = [(raw.text, raw.text) for raw in SUBJECT]
    found += [(f"normalised {raw.text}", normalise(raw).value) for raw in SUBJECT]
    found += [(f"tag {place}", tag.value) for place, tag in enumerate(subject.tags)]
    found += [(f"key {place}", key.value) for place, key in enumerate(subject.keys) if key]
    found += [("opening", subject.opening), ("pre-hash", lenders.pre_hash_secret), ("tag key", lenders.tag_key)]
    found.append(("sealing key", lenders.sealing_key))
    for member, balance in BALANCES.items():
        found += numbers(f"balance of {member}", balance)
        found.append((f"audit secret of {member}", world.nodes[member].contributor.identity.audit_secret.value))
    secret = world.nodes["lender-a"].requester.query_key.secret
    found += [("p", int(secret.phe.p)), ("q", int(secret.phe.q))]
    return found + numbers("total", sum(BALANCES.values()))


def numbers(name: str, value: int) -> list[Named]:
    """A number as text, hex and bytes of both orders."""
    width = (value.bit_length() + 7) // 8
    both: list[Named] = [(f"{name} {order}", value.to_bytes(width, order)) for order in ("big", "little")]
    return [(name, value), *both]


def test_nothing_that_reaches_the_gateway_shows_a_person(
    world: World, tmp_path: Path, received: list[bytes], logged: list[str]
) -> None:
    subject = world.subject(*SUBJECT)

    async def main() -> None:
        async with asyncio.timeout(60), grpc_world(world, tmp_path) as running:
            await running.attach(*LENDERS)
            tokens = await asyncio.to_thread(tokeniser(running).tokenise, [normalise(raw) for raw in SUBJECT])
            assert {token.tag.value for token in tokens} <= {tag.value for tag in subject.tags}
            for member, balance in BALANCES.items():
                file = CreditFile(IdentifierKind.NATIONAL_ID, (tradeline(balance),))
                world.hold(member, subject, IdentifierKind.NATIONAL_ID, file)
            result = await running.result(subject=subject)
            total = next(item.total for item in result.attributes if item.attribute.id == "balance")
            assert total == sum(BALANCES.values()), "the numbers must be there to be hidden"

    asyncio.run(main())
    stored = [path.read_bytes() for path in (tmp_path / "gateway").rglob("*") if path.is_file()]
    kinds = len(received), len(stored), len(logged)
    assert min(kinds) > 5, kinds
    secrets = secrets_of(world, subject)
    for place, haystack in (("message", received), ("file", stored), ("log", [line.encode() for line in logged])):
        assert not leaks(b"\0".join(haystack), secrets), place


def test_the_search_finds_every_form(world: World) -> None:
    secrets = secrets_of(world, world.subject(*SUBJECT))
    assert len({name for name, _ in secrets}) == len(secrets) > 30
    for name, secret in secrets:
        for form in forms(secret):
            assert name in leaks(b"before " + form + b" after", secrets), name
