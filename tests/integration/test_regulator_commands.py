"""The regulator's and the operator's commands as processes, against a gateway that runs here."""

import asyncio
import json
import sys
import zipfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.transparency.checkpoints import sign_checkpoint
from consortium.transparency.notes import KeyType
from consortium.transparency.tree import tree_root
from consortium.transparency.witness import check_evidence
from consortium.wire.queries import signed_query_to_bytes
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import PROOF, Selection
from participants.regulator.trust import Trust
from participants.regulator.verify import verify
from tests.support.audits import export_of, log_settings, witness, write_regulator_folder
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import LOG_SIGNER, changed_byte, policy_text
from tests.support.world import ALICE, LENDERS, Worlds

BIN = Path(sys.executable).parent


async def started(*arguments: str | Path) -> Process:
    program, *rest = arguments
    return await asyncio.create_subprocess_exec(BIN / program, *rest, stdout=PIPE, stderr=PIPE)


async def ran(*arguments: str | Path) -> tuple[int | None, str]:
    process = await started(*arguments)
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, (out + errors).decode()


async def ask(running: GrpcWorld, number: int) -> None:
    query = running.world.query(running.world.subject(ALICE))
    await running.ask(signed_query_to_bytes(query), bytes([number]) * 16)


async def witnessed(running: GrpcWorld, size: int) -> None:
    publisher = running.server.publisher
    assert publisher is not None
    async with asyncio.timeout(30):
        while not publisher.log.store.cosignatures(size):
            await asyncio.sleep(0.05)


def test_witness_export_verify_report_and_fsck(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_commands(worlds, tmp_path))


async def _commands(worlds: Worlds, folder: Path) -> None:
    world = worlds.make()
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1)
        await ask(running, 2)
        regulator = write_regulator_folder(world, running, folder / "regulator")
        serving = await started("credit-regulator", "serve", "--folder", regulator)
        await witnessed(running, 4)
        serving.terminate()
        assert await asyncio.wait_for(serving.wait(), 20) == 0
        await serving.communicate()
        export = folder / "audit.zip"
        code, out = await ran("credit-regulator", "export", "--folder", regulator, export, "--json")
        assert (code, json.loads(out)["end"]) == (0, 4), out
        code, out = await ran("credit-regulator", "export", "--folder", regulator, export)
        assert code == 1
        assert "exists" in out
    await _offline(folder, regulator, export, world.rulebook.digest.hex())


async def _offline(folder: Path, regulator: Path, export: Path, fingerprint: str) -> None:
    """Nothing listens any more: everything below needs files only."""
    policy = folder / "policy.txt"
    policy.write_text(policy_text())
    code, out = await ran(
        "credit-regulator", "verify", export, "--policy", policy, "--fingerprint", fingerprint, "--json"
    )
    assert (code, json.loads(out)["state"]) == (0, "COMPLETE"), out
    code, out = await ran("credit-regulator", "report", export, "--folder", regulator)
    assert code == 0, out
    assert "<svg" in export.with_suffix(".html").read_text("utf-8")
    assert (await ran("credit-regulator", "verify", export))[0] == 2  # whom to believe?
    assert (await ran("credit-regulator", "verify", export, "--policy", folder / "absent"))[0] == 2
    changed = _changed(export, folder / "changed.zip")
    assert (await ran("credit-regulator", "verify", changed, "--folder", regulator))[0] == 1
    assert (await ran("credit-regulator", "report", changed, "--folder", regulator))[0] == 1
    assert "FAILS" in changed.with_suffix(".html").read_text("utf-8")


def _changed(export: Path, target: Path) -> Path:
    """Turn one bit of the packed lines."""
    with zipfile.ZipFile(export) as packed:
        offset = packed.getinfo("entries.jsonl").header_offset
    target.write_bytes(changed_byte(export.read_bytes(), offset + 200))
    return target


def test_an_export_that_broke_off_goes_on_where_it_was(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_resumed(worlds, tmp_path))


async def _resumed(worlds: Worlds, folder: Path) -> None:
    world = worlds.make()
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        await ask(running, 1)
        publisher = running.server.publisher
        assert publisher is not None
        async with asyncio.timeout(30):
            while publisher.log.newest().size < 2:
                await asyncio.sleep(0.02)
        target, whole = folder / "resumed.zip", folder / "whole.zip"
        await export_of(running, whole)
        lines = await _break_off(running, target)
        data = lines.read_bytes()
        lines.write_bytes(data[: data.index(b"\n") + 30])  # as if it had been killed in the middle of a line
        await ask(running, 2)  # the log has grown meanwhile: the export stays with its checkpoint
        proof = await export_of(running, target)
        assert (proof.end, proof.size) == (2, 2)
        with zipfile.ZipFile(target) as one, zipfile.ZipFile(whole) as other:
            assert one.read("entries.jsonl") == other.read("entries.jsonl")
            assert json.loads(one.read(PROOF))["left"] == json.loads(other.read(PROOF))["left"]
        assert not target.with_name("resumed.zip.partial").exists()


class Broken(Exception):  # noqa: N818  it stands for a process that is gone
    pass


async def _break_off(running: GrpcWorld, target: Path) -> Path:
    """Stop an export before its file is packed; gives what it leaves."""

    def broken(*_: Any) -> None:
        raise Broken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("participants.regulator.exporting.write_tables", broken)
        with pytest.raises(Broken):
            await export_of(running, target)
    return target.with_name(f"{target.name}.partial") / "entries.jsonl"


def test_an_export_of_another_selection_is_not_gone_on_with(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_other_selection(worlds, tmp_path))


async def _other_selection(worlds: Worlds, folder: Path) -> None:
    world = worlds.make()
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        target = folder / "resumed.zip"
        async with asyncio.timeout(30):
            while not running.parts.log or running.parts.log.store.newest() is None:
                await asyncio.sleep(0.02)
        await _break_off(running, target)
        with pytest.raises(Exception, match="another selection"):
            await export_of(running, target, Selection(member="lender-a"))
        proof = await export_of(running, target)
        assert (proof.first, proof.end, proof.size) == (0, 0, 0)
        audit = verify(target, Trust(None, world.rulebook.digest.hex()))
        assert not audit.verdict.counts


def test_a_witness_keeps_evidence_of_a_gateway_with_two_histories(tmp_path: Path) -> None:
    asyncio.run(_two_histories(tmp_path))


class TwoFaced(TransparencyClient):
    """Shows one history and then another, with whatever proof the witness asks for."""

    def __init__(self, notes: list[bytes]) -> None:
        self.notes = notes
        self.lines: list[str] = []

    async def checkpoint(self, at_most: int | None = None) -> bytes:
        del at_most
        return self.notes.pop(0)

    async def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        return (bytes(32),) * (first + second > 0)

    async def add_cosignature(self, size: int, line: str) -> None:
        self.lines.append(f"{size} {line}")


async def _two_histories(folder: Path) -> None:
    note = sign_checkpoint(LOG_SIGNER, 2, tree_root([b"a", b"b"])).note.to_bytes()
    forks = [sign_checkpoint(LOG_SIGNER, size, b"f" * 32).note.to_bytes() for size in (2, 7)]
    shrunk = sign_checkpoint(LOG_SIGNER, 1, b"s" * 32).note.to_bytes()
    client, seen = TwoFaced([note, note, *forks, shrunk]), witness(folder, lambda: 1_790_000_000)
    assert await seen.look(client) is not None
    assert await seen.look(client) is None
    for code in (Code.LOG_FORKED, Code.LOG_FORKED, Code.LOG_BEHIND):
        with refused(code):
            await seen.look(client)
    assert [line.split()[0] for line in client.lines] == ["2"]
    found = sorted((folder / "witness").glob("evidence-*.json"))
    assert len(found) == 3
    said = {check_evidence(path.read_bytes(), LOG_SIGNER.verifier(KeyType.ED25519)) for path in found}
    assert ("the log signed two roots for one size", True) in said
