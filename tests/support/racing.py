"""Two lenders that assess the same person at the same instant, again and again."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from participants.lender.assess_input import parse_application
from participants.lender.assessment import Assessment
from participants.lender.question_input import with_request_id
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from tests.support.applications import application


def race(out: Path, lenders: tuple[str, str], pairs: int, first: int) -> list[tuple[Assessment, Assessment]]:
    """Let two lenders, in folders below `out`, assess one new person a pair; gives both assessments of every pair."""
    barrier = threading.Barrier(len(lenders))

    def apply(lender: str) -> list[Assessment]:
        with LocalClient(NodeSettings(out / lender)) as client:
            return [_assess(client, f"139{first + number:08d}", barrier) for number in range(pairs)]

    with ThreadPoolExecutor(len(lenders)) as threads:
        one, other = threads.map(apply, lenders)
    return list(zip(one, other, strict=True))


def sees_the_other(assessment: Assessment) -> bool:
    """Say whether another lender's promise is in an assessment."""
    value = next(one for one in assessment.attributes if one.id == "pending_grants")
    return (value.others or 0) > 0


def _assess(client: LocalClient, phone: str, barrier: threading.Barrier) -> Assessment:
    asked = with_request_id(parse_application(json.dumps(application(phone)).encode()))
    barrier.wait(60)
    return client.assess(asked)
