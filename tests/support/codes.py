"""Refusals by code."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consortium.errors import Code, CreditError


@contextmanager
def refused(*codes: Code, cause: str = "") -> Iterator[None]:
    """Expect a refusal with one of these codes, and with this in its cause."""
    with pytest.raises(CreditError) as caught:
        yield
    assert caught.value.code in codes, str(caught.value)
    assert cause in caught.value.cause
