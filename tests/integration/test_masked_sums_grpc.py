"""The suite `MASKED_SUM` over real gRPC: answers, repeats, bodies, the regulator's verification and inspection."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import Suite
from consortium.rules.tallies import WordTally
from consortium.sums.words import WORD_BYTES, words_from_bytes, words_of, words_to_bytes
from consortium.wire.bodies import entry_body_from_bytes
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes
from gateway.usecases import admission
from participants.lender.question_input import parse_question
from participants.regulator.archive import open_export
from participants.regulator.body_checks import EXCHANGES
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.rpc.local import query_from_proto
from participants.rpc.local_client import question_to_proto
from tests.integration.test_bodies import answered_export, trust, words
from tests.integration.test_inspections import begun
from tests.support.audits import log_settings
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.supervised import INSPECTED
from tests.support.world import ALICE, BOB, LENDERS, Worlds, tradeline

SMALL = Suite.INSECURE_TEST_1024_MASKED


def test_both_suites_a_repeat_and_what_is_kept(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=SMALL, more_suites=(Suite.MASKED_SUM,))
        async with asyncio.timeout(60), grpc_world(world, tmp_path, log=log_settings(tmp_path)) as running:
            await running.attach(*LENDERS)
            await ask_in_both(running)
            exported = await answered_export(running, tmp_path)
        audit = verify(exported, trust(world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert "without product" not in words(audit)
        with open_export(exported) as export:
            kept = [entry_body_from_bytes(body.content) for body in export.bodies()]
        digests = [{bool(one.body.requester_digest) for one in body.round1} for body in kept if body.round1]
        assert digests == [{True}, {False}, {True}]

    asyncio.run(main())


async def ask_in_both(running: GrpcWorld) -> None:
    world = running.world
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
    query = world.query(subject, suite=Suite.MASKED_SUM)
    raw = signed_query_to_bytes(query)
    first = await running.ask(raw, b"1" * 16)
    assert await running.ask(raw, b"1" * 16) == first, "a repeat gets the same answer"
    result = world.nodes["lender-a"].conclude(query, transcript_from_bytes(first))
    assert result.attributes[0].total == 101010101
    other = await running.result(b"2" * 16, subject=subject)
    assert [item.total for item in other.attributes] == [item.total for item in result.attributes]
    await running.detach("lender-e")
    async with asyncio.timeout(30):
        while "lender-e" in running.parts.attachments.well():
            await asyncio.sleep(0.01)
    missing = await running.result(b"3" * 16, subject=world.subject(BOB), suite=Suite.MASKED_SUM)
    assert missing.missing == ("lender-e",)


def test_a_gateway_that_changes_sums_is_found_out(
    worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneMore(WordTally):
        def total(self, corrections: Mapping[str, bytes]) -> bytes:
            count = self.sums.count
            return words_to_bytes(words_from_bytes(super().total(corrections), count) + words_of(1, count))

    monkeypatch.setattr(admission, "tally_in", OneMore)

    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), grpc_world(world, tmp_path, log=log_settings(tmp_path)) as running:
            await running.attach(*LENDERS)
            with refused(Code.TRANSCRIPT_INVALID):
                await running.result(subject=world.subject(ALICE))
            exported = await answered_export(running, tmp_path)
        audit = verify(exported, trust(world))
        assert audit.verdict.state is State.FAILED
        assert audit.verdict.failed(EXCHANGES), words(audit)

    asyncio.run(main())


def test_an_inspection_confirms_an_honest_member(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        async with begun(worlds, tmp_path, suite=Suite.MASKED_SUM) as running:
            entry = await running.ask(1)
            await running.once()
            export = await running.export()
            wanted = export, "--entry", entry, "--member", INSPECTED, "--reason", "audit of the year"
            order = (await running.command("order", *wanted))["order"]
            await running.once()
            export = await running.export()
            assert (await running.command("check", export, order))["finding"] == "confirmed"

    asyncio.run(main())


def test_a_question_names_its_suite_or_takes_the_rulebooks_first() -> None:
    asked = {"identifiers": {"country": "CN", "phone": "13912345678"}, "purpose": "origination"}
    question = {**asked, "attributes": ["balance"], "request_id": "ab" * 16}
    plain = question_to_proto(parse_question(json.dumps(question).encode()))
    named = question_to_proto(parse_question(json.dumps({**question, "suite": "MASKED_SUM"}).encode()))
    assert query_from_proto(plain, SMALL).question.suite is SMALL
    assert query_from_proto(named, SMALL).question.suite is Suite.MASKED_SUM
    named.suite = "NO_SUCH_SUITE"
    with refused(Code.SUITE_NOT_ALLOWED):
        query_from_proto(named, SMALL)
    for wrong in ("masked_sum", "", 3, "A" * 65):
        with refused(Code.RECORD_INVALID):
            parse_question(json.dumps({**question, "suite": wrong}).encode())


def test_vectors_are_short(worlds: Worlds) -> None:
    """What travels in this suite is a fraction of the ciphertexts, whatever the attributes."""
    world = worlds.make(suite=Suite.MASKED_SUM)
    (part, *_) = world.transcript(world.query(world.subject(ALICE))).round1
    assert len(part.body.ciphertext) % WORD_BYTES == 0
    assert len(part.body.ciphertext) < 768 // 8
