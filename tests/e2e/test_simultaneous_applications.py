"""Of two applications at two lenders at the same instant, at least one sees the other: thousands of pairs."""

from pathlib import Path

import pytest

from tests.support.processes import consortium
from tests.support.racing import race, sees_the_other

pytestmark = pytest.mark.slow
PAIRS = 2_000


def test_thousands_of_pairs(tmp_path: Path) -> None:
    with consortium(tmp_path / "out") as processes:
        processes.start_all()
        found = race(processes.out, ("lender-one", "lender-two"), PAIRS, first=0)
    assert [one.failure or other.failure for one, other in found if one.failure or other.failure] == []
    blind = [number for number, (one, other) in enumerate(found) if not (sees_the_other(one) or sees_the_other(other))]
    assert blind == []
    both = sum(sees_the_other(one) and sees_the_other(other) for one, other in found)
    assert 0 < both <= PAIRS
