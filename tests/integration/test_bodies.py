"""What lies beside the log: kept with its entry, exported, verified, erased by two signatures or by the rulebook."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.bodies import BodyAction, BodyOrder, EntryBody
from consortium.model.catalogue import Purpose
from consortium.transparency.policy import parse_policy
from consortium.wire.bodies import entry_body_from_bytes, entry_body_to_bytes
from consortium.wire.queries import signed_query_to_bytes
from demo.consortium import HOLDERS
from gateway.usecases.bodies import DAY_MS, OPEN_MS, carry_out, expire
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import BODIES, Selection, open_export
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import Audit, verify
from tests.support.audits import export_of, log_settings, rewritten, witness
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import policy_text
from tests.support.world import ALICE, LENDERS, World, Worlds

GATEWAY = HOLDERS[0]
Change = Callable[[EntryBody], EntryBody]


async def ask(running: GrpcWorld, number: int) -> None:
    query = running.world.query(running.world.subject(ALICE))
    await running.ask(signed_query_to_bytes(query), bytes([number]) * 16)


async def witnessed(running: GrpcWorld, folder: Path, later: int) -> None:
    publisher = running.server.publisher
    assert publisher is not None
    async with asyncio.timeout(30):
        while publisher.log.newest().size < publisher.log.store.size():
            await asyncio.sleep(0.02)
    async with TransparencyClient(running.address, running.tls("regulator")) as client:
        await witness(folder, lambda: running.world.now + later).look(client)


async def answered_export(running: GrpcWorld, folder: Path, later: int = 3600) -> Path:
    await witnessed(running, folder, later)
    await export_of(running, folder / "export.zip")
    return folder / "export.zip"


def trust(world: World) -> Trust:
    return Trust(parse_policy(policy_text().encode()), world.rulebook.digest.hex())


def words(audit: Audit) -> str:
    return "\n".join(f"{one.state.name} {one.part}: {one.text}" for one in audit.verdict.findings)


def signed(world: World, order: BodyOrder, *members: str) -> dict[str, bytes]:
    keys = world.foundation.keys
    return {member: keys[member].signer.sign(Label.BODY_ORDER, order.to_bytes()) for member in members}


def ordered(running: GrpcWorld, order: BodyOrder, *members: str) -> int:
    world, store = running.world, running.parts.store
    signatures = signed(world, order, *members)
    (result,) = store.transact([lambda unit: carry_out(order, signatures, world.rulebook, unit)])
    if isinstance(result, CreditError):
        raise result
    return result


def order_of(running: GrpcWorld, action: BodyAction, *entries: int, later: int = OPEN_MS // 1000 + 60) -> BodyOrder:
    world = running.world
    return BodyOrder(world.rulebook.document.consortium, action, entries, "request of the subject", world.now + later)


@pytest.fixture(scope="module")
def made(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return asyncio.run(_make(worlds.make(), tmp_path_factory.mktemp("bodies")))


async def _make(world: World, folder: Path) -> dict[str, Any]:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1)
        await ask(running, 2)
        with refused(Code.CONSENT_MISMATCH):
            bad = world.query(world.subject(ALICE), purpose=Purpose.ACCOUNT_REVIEW)
            await running.ask(signed_query_to_bytes(bad), b"x" * 16)
        export = await answered_export(running, folder)
        return {"world": world, "folder": folder, "export": export, "trust": trust(world)}


def test_every_query_entry_has_its_body_and_all_of_it_is_verified(made: dict[str, Any]) -> None:
    audit = verify(made["export"], made["trust"])
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert "5 verified by digest, signatures and product; 0 lawfully erased; none missing" in words(audit)
    with open_export(made["export"]) as export:
        bodies = [entry_body_from_bytes(body.content) for body in export.bodies()]
    assert [len(body.round1) for body in bodies] == [0, 5, 0, 5, 0]
    assert [body.query is not None for body in bodies] == [True, False, True, False, True]


def test_a_requester_that_asks_one_query_under_many_ids_leaves_an_honest_gateways_log_in_order(
    worlds: Worlds, tmp_path: Path
) -> None:
    """Admissions of one query overlap, one is refused while others are open, and one comes after the answer."""

    async def scene(world: World) -> Audit:
        async with grpc_world(world, tmp_path, log=log_settings(tmp_path)) as running:
            await running.attach(*LENDERS)
            raw = signed_query_to_bytes(world.query(world.subject(ALICE)))
            other = signed_query_to_bytes(world.query(world.subject(ALICE)))
            await running.ask(other, b"z" * 16)
            reused = running.ask(raw, b"z" * 16)  # an id that is taken: refused before its admission
            answers = await asyncio.gather(
                *(running.ask(raw, bytes([number]) * 16) for number in range(1, 4)), reused, return_exceptions=True
            )
            assert bytes in [type(answer) for answer in answers[:3]]
            assert isinstance(answers[3], CreditError)
            await running.ask(raw, b"y" * 16)
            export = await answered_export(running, tmp_path)
            return verify(export, trust(world))

    audit = asyncio.run(scene(worlds.make()))
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert "without product" not in words(audit)


def test_nothing_readable_lies_in_the_database(made: dict[str, Any]) -> None:
    """The envelope of a query is in no table but under its body's key; the answer is, for a repeat."""
    with open_export(made["export"]) as export:
        query = entry_body_from_bytes(next(export.bodies()).content).query
    assert query is not None
    with closing(sqlite3.connect(made["folder"] / "gateway" / "gateway.db")) as database:
        everything = b"".join(row[0] for row in database.execute("SELECT sealed FROM bodies"))
    assert query.envelope not in everything
    assert query.raw_header not in everything


def flipped(data: bytes, place: int = 40) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def in_round1(change: Callable[[Any], Any]) -> Change:
    return lambda body: replace(body, round1=(change(body.round1[0]), *body.round1[1:]))


def in_query(**changes: Callable[[Any], Any]) -> Change:
    def change(body: EntryBody) -> EntryBody:
        assert body.query is not None
        values = {name: make(getattr(body.query, name)) for name, make in changes.items()}
        return replace(body, query=replace(body.query, **values))

    return change


CHANGES: dict[str, tuple[int, Change]] = {
    "a message's signature": (1, in_round1(lambda one: replace(one, signature=flipped(one.signature)))),
    "a message's bytes": (1, in_round1(lambda one: replace(one, raw=flipped(one.raw, 60)))),
    "a message's number": (1, in_round1(lambda one: replace(one, opening=replace(one.opening, counter=99)))),
    "a message left out": (1, lambda body: replace(body, round1=body.round1[1:])),
    "two messages exchanged": (
        1,
        lambda body: replace(body, round1=(body.round1[1], body.round1[0], *body.round1[2:])),
    ),
    "a correction left out": (1, lambda body: replace(body, round2=body.round2[:-1])),
    "the product": (1, lambda body: replace(body, product=flipped(body.product))),
    "the roster": (1, lambda body: replace(body, roster=body.roster[:-1])),
    "the block": (1, lambda body: replace(body, block=1)),
    "the receipt": (1, lambda body: replace(body, receipt=flipped(body.receipt))),
    "the query's payload": (0, in_query(payload=flipped)),
    "the query's envelope": (0, in_query(envelope=flipped)),
    "the query's signature": (0, in_query(signature=flipped)),
    "the consent record": (0, in_query(consent=lambda _: None)),
    "no query": (0, lambda _: EntryBody()),
    "another refused query": (4, in_query(payload=flipped)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_body_that_was_changed_fails(name: str, made: dict[str, Any], tmp_path: Path) -> None:
    place, change = CHANGES[name]

    def rewrite(file: str, content: bytes) -> bytes:
        if file != BODIES:
            return content
        lines = [json.loads(line) for line in content.splitlines()]
        body = change(entry_body_from_bytes(base64.b64decode(lines[place]["body"])))
        lines[place]["body"] = base64.b64encode(entry_body_to_bytes(body)).decode()
        return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)

    audit = verify(rewritten(made["export"], tmp_path / "changed.zip", rewrite), made["trust"])
    assert audit.verdict.state is State.FAILED, name
    assert audit.verdict.failed("bodies") or "FAILED entries: MALFORMED" in words(audit), words(audit)


@pytest.mark.parametrize("how", ["left out", "doubled", "exchanged", "claimed erased", "of no entry"])
def test_bodies_that_are_missing_or_too_many_fail(how: str, made: dict[str, Any], tmp_path: Path) -> None:
    def rewrite(file: str, content: bytes) -> bytes:
        if file != BODIES:
            return content
        lines = content.splitlines(keepends=True)
        match how:
            case "left out":
                lines = lines[1:]
            case "doubled":
                lines = [lines[0], *lines]
            case "exchanged":
                lines = [lines[1], lines[0], *lines[2:]]
            case "claimed erased":
                lines[0] = b'{"erased_by":4,"index":0}\n'
            case _:
                lines.append(lines[-1].replace(b'"index":4', b'"index":77'))
        return b"".join(lines)

    audit = verify(rewritten(made["export"], tmp_path / "changed.zip", rewrite), made["trust"])
    assert audit.verdict.state is State.FAILED, words(audit)


def test_an_export_that_hides_its_bodies_is_not_called_complete(made: dict[str, Any], tmp_path: Path) -> None:
    def rewrite(file: str, content: bytes) -> bytes | None:
        if file == BODIES:
            return None
        return content.replace(b'"bodies":"beside"', b'"bodies":"digests"') if file == "proof.json" else content

    audit = verify(rewritten(made["export"], tmp_path / "changed.zip", rewrite), made["trust"])
    assert audit.verdict.state is State.UNDECIDED, words(audit)


def test_erasure_needs_two_leaves_no_body_and_the_log_still_verifies(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_erased(worlds.make(), tmp_path))


async def _erased(world: World, folder: Path) -> None:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1)
        await ask(running, 2)
        erase = order_of(running, BodyAction.ERASE, 0, 1)
        for members in ((GATEWAY,), ("regulator",), (GATEWAY, "lender-a")):
            with refused(Code.ORDER_INVALID):
                ordered(running, erase, *members)
        with refused(Code.ORDER_INVALID):  # a query that may still be carried
            ordered(running, order_of(running, BodyAction.ERASE, 0, later=60), GATEWAY, "regulator")
        ordered(running, order_of(running, BodyAction.HOLD, 1), "regulator")
        with refused(Code.BODY_HELD):
            ordered(running, erase, GATEWAY, "regulator")
        assert running.parts.store.size() == 5, "what is refused leaves no entry"
        with refused(Code.ORDER_INVALID):
            ordered(running, order_of(running, BodyAction.RELEASE, 1), "regulator")
        ordered(running, order_of(running, BodyAction.RELEASE, 1), GATEWAY, "regulator")
        assert ordered(running, erase, GATEWAY, "regulator") == 6
        with refused(Code.ORDER_INVALID):
            ordered(running, erase, GATEWAY, "regulator")
        _check_gone(folder / "gateway" / "gateway.db")
        audit = verify(await answered_export(running, folder), trust(world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert "2 verified by digest, signatures and product; 2 lawfully erased; none missing" in words(audit)
        await _check_order_matters(running, folder)


def _check_gone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        keys = dict(database.execute('SELECT "index", key FROM body_keys'))
        bodies = [row[0] for row in database.execute('SELECT "index" FROM bodies ORDER BY 1')]
        responses = [row[0] is None for row in database.execute("SELECT response FROM requests ORDER BY request_id")]
    assert [index for index, key in sorted(keys.items()) if key is None] == [0, 1]
    assert bodies == [2, 3]
    assert responses == [True, False], "the answer that was kept for a repeat is gone, too"


async def _check_order_matters(running: GrpcWorld, folder: Path) -> None:
    """A range that ends before the order cannot say whether the erasure was lawful."""
    publisher = running.server.publisher
    assert publisher is not None
    times = [json.loads(line)["time_ms"] for line in publisher.log.store.lines(0, 7)]
    part = folder / "part.zip"
    await export_of(running, part, Selection(to_ms=times[3]))
    audit = verify(part, trust(running.world))
    assert audit.verdict.state in (State.UNDECIDED, State.COMPLETE), words(audit)
    if audit.proof is not None and audit.proof.end <= 6:
        assert "erased by entries after this export" in words(audit)


@pytest.mark.parametrize("honest", [True, False])
def test_bodies_expire_by_the_rulebook_but_not_under_a_hold(honest: bool, worlds: Worlds, tmp_path: Path) -> None:  # noqa: FBT001  a parameter of the test
    asyncio.run(_expired(worlds.make(), tmp_path, honest=honest))


async def _expired(world: World, folder: Path, *, honest: bool) -> None:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1)
        store, seconds = running.parts.store, world.rulebook.policy.retention_days * DAY_MS // 1000
        ordered(running, order_of(running, BodyAction.HOLD, 1), "regulator")

        def at(now: int) -> int | CreditError:
            return store.transact([lambda unit: expire(world.rulebook, now, unit)])[0]

        assert at(world.now + seconds - 300) == 0
        assert store.size() == 3
        if honest:  # the years have gone by for the log as well
            store._clock = lambda: (world.now + seconds + 300) * 1000
        assert at(world.now + seconds + 300) == 1
        assert at(world.now + seconds + 300) == 0
        audit = verify(await answered_export(running, folder, later=seconds + 3600), trust(world))
        if honest:
            assert audit.verdict.state is State.COMPLETE, words(audit)
            assert "1 verified by digest, signatures and product; 1 lawfully erased" in words(audit)
        else:
            assert audit.verdict.state is State.FAILED, words(audit)
            assert "before the retention period was over" in words(audit)
