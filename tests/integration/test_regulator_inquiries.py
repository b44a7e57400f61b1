"""Orders about bodies, access reports and the watch, as commands against a gateway that runs here."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.bodies import order_from_file
from consortium.transparency.checkpoints import sign_checkpoint
from consortium.transparency.policy import parse_policy
from consortium.transparency.proofs import log_proof_from_bytes
from consortium.wire.queries import signed_query_to_bytes
from gateway.cli.log_order import carry
from participants.cli.regulator_order import _indices
from participants.gateway_client.transparency import TransparencyClient
from tests.integration.test_regulator_commands import ran
from tests.support.audits import export_of, log_settings, witness, write_regulator_folder
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import LOG_SIGNER, policy_text
from tests.support.world import ALICE, BOB, LENDERS, World, Worlds


async def ask(running: GrpcWorld, number: int, person: object) -> None:
    query = running.world.query(running.world.subject(person))  # type: ignore[arg-type]  # a person of the world
    await running.ask(signed_query_to_bytes(query), bytes([number]) * 16)


async def published(running: GrpcWorld, size: int) -> None:
    publisher = running.server.publisher
    assert publisher is not None
    async with asyncio.timeout(30):
        while publisher.log.newest().size < size:
            await asyncio.sleep(0.02)


def test_access_report_order_and_watch(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_commands(worlds.make(), tmp_path))


async def _commands(world: World, folder: Path) -> None:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        for number, person in enumerate((ALICE, BOB, ALICE)):
            await ask(running, number, person)
        regulator = write_regulator_folder(world, running, folder / "regulator")
        await published(running, 6)
        code, out = await ran("credit-regulator", "watch", "--folder", regulator, "--once", "--json")
        assert (code, out) == (0, ""), "an ordinary log raises no alarm; the watch cosigns, too"
        export = folder / "export.zip"
        await export_of(running, export)
        await _access(world, folder, regulator, export)
        await _order(running, folder, regulator)
        await _alarm(running, regulator)


async def _access(world: World, folder: Path, regulator: Path, export: Path) -> None:
    tags = folder / "tags.txt"
    tags.touch(mode=0o600)
    subject = world.subject(ALICE)
    tag = next(tag for key, tag in zip(subject.keys, subject.tags, strict=True) if key)  # the rest is filler
    tags.write_text(f"{tag.value.hex()}\n")
    report = "credit-regulator", "access-report", "--folder", regulator, export
    code, out = await ran(*report, folder / "access", "--tags", tags, "--json")
    assert code == 0, out
    assert tag.value.hex() not in out
    said = json.loads(out)
    assert [one["entry"] for one in said["queries"]] == [0, 4]
    assert {(one["requester"], one["outcome"]) for one in said["queries"]} == {("lender-a", "ANSWERED")}
    assert said["looked_at"] == 3
    policy = parse_policy(policy_text().encode())
    for one in said["queries"]:
        proof = log_proof_from_bytes((folder / "access" / one["proof"]).read_bytes())
        line = (folder / "access" / f"{one['entry']}.json").read_bytes()
        proof.verify(line, policy)
        with refused(Code.TREE_PROOF_INVALID):
            proof.verify(line + b" ", policy)
    tags.write_text(f"{os.urandom(32).hex()}\n")
    code, out = await ran(*report, folder / "nobody", "--tags", tags, "--json")
    assert (code, json.loads(out)["queries"]) == (0, []), out
    tags.chmod(0o644)
    assert (await ran(*report, folder / "other", "--tags", tags))[0] == 1, "tags that others may read"


async def _order(running: GrpcWorld, folder: Path, regulator: Path) -> None:
    file = folder / "order.json"
    made = (
        "credit-regulator",
        "order",
        "--folder",
        regulator,
        "--action",
        "hold",
        "--entries",
        "0-1",
        "--reason",
        "court",
    )
    code, out = await ran(*made, file, "--json")
    assert code == 0, out
    assert (await ran(*made, file))[0] == 1, "a file is never overwritten"
    order, signatures = order_from_file(file.read_bytes())
    assert (order.entries, list(signatures)) == ((0, 1), ["regulator"])
    assert carry(running.settings, order, signatures) == 8
    assert running.parts.store.size() == 9


async def _alarm(running: GrpcWorld, regulator: Path) -> None:
    await published(running, 9)
    code, out = await ran("credit-regulator", "watch", "--folder", regulator, "--once", "--json")
    assert code == 1, out
    alarms = [json.loads(line) for line in out.splitlines()]
    told = [(alarm["kind"], alarm["entries"]) for alarm in alarms]
    assert told == [("audit-key", [6]), ("audit-key", [7]), ("bodies", [8])], "an access report is logged, too"


async def _fork(world: World, folder: Path) -> None:
    """A witness that has seen more than the log shows: the watch keeps evidence and says so."""
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1, ALICE)
        regulator = write_regulator_folder(world, running, folder / "regulator")
        seen = witness(regulator, lambda: world.now + 3600)
        await published(running, 2)
        async with TransparencyClient(running.address, running.tls("regulator")) as client:
            await seen.look(client)
        newer = sign_checkpoint(LOG_SIGNER, 5, b"5" * 32)
        (regulator / "witness" / "checkpoint").write_bytes(newer.note.to_bytes())
        code, out = await ran("credit-regulator", "watch", "--folder", regulator, "--once", "--json")
        assert code == 1, out
        alarm = json.loads(out.splitlines()[0])
        assert alarm["kind"] == "equivocation", out
        assert list((regulator / "witness").glob("evidence-*.json"))


def test_a_fork_is_told_with_its_evidence(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_fork(worlds.make(), tmp_path))


def test_entries_of_an_order_are_indices_and_ranges() -> None:
    assert _indices("3,4,10-12") == (3, 4, 10, 11, 12)
    for text in ("", "a", "5-3", "-1", "1-99999999", "1,,2"):
        with refused(Code.ORDER_INVALID):
            _indices(text)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"order":"{}","signatures":{}}', b'{"order":1,"signatures":[]}'])
def test_a_file_that_is_no_order_is_refused(data: bytes) -> None:
    with refused(Code.ORDER_INVALID):
        order_from_file(data)
