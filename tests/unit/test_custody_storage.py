"""The memories on both sides of the OPRF in SQLite: they keep what they were told, over restarts, and refuse gaps."""

from contextlib import closing
from pathlib import Path

import pytest

from consortium.custody import Answered
from consortium.errors import Code
from participants.lender.tokenise import SentRequest
from participants.storage.evaluations import SqliteEvaluations
from participants.storage.requests import SqliteRequests
from tests.support.codes import refused

DAY = 86_400


class Clock:
    """A clock that a test sets."""

    now = 20_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def answered(counter: int) -> Answered:
    return Answered(counter, bytes([counter]) * 32, b"answer %d" % counter)


def test_requests_are_kept_by_holder_and_generation(tmp_path: Path) -> None:
    path = tmp_path / "requests.db"
    with closing(SqliteRequests(path)) as journal:
        assert journal.last(1, 1) is None
        journal.record(1, 1, SentRequest(1, b"one", answered=False))
        journal.record(1, 1, SentRequest(1, b"one", answered=True))
        journal.record(2, 1, SentRequest(7, b"two", answered=False))
    with closing(SqliteRequests(path)) as journal:
        assert journal.last(1, 1) == SentRequest(1, b"one", answered=True)
        assert journal.last(2, 1) == SentRequest(7, b"two", answered=False)
        assert journal.last(1, 2) is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_evaluations_are_gapless_for_each_member_and_generation(tmp_path: Path) -> None:
    path, clock = tmp_path / "share.db", Clock()
    with closing(SqliteEvaluations(path, clock)) as ledger:
        ledger.commit("lender-a", 1, answered(1), 5)
        ledger.commit("lender-a", 2, answered(1), 6)
        for counter in (1, 3):
            with refused(Code.COUNTER_GAP):
                ledger.commit("lender-a", 1, answered(counter), 100)
    with closing(SqliteEvaluations(path, clock)) as ledger:
        assert ledger.last("lender-a", 1) == answered(1)
        ledger.commit("lender-a", 1, answered(2), 7)
        assert ledger.last("lender-a", 1) == answered(2)
        assert ledger.last("lender-b", 1) is None
        assert ledger.spent("lender-a") == 18
        assert ledger.spent("lender-b") == 0


@pytest.mark.parametrize(("later", "spent"), [(DAY - 1, 5), (DAY, 0)])
def test_the_quota_begins_anew_with_the_day(tmp_path: Path, later: int, spent: int) -> None:
    clock = Clock()
    with closing(SqliteEvaluations(tmp_path / "share.db", clock)) as ledger:
        ledger.commit("lender-a", 1, answered(1), 5)
        clock.now += later
        assert ledger.spent("lender-a") == spent
        ledger.commit("lender-a", 1, answered(2), 1)
        assert ledger.spent("lender-a") == spent + 1
