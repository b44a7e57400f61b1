"""A lender's node as witness: its settings, its cosignatures at the gateway, and the ages that alerts are made of."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consortium.errors import Code
from consortium.model.rulebook import Rulebook
from consortium.transparency.notes import KeyType, VerifierKey
from consortium.wire.queries import signed_query_to_bytes
from gateway.tlog.health import LogHealth
from gateway.tlog.ports import Kept
from participants.gateway_client.transparency import TransparencyClient
from participants.settings import Folder, WitnessSettings
from participants.witnessing import run_witness, witness_of
from tests.support.audits import log_settings, with_log
from tests.support.codes import refused
from tests.support.grpc_world import grpc_world
from tests.support.logs import LOG_SIGNER, SECOND, WITNESS, StoredLog, dropped, policy_text
from tests.support.world import ALICE, LENDERS, World, Worlds


def witness_folder(path: Path, seed: bytes = b"v" * 32) -> Folder:
    path.mkdir()
    (path / "policy.txt").write_text(policy_text())
    (path / "witness.key").touch(mode=0o600)
    (path / "witness.key").write_text(seed.hex())
    return Folder(path)


def test_a_lender_cosigns_and_the_gateway_knows_who_is_absent(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_cosigns(worlds.make(), tmp_path))


async def _cosigns(world: World, folder: Path) -> None:
    witness = witness_of(witness_folder(folder / "lender"), WitnessSettings(), lambda: world.rulebook)
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        working = asyncio.create_task(run_witness(witness, running.address, lambda: running.tls("lender-a")))
        query = world.query(world.subject(ALICE))
        await running.ask(signed_query_to_bytes(query), b"r" * 16)
        assert running.parts.log is not None
        store = running.parts.log.store
        async with asyncio.timeout(30):
            while store.cosigned().get(SECOND.name) != 2:
                await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while (page := _ages(running.parts.metrics.registry)).get(SECOND.name) != 0.0 or page[WITNESS.name] <= 0:
                await asyncio.sleep(0.05)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


def test_two_looks_at_once_accuse_nobody(tmp_path: Path) -> None:
    """The answer to one look is on its way while another one goes on: the log has not shrunk."""
    stored = StoredLog(tmp_path)
    notes, witness = [], witness_of(witness_folder(tmp_path / "lender"), WitnessSettings(), _no_rulebook)
    for _ in range(3):
        stored.append([dropped()])
        signed = stored.log.publish()
        assert signed is not None
        notes.append(signed.note.to_bytes())
    taken: list[int] = []

    def looks(note: bytes, meanwhile: Callable[[], Coroutine[Any, Any, object]] | None = None) -> TransparencyClient:
        async def checkpoint() -> bytes:
            if meanwhile is not None:
                await meanwhile()
            return note

        async def consistency(first: int, second: int) -> tuple[bytes, ...]:
            return tuple(stored.log.prover.consistency(first, second))

        async def add_cosignature(size: int, _: bytes) -> None:
            taken.append(size)

        told = {"checkpoint": checkpoint, "consistency": consistency, "add_cosignature": add_cosignature}
        return cast("TransparencyClient", SimpleNamespace(**told))

    async def scene() -> None:
        await witness.look(looks(notes[0]))
        assert await witness.look(looks(notes[1], lambda: witness.look(looks(notes[2])))) is None
        with refused(Code.LOG_BEHIND):
            await witness.look(looks(notes[1]))

    asyncio.run(scene())
    assert taken == [1, 3]
    assert len([*(tmp_path / "lender").rglob("evidence-*.json")]) == 1, "the one that did shrink"
    stored.close()


def _no_rulebook() -> Rulebook:
    raise AssertionError("the folder has a policy of its own")


def _ages(registry: object) -> dict[str, float]:
    families = registry.collect()  # type: ignore[attr-defined]  # a registry of Prometheus, untyped here
    return {
        sample.labels["witness"]: sample.value
        for family in families
        if family.name == "credit_log_cosignature_age_seconds"
        for sample in family.samples
    }


def test_a_key_that_the_policy_does_not_know_is_refused(world: World, tmp_path: Path) -> None:
    def newest() -> Rulebook:
        return world.rulebook

    with refused(Code.POLICY_INVALID):
        witness_of(witness_folder(tmp_path / "stranger", b"x" * 32), WitnessSettings(), newest)
    folder = witness_folder(tmp_path / "open")
    (tmp_path / "open" / "witness.key").chmod(0o644)
    with refused(Code.SETTINGS_INVALID):
        witness_of(folder, WitnessSettings(), newest)
    (tmp_path / "open" / "witness.key").chmod(0o600)
    (tmp_path / "open" / "policy.txt").unlink()
    with refused(Code.POLICY_INVALID):  # this rulebook pins no log key
        witness_of(folder, WitnessSettings(), newest)
    pinned = with_log(world)
    witness = witness_of(folder, WitnessSettings(), lambda: pinned)
    assert (witness.log, witness.signer.name) == (LOG_SIGNER.verifier(KeyType.ED25519), SECOND.name)


@pytest.fixture
def stored(tmp_path: Path) -> StoredLog:
    return StoredLog(tmp_path)


def test_ages_grow_while_something_is_left_to_follow_and_only_then(stored: StoredLog) -> None:
    keys = [VerifierKey(name, KeyType.COSIGNATURE, bytes(32)) for name in ("one", "two")]
    health = LogHealth(stored.store, lambda: keys)
    assert (health.checkpoint_age(0), health.checkpoint_age(100)) == (0, 0), "nothing waits in an empty log"
    stored.append([dropped()])
    assert (health.checkpoint_age(110), health.checkpoint_age(150)) == (10, 50)
    signed = stored.log.publish()
    assert signed is not None
    assert health.checkpoint_age(160) == 0
    health.cosignature_ages(200)
    stored.store.add_cosignature(signed.size, "one", "line")
    assert health.cosignature_ages(230) == {"one": 0, "two": 30}
    assert health.cosignature_ages(900) == {"one": 0, "two": 700}
    stored.append([dropped()])
    stored.store.publish(Kept(2, b"note"), ())
    assert health.cosignature_ages(910) == {"one": 10, "two": 710}
