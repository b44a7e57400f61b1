"""Pieces of JSON Schema (draft 2020-12) that the kinds of entries are described with."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

from consortium.canonical import MAX_INTEGER, CanonicalValue

Schema: TypeAlias = dict[str, CanonicalValue]


def text(pattern: str, description: str) -> Schema:
    """Describe a string of a pattern."""
    return {"type": "string", "pattern": pattern, "description": description}


def count(description: str, minimum: int = 0) -> Schema:
    """Describe an integer from `minimum` on that canonical JSON can carry."""
    return {"type": "integer", "minimum": minimum, "maximum": MAX_INTEGER, "description": description}


def listed(items: Schema, description: str, most: int = 1024) -> Schema:
    """Describe a list of at most so many items."""
    return {"type": "array", "items": items, "maxItems": most, "description": description}


def fields(properties: Mapping[str, Schema], description: str, optional: Collection[str] = ()) -> Schema:
    """Describe an object that has exactly these fields; `optional` ones may be left out."""
    return {
        "type": "object",
        "properties": {**properties},
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        "description": description,
    }


def digest(description: str) -> Schema:
    """Describe a digest, 64 hexadecimal digits."""
    return text("^[0-9a-f]{64}$", f"{description}; 32 bytes in hexadecimal")


def member(description: str) -> Schema:
    """Describe a member's id."""
    return text("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", description)


def members(description: str) -> Schema:
    """Describe a list of members' ids."""
    return listed(member("a member's id"), description)
