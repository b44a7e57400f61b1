"""JSON of any depth is refused with a code, also where it can just be parsed and not be written again."""

import sys

import pytest

from consortium.canonical import parse_canonical
from consortium.errors import Code, CreditError
from tests.support.codes import refused


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_every_depth_is_parsed_or_refused(opening: str, closing: str) -> None:
    codes: set[Code] = set()
    limit = sys.getrecursionlimit()
    for depth in range(limit - 200, limit + 50):
        data = (opening * depth + "0" + closing * depth).encode()
        try:
            parse_canonical(data)
        except CreditError as error:  # and nothing else
            codes.add(error.code)
    assert codes == {Code.MALFORMED}
    with refused(Code.MALFORMED):
        parse_canonical(b"[" * 100_000)
