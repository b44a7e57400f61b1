"""Refusals by code."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consortium.errors import Code, CreditError


@contextmanager
def refused(*codes: Code) -> Iterator[None]:
    """Expect a refusal with one of these codes."""
    with pytest.raises(CreditError) as caught:
        yield
    assert caught.value.code in codes, str(caught.value)
