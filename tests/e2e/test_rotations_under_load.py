"""Every kind of key exchanged during a minute of steady queries: none fails, and none lacks a lender."""

import pytest

from benchmarks.rotations import SECONDS, measured
from consortium.model.query import Suite

pytestmark = pytest.mark.slow


def test_every_kind_of_key_during_a_minute_of_queries() -> None:
    steady, done = measured(Suite.INSECURE_TEST_1024_MASKED)
    assert steady.told == []
    assert steady.answered > 2 * SECONDS
    assert list(done) == ["mask, query", "identity, hpke, tls", "epoch", "shares", "custodian", "generation"]
