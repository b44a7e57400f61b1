"""Travel checks through the whole protocol: what is counted, what is refused, and what a holder alone can tell."""

import pytest

from participants.lender.travel import TravelVerdict
from tests.support.travelling import (
    SHANGHAI,
    WEST_SECOND_RING,
    check_travel,
    travel_question,
    travelling,
    was_at,
)
from tests.support.world import ALICE, World, Worlds

MINUTES = 60


@pytest.fixture
def travel_world(worlds: Worlds) -> World:
    return travelling(worlds)


def test_contradicting_lenders_are_counted(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    was_at(world, "lender-a", subject, (WEST_SECOND_RING, 5 * MINUTES))
    was_at(world, "lender-b", subject, (SHANGHAI, 30 * MINUTES))
    was_at(world, "lender-c", subject, (SHANGHAI, 40 * MINUTES), (WEST_SECOND_RING, 3 * MINUTES))
    was_at(world, "lender-d", subject)
    here = check_travel(world, subject, travel_question(WEST_SECOND_RING, world.now))
    assert (here.contradictions, here.own, here.answered, here.verdict) == (2, 0, 5, TravelVerdict.BLOCK)
    away = check_travel(world, subject, travel_question(SHANGHAI, world.now, "payment-2"))
    assert (away.contradictions, away.own, away.verdict) == (2, 1, TravelVerdict.BLOCK)
