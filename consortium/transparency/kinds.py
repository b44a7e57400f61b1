"""
The kinds of entries, each with its JSON Schema (draft 2020-12): what may stand in a line of the log.

The schemas are published as `docs/schemas/<kind>.schema.json`, made from this module by `make docs`. They are compiled
once; a line of a kind that is not here, or with anything more or less than its schema says, is refused. Nobody adds a
field to a kind that is in use: whoever needs one adds a kind.
"""

from collections.abc import Mapping
from typing import TypeAlias

import jsonschema_rs

from consortium.canonical import MAX_INTEGER, CanonicalValue, parse_canonical
from consortium.errors import Code, CreditError

Schema: TypeAlias = dict[str, CanonicalValue]

UNKNOWN_KIND = "unknown kind"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _text(pattern: str, description: str) -> Schema:
    return {"type": "string", "pattern": pattern, "description": description}


def _count(description: str, minimum: int = 0) -> Schema:
    return {"type": "integer", "minimum": minimum, "maximum": MAX_INTEGER, "description": description}


def _list(items: Schema, description: str, most: int = 1024) -> Schema:
    return {"type": "array", "items": items, "maxItems": most, "description": description}


def _object(properties: Mapping[str, Schema], description: str) -> Schema:
    return {
        "type": "object",
        "properties": {**properties},
        "required": [*properties],
        "additionalProperties": False,
        "description": description,
    }


def _digest(description: str) -> Schema:
    return _text("^[0-9a-f]{64}$", f"{description}; 32 bytes in hexadecimal")


def _member(description: str) -> Schema:
    return _text("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", description)


def _members(description: str) -> Schema:
    return _list(_member("a member's id"), description)


_CODE = _text("^[A-Z][A-Z0-9_]{1,63}$", "a code of docs/errors.md, or OK")
_REQUEST = _text("^[0-9a-f]{32}$", "the request's id, chosen by the requester; 16 bytes in hexadecimal")
_REASON = "^[ -~]{1,200}$"
_NAME = "^[a-z][a-z0-9_-]{0,63}$"
_MESSAGE: Schema = {
    "anyOf": [
        {"type": "null"},
        _object(
            {
                "digest": _digest("digest of the signed message with its signature"),
                "counter": _count("the member's own number of the message", 1),
            },
            "a signed message that was accepted",
        ),
    ]
}
_CONTRIBUTIONS = _list(
    _object(
        {
            "member": _member("the contributor"),
            "outcome": _CODE,
            "round1": _MESSAGE,
            "round2": _MESSAGE,
        },
        "what came of one contributor in the last attempt",
    ),
    "contributions, in the order of their members",
)
_DIFFERING: Schema = {
    "type": "array",
    "items": {**_members("two members whose pair digests differ"), "minItems": 2, "maxItems": 2},
    "description": "pairs of members that did not hold the same pair key, over all attempts",
}
_QUOTA = _object(
    {
        "before": _count("queries of the requester on this UTC day before this one"),
        "after": _count("the same, this one included; a request that is carried again counts once"),
        "limit": _count("how many it may ask a day", 1),
    },
    "the requester's daily quota",
)

_FIELDS: dict[str, tuple[str, dict[str, Schema]]] = {
    "query-admitted": (
        "A query was admitted; durable before any member was asked.",
        {
            "request": _REQUEST,
            "query": _digest("digest of the signed query"),
            "requester": _member("who asks"),
            "purpose": _text(_NAME, "the purpose"),
            "attributes": _list(_text(_NAME, "an attribute's id"), "what is asked for", 256),
            "suite": _text("^[A-Z][A-Z0-9_]{0,63}$", "how the sum is protected"),
            "consent": _digest("digest of the consent record; zeros where the purpose needs none"),
            "staff": _digest("commitment to the member's user"),
            "issued_at": _count("time of issue, Unix seconds"),
            "expires_at": _count("first second at which the query is void, Unix seconds"),
            "rulebook": _digest("digest of the rulebook in force"),
            "tags": _digest("salted commitment to the subject's tags"),
            "payload": _digest("digest of the sealed payload"),
            "envelope": _digest("digest of the regulator's envelope"),
            "roster": _members("every active lender of the rulebook, sorted"),
            "quota": _QUOTA,
        },
    ),
    "query-answered": (
        "A query was answered; durable before the answer left.",
        {
            "query": _digest("digest of the signed query"),
            "admission": _count("index of the admission that this outcome belongs to"),
            "ctx": _digest("the exchange"),
            "attempt": _count("which attempt succeeded", 1),
            "intended": _members("who was attached and well (L)"),
            "answering": _members("whose contributions are in the sum (U)"),
            "contributions": _CONTRIBUTIONS,
            "differing": _DIFFERING,
            "product": _digest("digest of the resulting ciphertext"),
            "transcript": _digest("digest of everything that the requester was sent"),
            "decision": {"enum": ["ANSWERED", "INCOMPLETE"], "description": "INCOMPLETE: not every lender is in"},
        },
    ),
    "query-refused": (
        "A query was refused, before or after its admission.",
        {
            "request": _REQUEST,
            "query": _digest("digest of the signed query"),
            "requester": _member("who asked"),
            "purpose": _text(_NAME, "the purpose"),
            "attempt": _count("attempts made"),
            "contributions": _CONTRIBUTIONS,
            "decision": _CODE,
            "reason": {"type": "string", "maxLength": 500, "description": "which check failed"},
        },
    ),
    "query-abandoned": (
        "An admitted query has neither answer nor refusal long after its expiry: the gateway stopped in between.",
        {
            "query": _digest("digest of the signed query"),
            "admission": _count("index of its last admission"),
            "expired_at": _count("when the query expired, Unix seconds"),
        },
    ),
    "requests-dropped": (
        "Requests that were refused without entries of their own, because the member had too many refused.",
        {
            "requester": _member("who asked"),
            "count": _count("how many", 1),
            "since": _count("since when, Unix seconds"),
        },
    ),
    "bodies-ordered": (
        "Bodies beside the log were erased, held or released, by a signed order.",
        {
            "action": {"enum": ["erase", "hold", "release"], "description": "erase destroys the bodies' keys"},
            "entries": _list(_count("index of an entry"), "whose bodies, rising"),
            "reason": _text(_REASON, "why, without naming anybody"),
            "issued_at": _count("when the order was signed, Unix seconds"),
            "rulebook": _digest("digest of the rulebook in force"),
            "signatures": _list(
                _object(
                    {
                        "member": _member("who signed"),
                        "signature": _text("^[0-9a-f]{128}$", "Ed25519 over the order, in hexadecimal"),
                    },
                    "a signature",
                ),
                "of the gateway's operator and of a regulator",
                8,
            ),
        },
    ),
    "bodies-expired": (
        "Bodies beside the log were erased because the rulebook's retention period is over.",
        {
            "entries": _list(_count("index of an entry"), "whose bodies, rising"),
            "retention_days": _count("how long the rulebook in force has bodies kept", 1),
            "rulebook": _digest("digest of that rulebook"),
        },
    ),
    "member-application": (
        "Somebody applied for membership.",
        {
            "member": _member("the applicant"),
            "sponsor": _member("the lender that is to propose it"),
            "application": _digest("digest of the application"),
        },
    ),
    "member-vote": (
        "An approver voted on the next rulebook version.",
        {
            "approver": _member("who voted"),
            "proposal": _digest("digest of the proposal"),
            "version": _count("the version that it would make", 2),
            "vote": {"enum": ["approve", "reject"], "description": "what was decided"},
        },
    ),
    "member-version": (
        "A rulebook version has the votes that it needs.",
        {
            "version": _count("its number", 1),
            "rulebook": _digest("digest of its bytes"),
            "signers": _members("whose signatures it came into force with, sorted"),
        },
    ),
    "member-emergency": (
        "The operator suspended a member in an emergency.",
        {
            "member": _member("who was suspended"),
            "notice": _digest("digest of the notice"),
            "version": _count("the rulebook version in force", 1),
            "lapses_at": _count("when it ends by itself, Unix seconds"),
        },
    ),
    "member-certificate": (
        "A TLS certificate was issued to a member.",
        {
            "member": _member("whose it is"),
            "tls_key": _digest("SHA-256 of its SubjectPublicKeyInfo"),
            "valid_until": _count("when it ends, Unix seconds"),
        },
    ),
}


def _schema(kind: str, title: str, fields: Mapping[str, Schema]) -> Schema:
    common: dict[str, Schema] = {
        "index": _count("the entry's position in the log"),
        "kind": {"const": kind},
        "time_ms": _count("when it was written, Unix milliseconds; never less than in the entry before"),
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:credit:v1:entry:{kind}",
        "title": title,
        **_object({**common, **fields}, title),
    }


SCHEMAS: dict[str, Schema] = {kind: _schema(kind, *described) for kind, described in _FIELDS.items()}
"""Every kind's schema."""

_VALIDATORS = {kind: jsonschema_rs.validator_for(schema) for kind, schema in SCHEMAS.items()}


def check_entry(entry: Mapping[str, CanonicalValue]) -> str:
    """
    Give an entry's kind, index and time included; raises CreditError(ENTRY_INVALID).

    The cause names the place that is wrong and never its content.
    """
    kind = entry.get("kind")
    validator = _VALIDATORS.get(kind) if isinstance(kind, str) else None
    if validator is None or not isinstance(kind, str):
        raise CreditError(Code.ENTRY_INVALID, UNKNOWN_KIND)
    if not validator.is_valid(entry):
        wrong = next(iter(validator.iter_errors(entry)))
        place = "/".join(str(part) for part in wrong.instance_path)
        raise CreditError(Code.ENTRY_INVALID, f"{kind}: {place or 'fields'}")
    return kind


def parse_entry(line: bytes) -> dict[str, CanonicalValue]:
    """Parse a line of the log; raises CreditError(MALFORMED) or (ENTRY_INVALID)."""
    value = parse_canonical(line)
    if not isinstance(value, dict):
        raise CreditError(Code.ENTRY_INVALID, "no object")
    check_entry(value)
    return value
