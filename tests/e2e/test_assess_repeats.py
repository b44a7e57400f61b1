"""An application that is sent twice, or whose node dies on the way: one assessment, one inquiry, one promise."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from consortium.errors import CreditError
from participants.lender.assess_input import parse_application
from participants.lender.assessment import Assessment
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from tests.support.applications import application
from tests.support.processes import Processes, consortium

ASKER, OTHER = "lender-one", "lender-two"
POINTS = (
    "assessor.noted",
    "assessor.registered",
    "asker.after-keep",
    "asker.before-conclude",
    "assessor.before-keep",
)
TOGETHER, ROUNDS = 6, 4


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        yield processes


def assess(parties: Processes, asked: object, lender: str = ASKER) -> Assessment:
    with LocalClient(NodeSettings(parties.out / lender)) as client:
        return client.assess(parse_application(json.dumps(asked).encode()))


def seen_elsewhere(parties: Processes, phone: str, number: int) -> tuple[int | None, int | None]:
    """Give how many promises and inquiries another lender sees at the asking one."""
    looked = assess(parties, application(phone, request_id=f"{number:032x}", shadow=True), OTHER)
    found = {one.id: one.others for one in looked.attributes}
    return found["pending_grants"], found["hard_inquiries_0_1h"]


def kept(parties: Processes, request_id: str) -> Any:
    return parties.command(ASKER, "explain", request_id)


@pytest.mark.parametrize("shadow", [True, False])
def test_the_same_application_at_the_same_time_is_one(parties: Processes, *, shadow: bool) -> None:
    """It must not be refused, nor withdraw the promise under the feet of the one that is being answered."""
    barrier = threading.Barrier(TOGETHER)

    def apply(asked: object) -> Assessment:
        with LocalClient(NodeSettings(parties.out / ASKER)) as client:
            given = parse_application(json.dumps(asked).encode())
            barrier.wait(30)
            return client.assess(given)

    for number in range(ROUNDS):
        phone, request_id = f"13700000{shadow:d}{number:02d}", f"{0xA0 + 8 * shadow + number:02x}" * 16
        asked = application(phone, request_id=request_id, shadow=shadow)
        with ThreadPoolExecutor(TOGETHER) as threads:
            found = list(threads.map(apply, [asked] * TOGETHER))
        assert found == [found[0]] * TOGETHER
        assert kept(parties, request_id)["attempts"] == 1
        assert seen_elsewhere(parties, phone, 16 * shadow + number) == (int(not shadow), int(not shadow))


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(place, marks=pytest.mark.slow) for place in range(1, len(POINTS)))], ids=POINTS
)
def test_the_node_is_killed_on_the_way(parties: Processes, number: int) -> None:
    phone, request_id = f"137000001{number:02d}", f"{0xB0 + number:02x}" * 16
    asked = application(phone, request_id=request_id)
    parties.failpoint(ASKER).write_text(POINTS[number])
    with pytest.raises(CreditError):
        assess(parties, asked)
    parties.wait_for(partial(died, parties), "the node to die", 20)
    parties.kill(ASKER)
    parties.start(ASKER)
    parties.wait_attached(ASKER)
    answered = assess(parties, asked)
    assert (answered.failure, answered.attempt, len(answered.answered)) == ("", 1, 5)
    assert assess(parties, asked) == answered
    assert kept(parties, request_id)["attempts"] == 1
    assert seen_elsewhere(parties, phone, 100 + number) == (1, 1)


def died(parties: Processes) -> bool:
    return parties.running[ASKER].poll() is not None
