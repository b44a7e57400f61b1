"""Disputes and complaints by the commands of both sides, and sums that nobody could read, over gRPC."""

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from consortium.canonical import CanonicalValue
from consortium.errors import Code
from consortium.labels import Label
from consortium.model.catalogue import Purpose
from consortium.model.query import Suite
from consortium.model.receipts import Receipt
from consortium.model.rounds import Transcript
from consortium.sums.paillier import Ciphertext, add_plain
from consortium.supervision.documents import CaseKind
from consortium.wire.queries import signed_query_from_bytes
from demo.folders import write_node_folder
from participants.cases import case_states
from participants.cli.main import app as participant
from participants.cli.regulator import app as regulator
from participants.lender.ask import Question
from participants.lender.questions import Asker, LocalQuery
from participants.regulator.report import report
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.storage.consents import SqliteConsents
from tests.integration.test_bodies import trust, words
from tests.integration.test_inspections import Running, begun
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld
from tests.support.world import ALICE, World, Worlds


def write_lender_folder(grpc: GrpcWorld, folder: Path, member: str) -> Path:
    write_node_folder(grpc.world.foundation, member, folder)
    tls = grpc.tls(member)
    for name, content in (("tls.crt", tls.certificate), ("tls.key", tls.key), ("ca.crt", tls.ca)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    with (folder / "node.toml").open("a") as settings:
        settings.write('\n[tls]\ncertificate = "tls.crt"\nkey = "tls.key"\nca = "ca.crt"\n')
        settings.write(f'\n[gateway]\naddresses = ["{grpc.address}"]\n')
    return folder


async def run(app: Any, *arguments: object, code: int = 0) -> dict[str, Any]:
    result = await asyncio.to_thread(CliRunner().invoke, app, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_cases_are_filed_followed_and_closed(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_cases(worlds, tmp_path))


async def _cases(worlds: Worlds, folder: Path) -> None:
    async with begun(worlds, folder) as running:
        entry = await running.ask(1)
        one, two = (write_lender_folder(running.grpc, folder / name, name) for name in ("lender-a", "lender-c"))
        said = "--cause", "sum-unreadable", "--text", "the sum breaks its guard bits"
        opened = await run(participant, "dispute", "open", "--node", one, "--entry", entry, *said)
        about = "--about", "lender-c", "--cause", "consent", "--text", "a person gave none"
        complaint = await run(regulator, "complaint", "open", "--folder", running.regulator, *about)
        listed = (await run(participant, "dispute", "list", "--node", two))["cases"]
        assert [(case["case"], case["state"], case["days"]) for case in listed] == [
            (opened["case"], "open", 0),
            (complaint["case"], "open", 0),
        ]
        own = (await run(participant, "dispute", "list", "--node", one))["cases"]
        assert [case["kind"] for case in own] == ["dispute"], "a complaint is for the member whom it is about"
        text = "--text", "settled between the two"
        await run(participant, "dispute", "withdraw", "--node", two, opened["case"], *text, code=1)
        close = "close", "--folder", running.regulator
        await run(regulator, "dispute", *close, opened["case"], "--outcome", "upheld", *text)
        await run(regulator, "dispute", *close, opened["case"], "--outcome", "rejected", *text, code=1)
        open_ones = await run(regulator, "dispute", "list", "--folder", running.regulator, "--open")
        assert open_ones["cases"] == []
        assert [c["state"] for c in (await _complaints(running))] == ["open"]
        await run(participant, "dispute", "open", "--node", one, "--about", "nobody-here", *said, code=1)
        assert await run(participant, "inspections", "--node", one) == {"inspections": []}
        await _in_the_report(running, opened["case"], complaint["case"])


async def _complaints(running: Running) -> list[dict[str, CanonicalValue]]:
    found = await run(regulator, "complaint", "list", "--folder", running.regulator)
    return list(found["cases"])


async def _in_the_report(running: Running, dispute: int, complaint: int) -> None:
    audit = verify(await running.export(), trust(running.world))
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert audit.supervision is not None
    assert [*audit.supervision.closed] == [dispute]
    assert [index for index, _, _ in audit.supervision.open_cases()] == [complaint]
    audit.supervision.last_ms += 41 * 86_400_000
    page = report(audit)
    assert "open for 41 days" in page
    assert "upheld" in page
    filings = await running.as_member("regulator", lambda client: client.filings(-1))
    later = running.world.now + 41 * 86_400
    assert [(one.index, one.days >= 40) for one in case_states(filings, later, CaseKind.COMPLAINT)] == [
        (complaint, True)
    ]


def test_what_a_requester_cannot_read_reaches_the_regulator_and_nobody_else(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_unreadable(worlds, tmp_path))


async def _unreadable(worlds: Worlds, folder: Path) -> None:
    async with begun(worlds, folder) as running:
        world = running.world
        await running.once()
        with ThreadPoolExecutor(1) as workers, closing(SqliteConsents(folder / "consents.db")) as consents:
            asker = _asker(world, running, workers, consents)
            with refused(Code.TRANSCRIPT_INVALID):
                await asker.ask(_question(world))
        assert [one.code for one in running.lender.store.unreadable(9)] == [Code.TRANSCRIPT_INVALID]
        running.lender.roll()
        await running.once()
        assert running.lender.store.unreadable(9) == []
        export = await running.export()
        found = await run(regulator, "sum-reports", "--folder", running.regulator, export)
        told = [(one["member"], one["cause"]) for one in found["unreadable"]]
        assert (told, found["not_opened"]) == ([("lender-b", "TRANSCRIPT_INVALID")], 0)
        lines = running.grpc.parts.store.lines(0, running.grpc.parts.store.size())
        reports = [json.loads(line)["document"]["report"] for line in lines if b'"member-statement"' in line]
        assert len({len(one) for one in reports}) == 1
        audit = verify(await running.export(), trust(world))
        assert audit.supervision is not None
        assert audit.supervision.key_uses == {"sum-reports": 1}


class _NoQuestions:
    def find(self, request_id: bytes) -> None:
        del request_id

    def keep(self, *_: object) -> None:
        pass


def _asker(world: World, running: Running, workers: ThreadPoolExecutor, consents: SqliteConsents) -> Asker:
    """An asking side whose answers come from a gateway that alters the product."""
    node = world.nodes["lender-b"]
    key = node.requester.query_key.secret.public_key

    def ask(_: bytes, raw: bytes, __: float) -> Coroutine[Any, Any, tuple[Transcript, Receipt]]:
        async def answer() -> tuple[Transcript, Receipt]:
            found = world.hub.ask(signed_query_from_bytes(raw), world.now)
            altered = add_plain(Ciphertext.from_bytes(key, found.product), 1).to_bytes()
            signer = world.foundation.keys["gateway"].signer
            return replace(found, product=altered), Receipt(0, bytes(32), 0, signer.sign(Label.RECEIPT))

        return answer()

    return Asker(node, _NoQuestions(), consents, running.lender.store, ask, workers, lambda: world.now)


def _question(world: World) -> LocalQuery:
    question = Question(Purpose.ORIGINATION, ("balance",), Suite.INSECURE_TEST_1024_MASKED)
    return LocalQuery(b"r" * 16, (ALICE,), question, world.terms(), "staff", b"content")
