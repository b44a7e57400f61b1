"""Whether a lender holds the person of a travel check does not show in its time: the best cut is near a coin's."""

import time

import pytest

from consortium.wire.rounds import round1_request_to_bytes
from tests.e2e.test_indistinguishable import best_cut
from tests.support.travelling import (
    BEIJING_RUSH,
    EAST_FOURTH_RING,
    SMALL,
    WEST_SECOND_RING,
    agreed,
    payment,
    travel_query,
    travel_question,
    travelling,
    was_at,
)
from tests.support.world import ALICE, BOB, World, Worlds

HOLDER = "lender-b"


def rush_world(worlds: Worlds) -> World:
    """It is the rush hour of the place, so that holders of events have everything to look at."""
    rush = BEIJING_RUSH.model_copy(update={"weekdays": tuple(range(7)), "begins": 0, "ends": 1_440})
    return travelling(worlds, SMALL.model_copy(update={"peaks": (rush,)}))


@pytest.mark.slow
def test_times_of_holder_and_stranger_cannot_be_told_apart(worlds: Worlds) -> None:
    world = rush_world(worlds)
    held, unknown = world.subject(ALICE), world.subject(BOB)
    was_at(world, HOLDER, held, *((WEST_SECOND_RING, 60 * minute) for minute in range(1, 9)))
    consents = {id(one): agreed(world, one, uses=10_000) for one in (held, unknown)}
    times: dict[bool, list[float]] = {True: [], False: []}
    contributor, asked = world.nodes[HOLDER].contributor, travel_question(EAST_FOURTH_RING, world.now)
    for turn in range(600):
        subject = held if turn % 2 else unknown
        query = travel_query(world, subject, payment(asked, turn), consent=consents[id(subject)])
        raw = round1_request_to_bytes(world.call(query))
        start = time.thread_time()
        contributor.round1(raw, world.now)
        times[subject is held].append(time.thread_time() - start)
    assert best_cut(times[True], times[False]) < 0.60
    assert best_cut([value + 0.002 for value in times[True]], times[False]) > 0.60, "two milliseconds would show"
