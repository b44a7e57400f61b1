"""
Verifying an export, offline: whom to believe comes from the verifier's own files, never from the export.

First the lines and the root: is this all, and unchanged? Then the rulebook's chain, then what the entries say of each
other, then receipts that members hold against them. Each is looked at even where another fails.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.log_policy import policy_text
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.kinds import UNKNOWN_KIND, parse_entry
from consortium.transparency.notes import parse_note
from consortium.transparency.policy import Judged, Policy, parse_policy
from consortium.transparency.tree import TreeHasher, leaf_hash, verify_consistency
from participants.regulator import archive
from participants.regulator.archive import Export, open_export
from participants.regulator.body_checks import BODIES, BodyChecks
from participants.regulator.entry_checks import EntryChecks
from participants.regulator.receipts import HeldReceipts
from participants.regulator.statistics import Statistics
from participants.regulator.supervision_checks import SupervisionChecks
from participants.regulator.verdict import Verdict

FILE = "file"
CHECKPOINT = "checkpoint"
LINES = "lines"
TIMES = "times"
RULEBOOKS = "rulebooks"
ENTRIES = "entries"
SKEW_MS = 60_000
LATE_MS = 3_600_000
STEP = 4096
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Whom the verifier believes: the first rulebook's fingerprint, and the logs and witnesses of a policy.

    Without a policy they are those of the newest rulebook that the fingerprint leads to.
    """

    policy: Policy | None
    fingerprint: str | None


@dataclass
class Audit:
    """What an export came to: verdict, numbers, and what it claims to be."""

    verdict: Verdict = field(default_factory=Verdict)
    statistics: Statistics = field(default_factory=Statistics)
    proof: archive.Proof | None = None
    judged: Judged | None = None
    rulebook: Rulebook | None = None
    rulebooks: dict[str, Rulebook] = field(default_factory=dict)
    """Every trusted version by its digest in hexadecimal."""
    checks: EntryChecks | None = None
    supervision: SupervisionChecks | None = None


def verify(
    path: Path, trust: Trust, receipts: Path | None = None, progress: Progress = lambda _w, _d, _o: None
) -> Audit:
    """Verify an export and give everything that was found; raises CreditError(SOURCE_UNREADABLE) only."""
    audit = Audit()
    try:
        with open_export(path) as export:
            audit.proof = export.proof
            _Verification(export, trust, audit, receipts, progress).run()
    except CreditError as error:
        if error.code is Code.SOURCE_UNREADABLE:
            raise
        _note(audit.verdict, FILE, error)
    return audit


@dataclass
class _Verification:
    export: Export
    trust: Trust
    audit: Audit
    receipts_file: Path | None
    progress: Progress
    signed: SignedCheckpoint | None = None
    trusted: TrustedSet | None = None
    rulebooks: dict[str, Rulebook] = field(default_factory=dict)

    def run(self) -> None:
        self._part(FILE, self._files)
        self._part(RULEBOOKS, self._rulebooks)
        self._part(CHECKPOINT, self._checkpoint)
        self._part(LINES, self._lines)
        self._part(ENTRIES, self._entries)

    def _part(self, part: str, look: Callable[[], None]) -> None:
        try:
            look()
        except CreditError as error:
            _note(self.audit.verdict, part, error)

    def _files(self) -> None:
        """Hold every file to its digest: chance damage of what is derived shows, too."""
        names = set(self.export.archive.namelist()) - {archive.PROOF}
        if names != set(self.export.proof.files):
            raise CreditError(Code.EXPORT_INVALID, "files are missing, or there are more than the proof names")
        for name, digest in self.export.proof.files.items():
            if self.export.digest(name) != digest:
                raise CreditError(Code.EXPORT_INVALID, f"{name} was changed")
        self.audit.verdict.complete(FILE, f"{len(names)} files as they were written")

    def _checkpoint(self) -> None:
        """Open the checkpoint by the policy, and hold the earlier one to it."""
        note, policy = parse_note(self.export.checkpoint), self._policy()
        judged = self.audit.judged = policy.identify(note)
        self.signed = judged.signed
        if self.signed.size != self.export.proof.size:
            raise CreditError(Code.EXPORT_INVALID, "the proof is about another checkpoint")
        self._check_before(policy, judged)
        policy.open(self.export.checkpoint)
        names = ", ".join(sorted(judged.witnessed)) or "nobody, as the policy allows"
        self.audit.verdict.complete(
            CHECKPOINT, f"{self.signed.size:,} entries, signed by the log, witnessed by {names}"
        )

    def _policy(self) -> Policy:
        """Give the verifier's own policy, else the one that the trusted rulebook stands for."""
        if self.trust.policy is not None:
            return self.trust.policy
        if self.audit.rulebook is None:
            raise CreditError(Code.EXPORT_UNDECIDED, "neither a policy nor a rulebook is trusted: whose log is this?")
        try:
            return parse_policy(policy_text(self.audit.rulebook.document).encode())
        except CreditError as error:
            raise CreditError(Code.EXPORT_UNDECIDED, f"no policy was given, and {error.cause}") from error

    def _check_before(self, policy: Policy, judged: Judged) -> None:
        before = self.export.proof.before
        if before is None:
            return
        earlier = policy.identify(parse_note(before.checkpoint)).signed
        if earlier.size > self.export.proof.first:
            raise CreditError(Code.EXPORT_INVALID, "the earlier checkpoint is not before the range")
        if earlier.size:
            newest = judged.signed
            verify_consistency(earlier.size, newest.size, before.consistency, earlier.root, newest.root)

    def _lines(self) -> None:
        """Hash every line to the root."""
        proof, filtered = self.export.proof, self.export.proof.selection.filtered
        if self.signed is None:
            raise CreditError(Code.EXPORT_UNDECIDED, "no checkpoint to hold the lines to")
        count = verify_lines(self.export, self.signed.root, self._stepped("lines"))
        text = f"{count:,} lines are entries {proof.first:,} to {proof.end - 1:,}, unchanged"
        if not filtered:
            self.audit.verdict.complete(LINES, f"{text}, and all of them" if count else "none in this range")
            return
        self.audit.verdict.complete(LINES, f"{count:,} lines are in the log, unchanged")
        self.audit.verdict.undecided(LINES, "lines were chosen by member or purpose: nothing here shows it is all")

    def _rulebooks(self) -> None:
        """Verify the chain of rulebook versions from the fingerprint on."""
        if self.trust.fingerprint is None:
            raise CreditError(Code.EXPORT_UNDECIDED, "no fingerprint of the first rulebook was given")
        versions = self.export.rulebooks()
        if not versions:
            raise CreditError(Code.EXPORT_INVALID, "no rulebook")
        first, *later = versions
        trusted = TrustedSet.begin(first, self.trust.fingerprint)
        self.rulebooks = {trusted.current.digest.hex(): trusted.current}
        for signed in later:
            trusted.update(signed)
            self.rulebooks[trusted.current.digest.hex()] = trusted.current
        self.audit.rulebook, self.audit.rulebooks = trusted.current, self.rulebooks
        if trusted.current.document.consortium != self.export.proof.consortium:
            raise CreditError(Code.EXPORT_INVALID, "the export names another consortium")
        self.audit.verdict.complete(RULEBOOKS, f"versions 1 to {len(versions)}, each signed by the approvers before it")

    def _entries(self) -> None:
        """Read every entry for what it says."""
        proof, verdict = self.export.proof, self.audit.verdict
        checks = EntryChecks(verdict, proof.first, self.rulebooks, proof.selection.purpose is None)
        self.audit.checks = checks
        supervision = self.audit.supervision = SupervisionChecks(verdict, self.rulebooks, proof.first)
        statistics = self.audit.statistics = Statistics(proof.selection.from_ms, proof.selection.to_ms)
        receipts = HeldReceipts(verdict)
        if self.receipts_file is not None:
            receipts.read(self.receipts_file, self.rulebooks.values())
        order = _Order(verdict, proof)
        bodies = self._bodies()
        for line in self._stepped("entries")(self.export.lines()):
            entry = parse_entry(line)
            order.take(entry)
            statistics.take(entry, checks.take(entry))
            supervision.take(entry)
            if bodies is not None:
                bodies.take(entry, leaf_hash(line))
            if receipts.by_index:
                receipts.meet(int(str(entry["index"])), leaf_hash(line))
        order.finish(self._witnessed())
        if not proof.selection.filtered:
            checks.finish()
            supervision.finish(checks)
        if bodies is not None:
            bodies.finish(proof.end)
        if self.receipts_file is not None:
            receipts.finish(proof.first, proof.end, proof.size)

    def _bodies(self) -> BodyChecks | None:
        """Begin with what lies beside the entries."""
        verdict, proof = self.audit.verdict, self.export.proof
        if proof.bodies == "digests":
            verdict.undecided(BODIES, "not in this export: the entries hold their digests")
        elif not self.rulebooks:
            verdict.undecided(BODIES, "no rulebook is trusted here, so nobody's signature is")
        else:
            return BodyChecks(verdict, self.rulebooks, self.export.bodies(), proof.first)
        return None

    def _witnessed(self) -> int | None:
        """Give when the newest cosignature was made, Unix seconds."""
        times = self.audit.judged.witnessed.values() if self.audit.judged else ()
        return max(times, default=None)

    def _stepped(self, what: str) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
        total = self.export.proof.end - self.export.proof.first

        def stepped(lines: Iterator[bytes]) -> Iterator[bytes]:
            for done, line in enumerate(lines):
                if done % STEP == 0:
                    self.progress(what, done, total)
                yield line

        return stepped


def verify_lines(
    export: Export, root: bytes, stepped: Callable[[Iterator[bytes]], Iterator[bytes]] = lambda lines: lines
) -> int:
    """
    Hash an export's lines to the root and give how many they are; memory does not grow with them.

    Raises CreditError(TREE_PROOF_INVALID) or (EXPORT_INVALID).
    """
    proof = export.proof.range
    hasher = proof.hasher()
    if export.proof.selection.filtered:
        count = _chosen(export, hasher, stepped)
    else:
        append = hasher.append
        for line in stepped(export.lines()):
            append(line)
        count = hasher.size - proof.first
    proof.finish(hasher, root)
    return count


def _chosen(export: Export, hasher: TreeHasher, stepped: Callable[[Iterator[bytes]], Iterator[bytes]]) -> int:
    """Hash the range by its leaf hashes, among which every chosen line's must come in order."""
    lines = map(leaf_hash, stepped(export.lines()))
    wanted, count = next(lines, None), 0
    for leaf in export.leaf_hashes():
        if len(leaf) != len(wanted or leaf):
            raise CreditError(Code.EXPORT_INVALID, "leaf hashes")
        hasher.append_hash(leaf)
        if leaf == wanted:
            wanted, count = next(lines, None), count + 1
    if wanted is not None:
        raise CreditError(Code.TREE_PROOF_INVALID, "a line that is not in the log")
    return count


@dataclass
class _Order:
    """Indexes and times of the lines, one after another."""

    verdict: Verdict
    proof: archive.Proof
    _next: int | None = None
    _first_ms: int | None = None
    _last_ms: int = 0
    _before: int = 0
    _after: int = 0

    def take(self, entry: Mapping[str, CanonicalValue]) -> None:
        index, time = int(str(entry["index"])), int(str(entry["time_ms"]))
        expected = self.proof.first if self._next is None else self._next
        if index < expected or (index > expected and not self.proof.selection.filtered):
            self.verdict.fail(TIMES, f"entry {index} stands where {expected} should")
        if time < self._last_ms:
            self.verdict.fail(TIMES, f"entry {index} is dated before the entry before it")
        self._next, self._last_ms = index + 1, max(time, self._last_ms)
        self._first_ms = time if self._first_ms is None else self._first_ms
        selection = self.proof.selection
        self._before += selection.from_ms is not None and time < selection.from_ms
        self._after += selection.to_ms is not None and time >= selection.to_ms

    def finish(self, witnessed: int | None) -> None:
        """Hold the first and the last time to the selection and to when the witnesses saw the tree."""
        selection, proof = self.proof.selection, self.proof
        if witnessed is not None and self._last_ms > witnessed * 1000 + SKEW_MS:
            self.verdict.fail(TIMES, "entries are dated after they were witnessed")
        if not selection.filtered and max(self._before, self._after) > 1:
            self.verdict.fail(TIMES, "more than one line outside of the time that was asked for, at one end")
        if not selection.filtered and self._first_ms is not None:
            if selection.from_ms is not None and proof.first > 0 and self._first_ms >= selection.from_ms:
                self.verdict.fail(TIMES, "the range begins after the time that was asked for")
            if selection.to_ms is not None and proof.end < proof.size and self._last_ms < selection.to_ms:
                self.verdict.fail(TIMES, "the range ends before the time that was asked for")
        bounded = (selection.from_ms is None and proof.first > 0) or (
            selection.to_ms is None and proof.end < proof.size
        )
        if bounded and not selection.filtered:
            self.verdict.fail(TIMES, "entries are left out at an end that no time was asked for")
        open_end = selection.to_ms is not None and proof.end == proof.size
        if open_end and (witnessed is None or witnessed * 1000 < (selection.to_ms or 0)):
            self.verdict.undecided(TIMES, "nobody witnessed the log after the end of the time that was asked for")
        if not self.verdict.failed(TIMES):
            self.verdict.complete(TIMES, "entries in order, and none of the asked-for time left out at either end")


def _note(verdict: Verdict, part: str, error: CreditError) -> None:
    """Note a refusal: what says that something is wrong, and what says only that it cannot be known."""
    if error.code in (Code.QUORUM_MISSING, Code.EXPORT_UNDECIDED, Code.VERSION_UNSUPPORTED):
        verdict.undecided(part, error.cause)
    elif error.code is Code.ENTRY_INVALID and error.cause == UNKNOWN_KIND:
        verdict.undecided(part, "a kind of entry that this version does not know")
    else:
        verdict.fail(part, f"{error.code}: {error.cause}")
