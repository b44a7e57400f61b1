"""From real queries over gRPC to a witnessed, exported and verified log, and every way in which it must fail."""

import asyncio
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Purpose
from consortium.transparency.notes import KeyType, NoteSigner
from consortium.transparency.policy import parse_policy
from consortium.wire.queries import signed_query_to_bytes
from participants.gateway_client.asking import AskClient
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator import archive
from participants.regulator.archive import Selection
from participants.regulator.report import report
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import Audit, verify
from tests.support.audits import export_of, log_settings, pin_log, rewritten, witness
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import policy_text
from tests.support.world import ALICE, LENDERS, World, Worlds

Made = dict[str, Any]


@pytest.fixture(scope="module")
def made(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One gateway's life: answers, refusals, a repeat, a witness; with a whole and two partial exports."""
    return asyncio.run(_make(pin_log(worlds.make()), tmp_path_factory.mktemp("audit")))


async def _make(world: World, folder: Path) -> Made:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        receipts = [await _ask(running, number) for number in range(4)]
        await running.detach("lender-e")
        await asyncio.sleep(0.2)
        with refused(Code.CONSENT_MISMATCH):
            bad = world.query(world.subject(ALICE), purpose=Purpose.ACCOUNT_REVIEW)
            await running.ask(signed_query_to_bytes(bad), b"x" * 16)
        seen = witness(folder, lambda: world.now + 3600)
        await _settled(running)
        async with TransparencyClient(running.address, running.tls("regulator")) as client:
            async with asyncio.timeout(30):
                looks = await asyncio.gather(*(seen.look(client) for _ in range(4)))
            assert sum(look is not None for look in looks) == 1  # whoever was faster; nobody waits for ever
            assert await seen.look(client) is None
            await _refusals_of_the_service(running, client)
        whole = folder / "whole.zip"
        proof = await export_of(running, whole)
        publisher = running.server.publisher
        assert publisher is not None
        times = [json.loads(line)["time_ms"] for line in publisher.log.store.lines(0, proof.size)]
        part = folder / "part.zip"
        selection = Selection(from_ms=times[2], to_ms=times[5])
        part_proof = await export_of(running, part, selection)
        chosen = folder / "chosen.zip"
        await export_of(running, chosen, Selection(member="lender-a"))
        return {
            "folder": folder,
            "whole": whole,
            "chosen": chosen,
            "proof": proof,
            "receipts": receipts,
            "times": times,
            "part": part,
            "part_proof": part_proof,
            "trust": Trust(parse_policy(policy_text().encode()), world.rulebook.digest.hex()),
        }


async def _ask(running: GrpcWorld, number: int) -> Made:
    world = running.world
    query = world.query(world.subject(ALICE))
    client = AskClient([running.address], running.tls("lender-a"))
    answered = await client.ask(bytes([number]) * 16, signed_query_to_bytes(query), 20)
    await client.close()
    return {
        "index": answered.receipt.index,
        "leaf_hash": answered.receipt.leaf_hash.hex(),
        "time_ms": answered.receipt.time_ms,
        "signature": answered.receipt.signature.hex(),
        "query": query.digest.hex(),
        "transcript": answered.transcript.hex(),
    }


async def _settled(running: GrpcWorld) -> None:
    """Wait until every entry is under a checkpoint."""
    publisher = running.server.publisher
    assert publisher is not None
    async with asyncio.timeout(30):
        while publisher.log.newest().size < publisher.log.store.size():
            await asyncio.sleep(0.02)


async def _refusals_of_the_service(running: GrpcWorld, client: TransparencyClient) -> None:
    """What a lender may not have, and what nobody may."""
    async with TransparencyClient(running.address, running.tls("lender-a")) as lender:
        assert await lender.checkpoint()
        assert await lender.inclusion(0, 2)
        with refused(Code.ROLE_NOT_ALLOWED):
            [page async for page in lender.entries(0, 1)]
    with refused(Code.MALFORMED):
        [page async for page in client.entries(0, 10**6)]
    for wanted in (client.inclusion(5, 5), client.inclusion(0, 10**6), client.consistency(0, 1), client.range(3, 2, 4)):
        with refused(Code.TREE_PROOF_INVALID):
            await wanted
    for line in ("nonsense", "", "\N{EM DASH} somebody AAAAAAAAAAAAAAAA\n"):
        with refused(Code.CHECKPOINT_INVALID):
            await client.add_cosignature(1, line)


def check(made: Made, path: Path, **options: Any) -> Audit:
    return verify(path, options.pop("trust", made["trust"]), **options)


def words(audit: Audit) -> str:
    return "\n".join(f"{one.state.name} {one.part}: {one.text}" for one in audit.verdict.findings)


def test_a_whole_export_is_complete(made: Made) -> None:
    audit = check(made, made["whole"])
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert audit.statistics.outcomes == {"answered": 4, "refused": 1}
    assert audit.statistics.queries_by_member == {"lender-a": 4}
    with zipfile.ZipFile(made["whole"]) as packed:
        assert {"entries.jsonl", "checkpoint", "proof.json", "entries.csv", "entries.parquet"} <= set(packed.namelist())
        assert len(packed.read("entries.csv").splitlines()) == 1 + made["proof"].end


def test_a_filtered_export_proves_its_lines_and_not_that_they_are_all(made: Made) -> None:
    audit = check(made, made["chosen"])
    assert audit.verdict.state is State.UNDECIDED, words(audit)
    assert not audit.verdict.counts


def test_an_export_of_some_time_begins_and_ends_with_what_is_outside_of_it(made: Made) -> None:
    proof, times = made["part_proof"], made["times"]
    assert times[proof.first] < times[2] <= times[proof.first + 1]
    assert times[proof.end - 2] < times[5] <= times[proof.end - 1]
    audit = check(made, made["part"])
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert sum(audit.statistics.entries.values()) == sum(times[2] <= time < times[5] for time in times)
    changes: list[dict[str, int | None]] = [{"from_ms": None}, {"to_ms": None}, {"from_ms": times[1] - 1}]
    for change in changes:
        changed = rewritten(made["part"], made["folder"] / "claimed.zip", claim(change))
        assert check(made, changed).verdict.state is State.FAILED, change


def claim(change: dict[str, int | None]) -> Callable[[str, bytes], bytes | None]:
    def changed(name: str, data: bytes) -> bytes:
        if name != archive.PROOF:
            return data
        value = json.loads(data)
        return json.dumps({**value, "selection": {**value["selection"], **change}}).encode()

    return changed


def test_what_the_verifier_does_not_know_cannot_be_decided(made: Made) -> None:
    trust: Trust = made["trust"]
    for other in (Trust(None, None), Trust(trust.policy, None)):
        assert check(made, made["whole"], trust=other).verdict.state is State.UNDECIDED
    both = parse_policy(policy_text("lender-a").encode())  # the other witness has not cosigned
    assert check(made, made["whole"], trust=Trust(both, trust.fingerprint)).verdict.state is State.UNDECIDED
    for other in (Trust(trust.policy, "00" * 32), Trust(parse_policy(stranger()), trust.fingerprint)):
        assert check(made, made["whole"], trust=other).verdict.state is State.FAILED


def test_without_a_policy_the_rulebook_says_whose_log_this_is(made: Made) -> None:
    trust: Trust = made["trust"]
    audit = check(made, made["whole"], trust=Trust(None, trust.fingerprint))
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert audit.judged is not None
    assert [*audit.judged.witnessed] == ["regulator"]
    changed = rewritten(made["whole"], made["folder"] / "signed.zip", CHANGES["a signature"])
    assert check(made, changed, trust=Trust(None, trust.fingerprint)).verdict.state is State.FAILED


def stranger() -> bytes:
    other = NoteSigner("demo-consortium/log", b"z" * 32).verifier(KeyType.ED25519)
    return f"log {other.vkey}\nquorum none\n".encode()


def test_receipts_of_members_are_held_against_the_entries(made: Made) -> None:
    held = made["folder"] / "receipts.jsonl"
    held.write_text("".join(json.dumps(receipt) + "\n" for receipt in made["receipts"]))
    audit = check(made, made["whole"], receipts=held)
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert "4 of 4 receipts" in words(audit)
    held.write_text(json.dumps({**made["receipts"][0], "time_ms": 5}) + "\nnonsense\n")
    assert check(made, made["whole"], receipts=held).verdict.state is State.UNDECIDED


def cut_lines(data: bytes) -> bytes:
    return b"".join(line + b"\n" for line in data.split(b"\n")[:-2])


def other_letter(data: bytes) -> bytes:
    return data[:-9] + (b"B" if data[-9:-8] == b"A" else b"A") + data[-8:]


CHANGES: dict[str, Callable[[str, bytes], bytes | None]] = {
    "one byte of a line": lambda name, data: (
        data.replace(b"lender-a", b"lender-b", 1) if name == archive.ENTRIES else data
    ),
    "a line cut off": lambda name, data: cut_lines(data) if name == archive.ENTRIES else data,
    "the first line left out": lambda name, data: data.split(b"\n", 1)[1] if name == archive.ENTRIES else data,
    "half a line": lambda name, data: data[:-20] if name == archive.ENTRIES else data,
    "a line twice": lambda name, data: data + data.split(b"\n")[-2] + b"\n" if name == archive.ENTRIES else data,
    "no lines": lambda name, data: b"" if name == archive.ENTRIES else data,
    "another size": lambda name, data: data.replace(b"/log\n", b"/log\n1", 1) if name == archive.CHECKPOINT else data,
    "a signature": lambda name, data: other_letter(data) if name == archive.CHECKPOINT else data,
    "no cosignature's bytes": lambda name, data: data[:-60] + b"\n" if name == archive.CHECKPOINT else data,
    "a rulebook": lambda name, data: data.replace(b"lender-a", b"lender-x") if name.endswith("01.json") else data,
    "no rulebook": lambda name, data: None if name.startswith(archive.RULEBOOKS) else data,
    "fewer entries claimed": lambda name, data: shorter(data) if name == archive.PROOF else data,
    "no checkpoint": lambda name, data: None if name == archive.CHECKPOINT else data,
}


def shorter(data: bytes) -> bytes:
    value = json.loads(data)
    return json.dumps({**value, "end": value["end"] - 1}, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_export_fails_even_where_every_digest_was_made_to_fit(made: Made, tmp_path: Path, name: str) -> None:
    changed = rewritten(made["whole"], tmp_path / "changed.zip", CHANGES[name])
    audit = check(made, changed)
    assert audit.verdict.state is State.FAILED, words(audit)


def test_no_change_of_a_byte_of_the_file_is_taken_for_another_content(made: Made, tmp_path: Path) -> None:
    """A byte of the ZIP's own form may be without meaning; then every file in it is still the same."""
    data, changed, failed = made["whole"].read_bytes(), tmp_path / "changed.zip", 0
    with zipfile.ZipFile(made["whole"]) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    rng = random.Random(5)
    for at in sorted(rng.sample(range(len(data)), 150)):
        changed.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        if check(made, changed).verdict.state is not State.COMPLETE:
            failed += 1
            continue
        with zipfile.ZipFile(changed) as packed:
            assert {name: packed.read(name) for name in packed.namelist()} == content
    assert failed > 120
    for length in (0, 10, len(data) // 2, len(data) - 1):
        changed.write_bytes(data[:length])
        assert check(made, changed).verdict.state is State.FAILED


def test_the_report_stands_on_its_own(made: Made) -> None:
    page = report(check(made, made["whole"]))
    lowered = page.lower()
    for outside in ("http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"):
        assert outside not in lowered.replace("http-equiv", "")
    assert page.count("<svg") == 1
    assert page.count('<table class="bars') >= 5
    for text in ("Complete: every check holds", "lender-a", "What this report does not prove", "CONSENT_"):
        assert text in page


def test_a_file_that_is_not_there_is_no_failed_export(made: Made) -> None:
    with pytest.raises(CreditError) as caught:
        check(made, made["folder"] / "absent.zip")
    assert caught.value.code is Code.SOURCE_UNREADABLE
