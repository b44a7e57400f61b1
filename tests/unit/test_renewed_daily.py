"""A query key that cannot be read at midnight costs the node nothing: it asks as before, and tries again."""

from types import SimpleNamespace
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from participants import serving


def test_a_key_that_cannot_be_read_leaves_the_node_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = [CreditError(Code.STORAGE_BROKEN), "today's"]
    before = SimpleNamespace(contributor=None, requester=SimpleNamespace(executor=None))
    parts: Any = SimpleNamespace(asker=SimpleNamespace(node=before), query_keys=None)

    def requester(*_: object) -> object:
        if isinstance(one := given.pop(0), CreditError):
            raise one
        return one

    monkeypatch.setattr(serving, "requester_of_today", requester)
    monkeypatch.setattr(serving, "replace", lambda _, **changes: SimpleNamespace(**changes))
    assert not serving._certified_anew(parts)
    assert parts.asker.node is before
    assert serving._certified_anew(parts)
    assert parts.asker.node.requester == "today's"
