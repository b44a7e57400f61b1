"""
Who asked about one person: the regulator opens every query's envelope and compares its tags with the person's.

A tag comes from a member that knows the person's identifier; the regulator cannot compute one. Everything is read from
an export with bodies, in one pass; memory holds the queries that were found, and no tag is ever printed.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.model.identifiers import PLACES, SubjectTag
from consortium.model.query import SignedQuery
from consortium.sealing.payload import open_envelope
from consortium.transparency.kinds import parse_entry
from consortium.transparency.outcomes import OpenAdmissions
from consortium.transparency.portfolio_kinds import BLOCK
from consortium.wire.bodies import StoredBody, entry_body_from_bytes
from participants.regulator.archive import Export
from participants.regulator.body_checks import QUERY_KINDS
from participants.regulator.settings import open_by_any

OUTCOME_KINDS = frozenset({"query-answered", "query-refused", "query-abandoned"})
TAG_DIGITS = 64
MAXIMUM_TAGS = 16 * PLACES


@dataclass(slots=True)
class Access:
    """A query about the person: the entry with its query, and the entry of its outcome once there is one."""

    index: int
    line: bytes
    entry: Mapping[str, Any]
    requester: str
    purpose: str
    issued_at: int
    consent: str
    outcome: str = "OPEN"
    outcome_index: int | None = None


@dataclass
class AccessSearch:
    """
    What was found, and what could not be looked at: erased bodies, envelopes that do not open, and lists.

    The envelope of a list has the digest of its tags: whether a person is on it the requester has to show.
    """

    found: list[Access] = field(default_factory=list)
    looked_at: int = 0
    erased: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)


def tags_from_text(text: str) -> tuple[SubjectTag, ...]:
    """Read tags, 64 hex digits a line; raises CreditError(SETTINGS_INVALID)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        tags = tuple(SubjectTag(bytes.fromhex(line)) for line in lines if len(line) == TAG_DIGITS)
    except ValueError:
        tags = ()
    if not 0 < len(tags) == len(lines) <= MAXIMUM_TAGS:
        raise CreditError(Code.SETTINGS_INVALID, f"tags: 64 hex digits a line, at most {MAXIMUM_TAGS}")
    return tags


def search(export: Export, keys: Sequence[X25519PrivateKey], tags: Sequence[SubjectTag]) -> AccessSearch:
    """Look at every query of an export; raises CreditError(EXPORT_UNDECIDED) where it has no bodies."""
    if export.proof.bodies == "digests":
        raise CreditError(Code.EXPORT_UNDECIDED, "an export without bodies")
    wanted, result = tuple(tag.value for tag in tags), AccessSearch()
    admitted = OpenAdmissions[Access]()
    for line, entry, body in _pairs(export):
        access = None
        if entry["kind"] in QUERY_KINDS and body is not None:
            access = _look(line, entry, body, keys, wanted, result)
        if access is not None:
            result.found.append(access)
        if access is not None and entry["kind"] == "query-admitted":
            admitted.admit(entry, access)
        elif (known := access or _ended(admitted, entry)) is not None:
            _follow(known, entry)
    return result


def _ended(admitted: OpenAdmissions[Access], entry: Mapping[str, Any]) -> Access | None:
    """Give the admission that an entry ends, where that is one; one query may be asked under several request ids."""
    return admitted.end(entry) if entry["kind"] in OUTCOME_KINDS else None


def _pairs(export: Export) -> Iterator[tuple[bytes, dict[str, Any], StoredBody | None]]:
    bodies = export.bodies()
    body = next(bodies, None)
    for line in export.lines():
        entry: dict[str, Any] = parse_entry(line)
        while body is not None and body.index < entry["index"]:
            body = next(bodies, None)
        yield line, entry, body if body is not None and body.index == entry["index"] else None


def _look(
    line: bytes,
    entry: Mapping[str, Any],
    body: StoredBody,
    keys: Sequence[X25519PrivateKey],
    wanted: Sequence[bytes],
    result: AccessSearch,
) -> Access | None:
    if body.erased_by is not None:
        if entry["kind"] not in ("query-answered", BLOCK):
            result.erased.append(body.index)
        return None
    try:
        query = entry_body_from_bytes(body.content).query
        if query is None:
            return None
        if query.header.rows is not None:
            result.lists.append(body.index)
            return None
        result.looked_at += 1
        tags, _ = open_by_any(keys, lambda key: open_envelope(key, query.header_digest, query.envelope))
    except CreditError:
        result.unreadable.append(body.index)
        return None
    if not any(hmac.compare_digest(tag.value, one) for tag in tags for one in wanted):
        return None
    return _access(line, entry, query)


def _access(line: bytes, entry: Mapping[str, Any], query: SignedQuery) -> Access:
    header = query.header
    return Access(
        entry["index"],
        line,
        entry,
        header.requester,
        header.purpose.value,
        header.issued_at,
        header.consent_digest.hex(),
    )


def _follow(access: Access, entry: Mapping[str, Any]) -> None:
    match entry["kind"]:
        case "query-answered" | "query-refused":
            access.outcome, access.outcome_index = entry["decision"], entry["index"]
        case "query-abandoned":
            access.outcome, access.outcome_index = "ABANDONED", entry["index"]
