"""
The kinds of entries, each with its JSON Schema (draft 2020-12): what may stand in a line of the log.

The schemas are published as `docs/schemas/<kind>.schema.json`, made from this module by `make docs`. They are compiled
once; a line of a kind that is not here, or with anything more or less than its schema says, is refused. Nobody adds a
field to a kind that is in use: whoever needs one adds a kind.
"""

from collections.abc import Mapping

import jsonschema_rs

from consortium.canonical import CanonicalValue, parse_canonical
from consortium.errors import Code, CreditError
from consortium.transparency.portfolio_kinds import PORTFOLIOS
from consortium.transparency.schemas import Schema, count, digest, fields, listed, member, members, text
from consortium.transparency.shared_schemas import CODE, CONTRIBUTIONS, DIFFERING, NAME, REQUEST
from consortium.transparency.statistic_kinds import STATISTICS
from consortium.transparency.supervision_kinds import SUPERVISION

UNKNOWN_KIND = "unknown kind"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


_REASON = "^[ -~]{1,200}$"
_QUOTA = fields(
    {
        "before": count("queries of the requester on this UTC day before this one"),
        "after": count("the same, this one included; a request that is carried again counts once"),
        "limit": count("how many it may ask a day", 1),
    },
    "the requester's daily quota",
)

_FIELDS: dict[str, tuple[str, dict[str, Schema]]] = {
    "query-admitted": (
        "A query was admitted; durable before any member was asked.",
        {
            "request": REQUEST,
            "query": digest("digest of the signed query"),
            "requester": member("who asks"),
            "purpose": text(NAME, "the purpose"),
            "attributes": listed(text(NAME, "an attribute's id"), "what is asked for", 256),
            "suite": text("^[A-Z][A-Z0-9_]{0,63}$", "how the sum is protected"),
            "consent": digest("digest of the consent record; zeros where the purpose needs none"),
            "staff": digest("commitment to the member's user"),
            "issued_at": count("time of issue, Unix seconds"),
            "expires_at": count("first second at which the query is void, Unix seconds"),
            "rulebook": digest("digest of the rulebook in force"),
            "tags": digest("salted commitment to the subject's tags"),
            "payload": digest("digest of the sealed payload"),
            "envelope": digest("digest of the regulator's envelope"),
            "roster": members("every active lender of the rulebook, sorted"),
            "quota": _QUOTA,
        },
    ),
    "query-answered": (
        "A query was answered; durable before the answer left.",
        {
            "query": digest("digest of the signed query"),
            "admission": count("index of the admission that this outcome belongs to"),
            "ctx": digest("the exchange"),
            "attempt": count("which attempt succeeded", 1),
            "intended": members("who was attached and well (L)"),
            "answering": members("whose contributions are in the sum (U)"),
            "contributions": CONTRIBUTIONS,
            "differing": DIFFERING,
            "product": digest("digest of the resulting ciphertext"),
            "transcript": digest("digest of everything that the requester was sent"),
            "decision": {"enum": ["ANSWERED", "INCOMPLETE"], "description": "INCOMPLETE: not every lender is in"},
        },
    ),
    "query-refused": (
        "A query was refused, before or after its admission.",
        {
            "request": REQUEST,
            "query": digest("digest of the signed query"),
            "requester": member("who asked"),
            "purpose": text(NAME, "the purpose"),
            "attempt": count("attempts made"),
            "contributions": CONTRIBUTIONS,
            "decision": CODE,
            "reason": {"type": "string", "maxLength": 500, "description": "which check failed"},
            "body": digest("digest of what lies beside the entry; absent where nothing does"),
            "admission": count("index of its admission; absent where it was refused before"),
        },
    ),
    "query-abandoned": (
        "An admitted query has neither answer nor refusal long after its expiry: the gateway stopped in between.",
        {
            "query": digest("digest of the signed query"),
            "admission": count("index of its last admission"),
            "expired_at": count("when the query expired, Unix seconds"),
        },
    ),
    "requests-dropped": (
        "Requests that were refused without entries of their own, because the member had too many refused.",
        {
            "requester": member("who asked"),
            "count": count("how many", 1),
            "since": count("since when, Unix seconds"),
        },
    ),
    "bodies-ordered": (
        "Bodies beside the log were erased, held or released, by a signed order.",
        {
            "action": {"enum": ["erase", "hold", "release"], "description": "erase destroys the bodies' keys"},
            "entries": listed(count("index of an entry"), "whose bodies, rising"),
            "reason": text(_REASON, "why, without naming anybody"),
            "issued_at": count("when the order was signed, Unix seconds"),
            "rulebook": digest("digest of the rulebook in force"),
            "signatures": listed(
                fields(
                    {
                        "member": member("who signed"),
                        "signature": text("^[0-9a-f]{128}$", "Ed25519 over the order, in hexadecimal"),
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
            "entries": listed(count("index of an entry"), "whose bodies, rising"),
            "retention_days": count("how long the rulebook in force has bodies kept", 1),
            "rulebook": digest("digest of that rulebook"),
        },
    ),
    "member-application": (
        "Somebody applied for membership.",
        {
            "member": member("the applicant"),
            "sponsor": member("the lender that is to propose it"),
            "application": digest("digest of the application"),
        },
    ),
    "member-vote": (
        "An approver voted on the next rulebook version.",
        {
            "approver": member("who voted"),
            "proposal": digest("digest of the proposal"),
            "version": count("the version that it would make", 2),
            "vote": {"enum": ["approve", "reject"], "description": "what was decided"},
        },
    ),
    "member-version": (
        "A rulebook version has the votes that it needs.",
        {
            "version": count("its number", 1),
            "rulebook": digest("digest of its bytes"),
            "signers": members("whose signatures it came into force with, sorted"),
        },
    ),
    "member-emergency": (
        "The operator suspended a member in an emergency.",
        {
            "member": member("who was suspended"),
            "notice": digest("digest of the notice"),
            "version": count("the rulebook version in force", 1),
            "lapses_at": count("when it ends by itself, Unix seconds"),
        },
    ),
    "member-certificate": (
        "A TLS certificate was issued to a member.",
        {
            "member": member("whose it is"),
            "tls_key": digest("SHA-256 of its SubjectPublicKeyInfo"),
            "valid_until": count("when it ends, Unix seconds"),
        },
    ),
    **STATISTICS,
    **SUPERVISION,
    **PORTFOLIOS,
}


_OPTIONAL = {"query-refused": ("admission", "body"), "statistic-refused": ("admission",)}


def _schema(kind: str, title: str, described: Mapping[str, Schema]) -> Schema:
    common: dict[str, Schema] = {
        "index": count("the entry's position in the log"),
        "kind": {"const": kind},
        "time_ms": count("when it was written, Unix milliseconds; never less than in the entry before"),
    }
    return {
        "$schema": DIALECT,
        "$id": f"urn:credit:v1:entry:{kind}",
        "title": title,
        **fields({**common, **described}, title, _OPTIONAL.get(kind, ())),
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
