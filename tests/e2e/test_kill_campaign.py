"""
kill -9 at every step of a query, at the gateway, at a contributor and at the asking lender, with real processes.

The normal run kills once at a sample of the points; `make test-all` goes round all of them again and again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crashes import ASKER, CONTRIBUTOR, POINTS, Campaign, check_everything
from tests.support.processes import LENDERS, consortium

ROUNDS = 8
SAMPLE = (
    ("gateway", "gateway.after-admit"),
    (CONTRIBUTOR, "lender.round2-after-store"),
    (ASKER, "asker.after-keep"),
    ("gateway", "gateway.inside-finish"),
)


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    with consortium(tmp_path / "out") as parties:
        parties.start("gateway", "custodian-one", "custodian-two")
        parties.start(*LENDERS)
        parties.wait_attached(*LENDERS)
        yield Campaign(parties)


def test_a_sample_of_the_points(campaign: Campaign) -> None:
    for victim, point in SAMPLE:
        campaign.kill_at(victim, point)
    check_everything(campaign.parties, campaign.answers)


@pytest.mark.slow
def test_every_point_again_and_again(campaign: Campaign) -> None:
    for _ in range(ROUNDS):
        for victim, point in POINTS:
            campaign.kill_at(victim, point)
        check_everything(campaign.parties, campaign.answers)
    assert len(campaign.answers) == ROUNDS * len(POINTS)
