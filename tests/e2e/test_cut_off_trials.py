"""Fifty suspensions over real processes: everybody refuses, and the stream has ended, within five seconds each."""

import pytest

from benchmarks.cut_off import TARGET_SECONDS, TRIALS, measured
from consortium.model.query import Suite

pytestmark = pytest.mark.slow


def test_the_slowest_of_fifty_cut_offs() -> None:
    voted, emergencies = measured(TRIALS, Suite.INSECURE_TEST_1024_MASKED)
    assert len(voted) == len(emergencies) == TRIALS // 2
    assert max(voted) < TARGET_SECONDS
    assert max(emergencies) < TARGET_SECONDS
