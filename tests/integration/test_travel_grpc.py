"""A travel check over real gRPC: tables beside the transcript, a repeat, and what log and bodies keep of it."""

import asyncio
import json
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import Suite
from consortium.model.rounds import tables_of
from consortium.travel.geography import Point
from consortium.wire.bodies import entry_body_from_bytes
from consortium.wire.queries import signed_query_to_bytes
from participants.gateway_client.asking import AskClient
from participants.gateway_client.lender import ask_gateway
from participants.lender.question_input import parse_question
from participants.lender.travel import TravelResult, TravelVerdict
from participants.regulator.archive import open_export
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.rpc.local import query_from_proto
from participants.rpc.local_client import question_to_proto
from tests.integration.test_bodies import answered_export, trust, words
from tests.support.audits import log_settings
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.travelling import (
    SHANGHAI,
    SMALL,
    WEST_SECOND_RING,
    concluded,
    travel_query,
    travel_question,
    travelling,
    was_at,
)
from tests.support.world import ALICE, LENDERS, Worlds


def test_a_check_a_repeat_and_what_is_kept(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = travelling(worlds)
        async with asyncio.timeout(60), grpc_world(world, tmp_path, log=log_settings(tmp_path)) as running:
            await running.attach(*LENDERS)
            await check(running)
            exported = await answered_export(running, tmp_path)
        audit = verify(exported, trust(world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        with open_export(exported) as export:
            kept = [entry_body_from_bytes(body.content) for body in export.bodies()]
        assert [len(body.round1) for body in kept] == [0, 5]
        assert all(signed.body.travel and not signed.table for signed in kept[1].round1)

    asyncio.run(main())


async def check(running: GrpcWorld) -> None:
    world, subject = running.world, running.world.subject(ALICE)
    was_at(world, "lender-b", subject, (SHANGHAI, 1_800))
    question = travel_question(WEST_SECOND_RING, world.now)
    query = travel_query(world, subject, question)
    client = AskClient([running.address], running.tls("lender-a"))
    raw = signed_query_to_bytes(query)
    try:
        first, receipt = await ask_gateway(client, b"r" * 16, raw, 20, world.rulebook)
        again = await ask_gateway(client, b"r" * 16, raw, 20, world.rulebook)
    finally:
        await client.close()
    result = concluded(world, query, first, question).travel
    assert isinstance(result, TravelResult)
    assert (result.contradictions, result.answered, result.verdict) == (1, 5, TravelVerdict.STEP_UP)
    assert (tables_of(again[0]), again[1]) == (tables_of(first), receipt)
    assert {len(table) for table in tables_of(first)} == {SMALL.grid.cells * 8}


ASKED = {
    "identifiers": {"country": "CN", "phone": "13912345678"},
    "purpose": "origination",
    "attributes": ["balance"],
    "request_id": "ab" * 16,
}
THERE = {"latitude": 39.9236, "longitude": -116.3496, "time": "2026-11-30T08:15:00+08:00", "payment": "order-8812"}


def test_a_question_goes_through_the_local_service() -> None:
    question = parse_question(json.dumps({**ASKED, "travel": THERE}).encode())
    asked = query_from_proto(question_to_proto(question), Suite.INSECURE_TEST_1024_MASKED)
    assert asked.identifiers[0].kind is IdentifierKind.PHONE
    assert asked.question.travel == travel_question(Point(39_923_600, -116_349_600), 1_795_997_700, "order-8812")
    plain = parse_question(json.dumps(ASKED).encode())
    assert query_from_proto(question_to_proto(plain), Suite.INSECURE_TEST_1024_MASKED).question.travel is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"latitude": 90.1},
        {"longitude": -180.000001},
        {"latitude": "north"},
        {"payment": ""},
        {"payment": "x" * 129},
        {"time": "2026-11-30T08:15:00"},
        {"altitude": 5},
    ],
)
def test_a_place_that_is_none_is_refused_where_it_is_typed(wrong: dict[str, object]) -> None:
    with refused(Code.RECORD_INVALID):
        parse_question(json.dumps({**ASKED, "travel": THERE | wrong}).encode())


def test_a_place_that_is_none_is_refused_by_the_local_service() -> None:
    request = question_to_proto(parse_question(json.dumps({**ASKED, "travel": THERE}).encode()))
    request.travel.latitude = 90_000_001
    with refused(Code.PLACE_INVALID):
        query_from_proto(request, Suite.INSECURE_TEST_1024_MASKED)
