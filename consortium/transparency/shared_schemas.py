"""Parts of schemas that entries about queries, lists and statistics have in common."""

from consortium.transparency.schemas import Schema, count, digest, fields, listed, member, members, text

CODE = text("^[A-Z][A-Z0-9_]{1,63}$", "a code of docs/errors.md, or OK")
REQUEST = text("^[0-9a-f]{32}$", "the request's id, chosen by the requester; 16 bytes in hexadecimal")
NAME = "^[a-z][a-z0-9_-]{0,63}$"
_MESSAGE: Schema = {
    "anyOf": [
        {"type": "null"},
        fields(
            {
                "digest": digest("digest of the signed message with its signature"),
                "counter": count("the member's own number of the message", 1),
            },
            "a signed message that was accepted",
        ),
    ]
}
CONTRIBUTIONS = listed(
    fields(
        {
            "member": member("the contributor"),
            "outcome": CODE,
            "round1": _MESSAGE,
            "round2": _MESSAGE,
        },
        "what came of one contributor in the last attempt",
    ),
    "contributions, in the order of their members",
)
DIFFERING: Schema = {
    "type": "array",
    "items": {**members("two members whose pair digests differ"), "minItems": 2, "maxItems": 2},
    "description": "pairs of members that did not hold the same pair key, over all attempts",
}
