"""Canonical JSON for everything that is hashed or signed as text: a subset in which sorted compact JSON is RFC 8785."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from consortium.errors import Code, CreditError

CanonicalValue: TypeAlias = "bool | int | str | Sequence[CanonicalValue] | Mapping[str, CanonicalValue] | None"

MAX_INTEGER = 2**53 - 1


def canonical_json(value: CanonicalValue) -> bytes:
    """
    Encode as RFC 8785 canonical JSON: ASCII keys and strings, integers of magnitude below 2^53, no floats.

    Raises CreditError(MALFORMED) for anything else, naming the offending kind but never its content.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("ascii")


def parse_canonical(data: bytes) -> CanonicalValue:
    """Parse canonical JSON; raises CreditError(MALFORMED) unless re-encoding gives the very same bytes."""
    try:
        value: CanonicalValue = json.loads(data)
        again = canonical_json(value)  # which goes deeper for every level than parsing does
    except (ValueError, RecursionError) as error:
        raise CreditError(Code.MALFORMED, "not JSON") from error
    if again != data:
        raise CreditError(Code.MALFORMED, "JSON that is not in canonical form")
    return value


def _check(value: CanonicalValue) -> None:
    match value:
        case None | bool():
            return
        case int():
            if abs(value) > MAX_INTEGER:
                raise CreditError(Code.MALFORMED, "an integer of 2^53 or more")
        case str():
            if not value.isascii():
                raise CreditError(Code.MALFORMED, "a string that is not ASCII")
        case list() | tuple():
            for item in value:
                _check(item)
        case dict():
            for key, item in value.items():
                _check(key)
                _check(item)
        case _:
            raise CreditError(Code.MALFORMED, f"a value of type {type(value).__name__}")
