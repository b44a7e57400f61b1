"""How many queries a day: the gateway's own limit and the rulebook's, whichever is lower."""

import pytest

from consortium.membership.genesis import default_policy
from gateway.usecases.asking import Quotas


@pytest.mark.parametrize(("stated", "own", "expected"), [(None, 5, 5), (3, 5, 3), (9, 5, 5)])
def test_the_lower_limit_holds(stated: int | None, own: int, expected: int) -> None:
    policy = default_policy().model_copy(update={"queries_per_day": stated})
    assert Quotas(100, own).under(policy) == Quotas(100, expected)
