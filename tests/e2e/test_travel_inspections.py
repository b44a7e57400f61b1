"""An inspection holds a travel table to its key, its masks, the book's events and the query's own tile and time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.model.credit_file import Location
from consortium.oprf import group
from consortium.rules.travel import whereabouts_to_bytes
from consortium.supervision.bundle import Bundle, ShownTravel
from consortium.travel.geography import Whereabouts
from participants.lender import travel
from tests.support.codes import refused
from tests.support.supervised import Asked, Supervised
from tests.support.travelling import SHANGHAI, WEST_SECOND_RING, concluded, travel_query, travel_question, travelling
from tests.support.world import ALICE, BOB, Worlds


@pytest.fixture
def inspected(worlds: Worlds, tmp_path: Path) -> Iterator[Supervised]:
    """Alice was in Shanghai half an hour ago, says the lender under inspection; it does not know Bob."""
    supervised = Supervised(travelling(worlds), tmp_path)
    seen = Location(supervised.world.now - 1_800, SHANGHAI.latitude, SHANGHAI.longitude)
    supervised.record(supervised.held(supervised.world.subject(ALICE)), seen)
    supervised.state()
    yield supervised
    supervised.close()


def asked(supervised: Supervised, person: Any = ALICE, *, offline: frozenset[str] = frozenset()) -> Asked:
    world = supervised.world
    query = travel_query(world, world.subject(person), travel_question(WEST_SECOND_RING, world.now))
    world.hub.offline = offline
    found = Asked(query, world.transcript(query))
    supervised.state()
    return found


@pytest.mark.parametrize("offline", [frozenset(), frozenset({"lender-e"})], ids=["everybody", "one away"])
def test_an_honest_lender_passes(inspected: Supervised, offline: frozenset[str]) -> None:
    found = asked(inspected, offline=offline)
    question = travel_question(WEST_SECOND_RING, inspected.world.now)
    result = concluded(inspected.world, found.query, found.transcript, question).travel
    assert result is not None
    assert result.contradictions == 1
    assert inspected.inspect(found) == ()


def test_an_honest_lender_passes_about_somebody_it_does_not_know(inspected: Supervised) -> None:
    assert inspected.inspect(asked(inspected, BOB)) == ()


def shown(bundle: Bundle, **values: object) -> Bundle:
    assert bundle.travel is not None
    return bundle.model_copy(update={"travel": bundle.travel.model_copy(update=values)})


def other_numbers(bundle: Bundle) -> bytes:
    travel: ShownTravel | None = bundle.travel
    assert travel is not None
    return bytes([travel.numbers[0] ^ 1]) + travel.numbers[1:]


LIES: dict[str, Callable[[Bundle], Bundle]] = {
    "nothing shown": lambda bundle: bundle.model_copy(update={"travel": None}),
    "another key": lambda bundle: shown(bundle, key=group.encode_scalar(5)),
    "other numbers": lambda bundle: shown(bundle, numbers=other_numbers(bundle)),
    "a number left out": lambda bundle: shown(bundle, numbers=other_numbers(bundle)[1:]),
    "another payload": lambda bundle: shown(bundle, payload=bytes(44)),
    "zeros that were not": lambda bundle: shown(bundle, numbers=bytes(64)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lender_that_shows_something_else_is_refuted(inspected: Supervised, lie: str) -> None:
    found = asked(inspected)
    bundle, links = inspected.bundle(found)
    with refused(Code.REVEAL_INVALID):
        inspected.examine(found, LIES[lie](bundle), links)


def test_a_lender_whose_numbers_are_not_its_books_is_refuted(
    inspected: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hides what its book says, and opens honestly what it then sent."""
    with monkeypatch.context() as patched:
        patched.setattr("participants.lender.travel_answer.travel_numbers", lambda *_: bytes(64))
        found = asked(inspected)
    with refused(Code.REVEAL_INVALID):
        inspected.inspect(found)


def test_a_holder_part_that_is_not_shown_leaves_a_point_open(
    inspected: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the requester sealed nonsense or the member hides the key, nobody else can tell."""
    with monkeypatch.context() as patched:
        patched.setattr("participants.lender.travel_answer.travel_numbers", lambda *_: bytes(64))
        found = asked(inspected)
    bundle, links = inspected.bundle(found)
    (point,) = inspected.examine(found, shown(bundle, opened=(b"", bytes(44), b"")), links)
    assert "does not open" in point


def test_a_requester_that_names_a_time_to_come_convicts_nobody(
    inspected: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(told: Whereabouts) -> bytes:
        return whereabouts_to_bytes(Whereabouts(told.tile, told.time + 60))

    monkeypatch.setattr(travel, "whereabouts_to_bytes", lie)
    assert inspected.inspect(asked(inspected)) == ()
