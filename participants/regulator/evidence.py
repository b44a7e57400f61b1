"""
Evidence: the few lines of a log that contradict themselves, a body or a receipt, for somebody who has nothing else.

Every line comes with its path to the root of a checkpoint that the log has signed. Only contradictions count that no
further line can explain: a number that stands for two messages, a product that is none of its factors, an outcome that
denies a receipt. What shows by something missing needs the whole export, which is then the evidence; and what cannot
be found in the log at all, such as two histories, is what a witness kept when it refused to cosign.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.membership.trusted import Signed
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.kinds import parse_entry
from consortium.transparency.notes import VerifierKey, parse_note
from consortium.transparency.policy import Policy
from consortium.transparency.ranges import PathFinder
from consortium.transparency.tree import leaf_hash, verify_consistency, verify_inclusion
from consortium.transparency.witness import check_evidence as check_log_evidence
from consortium.transparency.witness import two_checkpoints
from consortium.wire.bodies import StoredBody
from participants.regulator.archive import Before, Export, Hash, NoteBytes, from_base64, open_export, to_base64
from participants.regulator.body_checks import EXCHANGES, BodyChecks
from participants.regulator.entry_checks import COUNTERS, RULES, SETS, EntryChecks
from participants.regulator.order_checks import TIMES, OrderChecks, place
from participants.regulator.receipts import PART as RECEIPTS
from participants.regulator.receipts import HeldReceipts
from participants.regulator.supervision_checks import FILINGS, SupervisionChecks
from participants.regulator.trust import Trust
from participants.regulator.verdict import Finding, State, Verdict
from participants.regulator.verify import LINES, Audit

KIND: Final = "log-contradictions"
FORM: Final = 1
PROVABLE = frozenset({COUNTERS, EXCHANGES, FILINGS, RECEIPTS, RULES, SETS, TIMES})
"""Parts whose failures need no other lines than those that the finding names."""
MAXIMUM_BYTES = 256 << 20

Long = Annotated[bytes, BeforeValidator(from_base64), PlainSerializer(to_base64)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ProvenLine(_Part):
    """A line of the log with its path to the root, and its body, where it has one here."""

    line: Long
    path: tuple[Hash, ...]
    body: Long | None = None


class Version(_Part):
    """One version of the rulebook, and who signed it."""

    document: Long
    signatures: Mapping[str, Annotated[bytes, BeforeValidator(from_base64), PlainSerializer(to_base64)]]


class Evidence(_Part):
    """What a third party is handed; `findings` is what it will find, in words."""

    kind: Literal["log-contradictions"] = KIND
    form: Literal[1] = FORM
    checkpoint: NoteBytes
    before: Before | None = None
    rulebooks: tuple[Version, ...]
    lines: tuple[ProvenLine, ...]
    receipts: tuple[Long, ...]
    findings: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Give canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


def evidence_from_bytes(data: bytes) -> Evidence:
    """Parse evidence; raises CreditError(MALFORMED)."""
    try:
        return Evidence.model_validate(parse_canonical(data))
    except ValidationError:
        raise CreditError(Code.MALFORMED, "not evidence") from None


@dataclass
class Checked:
    """What evidence came to: what it proves, in words; nothing where it proves nothing, and what stays open."""

    proven: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


def make_evidence(path: Path, audit: Audit, trust: Trust) -> Evidence | None:
    """
    Put together what an export's failed verification leaves in evidence; None where only the whole export shows it.

    Raises CreditError(EXPORT_UNDECIDED) where the export's lines are not those of a checkpoint that the log signed:
    whoever changed them, it is no evidence against the log.
    """
    wanted = {index for one in audit.verdict.findings if _counts(one) for index in one.entries}
    if not wanted:
        return None
    if audit.judged is None or audit.verdict.failed(LINES):
        raise CreditError(Code.EXPORT_UNDECIDED, "these lines are not those of the checkpoint: evidence against nobody")
    with open_export(path) as export:
        found = Evidence(
            checkpoint=export.checkpoint,
            before=export.proof.before,
            rulebooks=tuple(Version(document=one.document, signatures=one.signatures) for one in export.rulebooks()),
            lines=tuple(proven_lines(export, wanted)),
            receipts=tuple(audit.receipts.contradicted) if audit.receipts else (),
            findings=(),
        )
    proven = check(found.to_bytes(), trust).proven
    return found.model_copy(update={"findings": tuple(proven)}) if proven else None


def check(data: bytes, trust: Trust, export: Path | None = None) -> Checked:
    """
    Say what a file of evidence proves to somebody who has only `trust`: from `make_evidence`, or kept by a witness.

    Of a witness's evidence a full export may show that the log did not grow from what it had signed before. Raises
    CreditError(MALFORMED), (TREE_PROOF_INVALID), (CHECKPOINT_INVALID) and as `Trust` does.
    """
    if len(data) > MAXIMUM_BYTES:
        raise CreditError(Code.MALFORMED, "too long for evidence")
    value = parse_canonical(data)
    if isinstance(value, dict) and value.get("kind") == "log-evidence":
        return _check_two_checkpoints(data, trust, export)
    evidence = evidence_from_bytes(data)
    chain = trust.chain([Signed(one.document, one.signatures) for one in evidence.rulebooks])
    policy = trust.log_policy(chain[-1])
    judged = policy.identify(parse_note(evidence.checkpoint))
    entries = _entries(evidence, judged.signed)
    verdict = Verdict()
    rulebooks = {rulebook.digest.hex(): rulebook for rulebook in chain}
    checks = EntryChecks(verdict, judged.signed.size, rulebooks, all_purposes=False)
    supervision = SupervisionChecks(verdict, rulebooks, judged.signed.size)
    bodies = BodyChecks(verdict, rulebooks, _bodies(evidence, entries), 0)
    receipts = HeldReceipts(verdict, some=True)
    receipts.read_lines(evidence.receipts, chain)
    order = OrderChecks(verdict, 0, gaps=True, before=_before(evidence, policy, judged.signed))
    for entry, leaf in entries:
        order.take(*place(entry))
        checks.take(entry)
        supervision.take(entry)
        bodies.take(entry, leaf)
        receipts.meet(entry, leaf)
    order.finish(max(judged.witnessed.values(), default=None))
    return Checked([f"{one.part}: {one.text}" for one in verdict.findings if _counts(one)])


def _counts(finding: Finding) -> bool:
    return finding.state is State.FAILED and finding.part in PROVABLE and bool(finding.entries)


def proven_lines(export: Export, indices: Iterable[int]) -> Iterator[ProvenLine]:
    """Give lines of an export with their paths and bodies; those outside of its range are left out."""
    wanted = {index for index in indices if export.proof.first <= index < export.proof.end}
    finder, lines = PathFinder(export.proof.range, wanted), dict[int, bytes]()
    for line in export.lines():
        if not export.proof.selection.filtered:
            finder.append_hash(leaf_hash(line))
        index, _ = place(parse_entry(line))
        if index in wanted:
            lines[index] = line
    if export.proof.selection.filtered:
        for leaf in export.leaf_hashes():
            finder.append_hash(leaf)
    paths, bodies = finder.finish(), dict[int, bytes]()
    if export.proof.bodies == "beside":
        bodies = {one.index: one.content for one in export.bodies() if one.index in lines and one.erased_by is None}
    for index in sorted(lines):
        yield ProvenLine(line=lines[index], path=paths[index], body=bodies.get(index))


def _entries(evidence: Evidence, signed: SignedCheckpoint) -> list[tuple[Any, bytes]]:
    """Hold every line to the root, and give the entries in order with their leaves' hashes."""
    found: list[tuple[Any, bytes]] = []
    for one in evidence.lines:
        entry, leaf = parse_entry(one.line), leaf_hash(one.line)
        index, _ = place(entry)
        if found and index <= place(found[-1][0])[0]:
            raise CreditError(Code.MALFORMED, "lines out of order")
        verify_inclusion(leaf, index, signed.size, one.path, signed.root)
        found.append((entry, leaf))
    return found


def _bodies(evidence: Evidence, entries: Sequence[tuple[Any, bytes]]) -> Iterator[StoredBody]:
    for one, (entry, _) in zip(evidence.lines, entries, strict=True):
        if one.body is not None:
            yield StoredBody(place(entry)[0], one.body)


def _before(evidence: Evidence, policy: Policy, signed: SignedCheckpoint) -> tuple[int, int]:
    """Give the size of the earlier checkpoint that the newest one grew from, and when it was witnessed."""
    if evidence.before is None:
        return 0, 0
    opened = policy.identify(parse_note(evidence.before.checkpoint))
    if opened.signed.size:
        proof = evidence.before.consistency
        verify_consistency(opened.signed.size, signed.size, proof, opened.signed.root, signed.root)
    return opened.signed.size, max(opened.witnessed.values(), default=0) * 1000


def _check_two_checkpoints(data: bytes, trust: Trust, path: Path | None) -> Checked:
    """Look at what a witness kept: two checkpoints of one log that do not go together."""
    if path is None:
        log = _its_log(data, trust.log_policy(None))
        said, proven = check_log_evidence(data, log)
        return Checked([said]) if proven else Checked(open=[f"{said}; an export of everything may show it"])
    with open_export(path) as export:
        chain = trust.chain(export.rulebooks()) if trust.fingerprint else []
        policy = trust.log_policy(chain[-1] if chain else None)
        log = _its_log(data, policy)
        said, proven = check_log_evidence(data, log)
        if proven:
            return Checked([said])
        sizes = {one.size: one.root for one in two_checkpoints(data, log)}
        newest = policy.identify(parse_note(export.checkpoint)).signed
        roots = _roots(export, newest.root, sizes.keys())
    differing = [size for size, root in sorted(roots.items()) if sizes[size] != root]
    if differing:
        return Checked(
            [f"the log signed {newest.size:,} entries of which the first {differing[0]:,} are not those it had"]
        )
    return Checked(open=[said, f"the export of {newest.size:,} entries agrees with {len(roots)} of the two"])


def _its_log(data: bytes, policy: Policy) -> VerifierKey:
    """Give the log of the policy whose signatures the evidence has."""
    problem = CreditError(Code.CHECKPOINT_INVALID, "signed by no log of the policy")
    for log in policy.logs:
        try:
            two_checkpoints(data, log)
        except CreditError as error:
            problem = error
        else:
            return log
    raise problem


def _roots(export: Export, newest: bytes, sizes: Iterable[int]) -> dict[int, bytes]:
    """Give the roots of the first lines of an export of everything, which are held to its checkpoint's root."""
    if export.proof.selection.filtered or export.proof.first:
        raise CreditError(Code.EXPORT_UNDECIDED, "this needs an export of everything from the first entry on")
    wanted, found, hasher = set(sizes), dict[int, bytes](), export.proof.range.hasher()
    for line in export.lines():
        hasher.append(line)
        if hasher.size in wanted:
            found[hasher.size] = hasher.root()
    export.proof.range.finish(hasher, newest)
    return found
