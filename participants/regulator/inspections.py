"""
Inspections on the regulator's side: what an export says of an order, and the examination of what the member showed.

Nothing here is believed that the export does not prove; the caller has verified it. The examination needs the export
and the bundle's plain bytes, no key and no network, so that a third party can repeat it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.bodies import EntryBody
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rulebook import Rulebook
from consortium.model.signing import verify_signature
from consortium.supervision.bundle import read_bundle
from consortium.supervision.documents import FilingKind, Finding, InspectionOrder, MemberStatement, filing_digest
from consortium.supervision.examine import Exchange, examine
from consortium.supervision.statements import stated_journals
from consortium.transparency.kinds import parse_entry
from consortium.wire.bodies import entry_body_from_bytes
from participants.regulator.archive import Export

OPEN_CODES = frozenset({Code.PAIR_MISMATCH, Code.EXPORT_UNDECIDED})
"""What leaves an examination undecided, where any other code refutes the member."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination came to, and why."""

    finding: Finding
    cause: str


@dataclass
class Inspected:
    """All that an export has about one order: the answer with its admission, and the member's statements."""

    index: int
    order: InspectionOrder
    digest: bytes
    """The order's, which the bundle names."""
    statements: list[tuple[int, MemberStatement]] = field(default_factory=list)
    """Each with the index of its entry."""
    shown: bytes | None = None
    """SHA-256 of the sealed bytes that the member sent."""
    answer: Mapping[str, Any] | None = None
    admission: Mapping[str, Any] | None = None

    @property
    def before(self) -> int:
        """The number of the newest statement from before the order; 0 without any."""
        return max((one.number for at, one in self.statements if at < self.index), default=0)


def answered_entry(export: Export, index: int) -> Mapping[str, Any]:
    """Give the entry of an answer; raises CreditError(EXPORT_UNDECIDED) where the export has none there."""
    for line in export.lines():
        entry: Mapping[str, Any] = parse_entry(line)
        if entry["index"] == index and entry["kind"] == "query-answered":
            return entry
    raise CreditError(Code.EXPORT_UNDECIDED, f"entry {index} is no answer of this export")


def find_inspected(export: Export, index: int) -> Inspected:
    """Read an order, its answer and the member's statements; raises CreditError(EXPORT_UNDECIDED)."""
    order = _order(export, index)
    found = Inspected(index, *order)
    wanted = found.order
    admissions: dict[int, Mapping[str, Any]] = {}
    for line in export.lines():
        entry: Mapping[str, Any] = parse_entry(line)
        match entry["kind"]:
            case FilingKind.STATEMENT if entry["document"]["member"] == wanted.member:
                found.statements.append((entry["index"], MemberStatement.model_validate(entry["document"])))
            case "inspection-answered" if entry["order"] == index:
                found.shown = bytes.fromhex(entry["digest"])
            case "query-admitted" if entry["index"] < wanted.entry:
                admissions[entry["index"]] = entry
            case "query-answered" if entry["index"] == wanted.entry:
                found.answer, found.admission = entry, admissions.get(entry["admission"])
            case "query-answered" | "query-refused" | "query-abandoned":
                admissions.pop(entry.get("admission", -1), None)
    if found.answer is None or found.admission is None:
        raise CreditError(Code.EXPORT_UNDECIDED, f"entry {wanted.entry} or its admission is not in this export")
    return found


def examine_bundle(
    export: Export, rulebooks: Mapping[str, Rulebook], inspected: Inspected, plain: bytes
) -> Examination:
    """Examine what a member showed; what it cannot have signed by mistake refutes it."""
    try:
        open_points = _examine(export, rulebooks, inspected, plain)
    except CreditError as error:
        finding = Finding.UNDECIDED if error.code in OPEN_CODES else Finding.REFUTED
        return Examination(finding, f"{error.code}: {error.cause}"[:200])
    if open_points:
        return Examination(Finding.UNDECIDED, "; ".join(open_points)[:200])
    return Examination(Finding.CONFIRMED, "")


def _examine(export: Export, rulebooks: Mapping[str, Rulebook], inspected: Inspected, plain: bytes) -> tuple[str, ...]:
    order = inspected.order
    exchange = _exchange(export, rulebooks, inspected)
    newest = [*rulebooks.values()][::-1]
    keys = [one.members[order.member].identity_key for one in newest if order.member in one.members]
    shown = read_bundle(plain, _signing_key(plain, keys))
    bundle = shown.bundle
    if (bundle.member, bundle.order) != (order.member, inspected.digest):
        raise CreditError(Code.REVEAL_INVALID, "the answer to another order")
    if bundle.statement < inspected.before:
        raise CreditError(Code.REVEAL_INVALID, "it agrees with an older statement than the newest before the order")
    known = [one for _, one in inspected.statements if one.number <= bundle.statement]
    if not known or known[-1].number != bundle.statement:
        raise CreditError(Code.EXPORT_UNDECIDED, f"statement {bundle.statement} is not in this export")
    return examine(shown, exchange, stated_journals(known))


def _order(export: Export, index: int) -> tuple[InspectionOrder, bytes]:
    for line in export.lines():
        entry: Mapping[str, Any] = parse_entry(line)
        if entry["index"] == index and entry["kind"] == FilingKind.ORDER:
            signed = bytes.fromhex(entry["signature"]) + canonical_json(entry["document"])
            return InspectionOrder.model_validate(entry["document"]), filing_digest(FilingKind.ORDER, signed)
    raise CreditError(Code.EXPORT_UNDECIDED, f"entry {index} is no order of this export")


def _signing_key(plain: bytes, keys: list[bytes]) -> bytes:
    """Give the key that signed, of those that the member had; the newest where none did."""
    for key in keys:
        try:
            read_bundle(plain, key)
        except CreditError:
            continue
        return key
    if not keys:
        raise CreditError(Code.EXPORT_UNDECIDED, "no rulebook here knows the member")
    return keys[0]


def _exchange(export: Export, rulebooks: Mapping[str, Rulebook], inspected: Inspected) -> Exchange:
    """Put the exchange together from its bodies; raises CreditError(EXPORT_UNDECIDED) where they were erased."""
    answer, admission = inspected.answer or {}, inspected.admission or {}
    query, body = _bodies(export, int(admission["index"]), int(answer["index"]))
    rulebook = rulebooks.get(admission["rulebook"])
    if rulebook is None:
        raise CreditError(Code.EXPORT_UNDECIDED, "the rulebook of the query is not trusted here")
    exchange = Exchange(
        query=query,
        rulebook=rulebook,
        roster=body.roster,
        attempt=answer["attempt"],
        intended=frozenset(answer["intended"]),
        answering=frozenset(answer["answering"]),
        round1={one.body.contributor: one for one in body.round1},
        round2={one.body.contributor: one for one in body.round2},
        block=body.block,
    )
    if exchange.ctx.hex() != answer["ctx"] or query.digest.hex() != answer["query"]:
        raise CreditError(Code.EXPORT_UNDECIDED, "the bodies are not those of the entry")
    for member in exchange.answering:
        _check_signed(exchange, member)
    return exchange


def _check_signed(exchange: Exchange, member: MemberId) -> None:
    """Verify a member's two messages, so that nobody is convicted of what it did not sign."""
    key = exchange.rulebook.members[member].identity_key
    first, second = exchange.round1[member], exchange.round2[member]
    verify_signature(key, first.signature, Label.ROUND1, first.raw)
    verify_signature(key, second.signature, Label.ROUND2, second.raw)


def _bodies(export: Export, admission: int, answer: int) -> tuple[SignedQuery, EntryBody]:
    found: dict[int, EntryBody] = {}
    for body in export.bodies():
        if body.index in (admission, answer) and body.erased_by is None:
            found[body.index] = entry_body_from_bytes(body.content)
    if admission not in found or answer not in found:
        raise CreditError(Code.EXPORT_UNDECIDED, "the bodies of the answer were erased, or are not in this export")
    query = found[admission].query
    if query is None:
        raise CreditError(Code.EXPORT_UNDECIDED, "the admission's body has no query")
    return query, found[answer]


def sealed_digest(sealed: bytes) -> bytes:
    """Name what a member sent, as its entry does."""
    return sha256(sealed).digest()
