"""
Verifying an export, offline: whom to believe comes from the verifier's own files, never from the export.

First the lines and the root: is this all, and unchanged? Then the rulebook's chain, then what the entries say of each
other, then receipts that members hold against them. Each is looked at even where another fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.kinds import UNKNOWN_KIND, parse_entry
from consortium.transparency.notes import parse_note
from consortium.transparency.policy import Judged, Policy
from consortium.transparency.tree import TreeHasher, leaf_hash, verify_consistency
from participants.regulator import archive
from participants.regulator.archive import Export, open_export
from participants.regulator.body_checks import BODIES, BodyChecks
from participants.regulator.entry_checks import EntryChecks
from participants.regulator.job_checks import JobChecks
from participants.regulator.order_checks import OrderChecks, SelectionChecks, place
from participants.regulator.receipts import HeldReceipts
from participants.regulator.statistic_checks import StatisticChecks
from participants.regulator.statistics import Statistics
from participants.regulator.supervision_checks import SupervisionChecks
from participants.regulator.trust import Trust
from participants.regulator.verdict import Verdict
from participants.regulator.version_checks import VersionChecks

FILE = "file"
CHECKPOINT = "checkpoint"
LINES = "lines"
RULEBOOKS = "rulebooks"
ENTRIES = "entries"
STEP = 4096
Progress = Callable[[str, int, int], None]


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
    receipts: HeldReceipts | None = None
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
    before: tuple[int, int] = (0, 0)
    """Size of the earlier checkpoint, and when it was witnessed (Unix milliseconds; 0 for never)."""
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
        note = parse_note(self.export.checkpoint)
        policy = self.trust.log_policy(self.audit.rulebook)
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

    def _check_before(self, policy: Policy, judged: Judged) -> None:
        before = self.export.proof.before
        if before is None:
            return
        opened = policy.identify(parse_note(before.checkpoint))
        earlier = opened.signed
        self.before = earlier.size, max(opened.witnessed.values(), default=0) * 1000
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
        chain = self.trust.chain(self.export.rulebooks())
        self.rulebooks = {rulebook.digest.hex(): rulebook for rulebook in chain}
        self.audit.rulebook, self.audit.rulebooks = chain[-1], self.rulebooks
        if chain[-1].document.consortium != self.export.proof.consortium:
            raise CreditError(Code.EXPORT_INVALID, "the export names another consortium")
        self.audit.verdict.complete(RULEBOOKS, f"versions 1 to {len(chain)}, each signed by the approvers before it")

    def _entries(self) -> None:
        """Read every entry for what it says."""
        proof, verdict = self.export.proof, self.audit.verdict
        checks = EntryChecks(verdict, proof.first, self.rulebooks, proof.selection.purpose is None)
        self.audit.checks = checks
        jobs = JobChecks(checks)
        supervision = self.audit.supervision = SupervisionChecks(verdict, self.rulebooks, proof.first)
        statistics = self.audit.statistics = Statistics(proof.selection.from_ms, proof.selection.to_ms)
        receipts = self.audit.receipts = HeldReceipts(verdict)
        if self.receipts_file is not None:
            receipts.read(self.receipts_file, self.rulebooks.values())
        order = OrderChecks(verdict, proof.first, proof.selection.filtered, self.before)
        selection = SelectionChecks(verdict, proof)
        bodies, versions = self._bodies(), VersionChecks(verdict, self.rulebooks)
        noised = StatisticChecks(verdict, self.rulebooks, proof.first, whole=not proof.selection.filtered)
        for line in self._stepped("entries")(self.export.lines()):
            entry = parse_entry(line)
            order.take(*place(entry))
            selection.take(place(entry)[1])
            ended = checks.take(entry)
            jobs.take(entry, leaf_hash(line))
            statistics.take(entry, ended)
            versions.take(entry, ended)
            supervision.take(entry)
            noised.take(entry)
            if bodies is not None:
                bodies.take(entry, leaf_hash(line))
            if not receipts.empty:
                receipts.meet(entry, leaf_hash(line))
        order.finish(self._witnessed())
        selection.finish(self._witnessed())
        if not proof.selection.filtered:
            jobs.finish()
            checks.finish()
            supervision.finish(checks)
            noised.finish(supervision.releases)
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


def _note(verdict: Verdict, part: str, error: CreditError) -> None:
    """Note a refusal: what says that something is wrong, and what says only that it cannot be known."""
    if error.code in (Code.QUORUM_MISSING, Code.EXPORT_UNDECIDED, Code.VERSION_UNSUPPORTED):
        verdict.undecided(part, error.cause)
    elif error.code is Code.ENTRY_INVALID and error.cause == UNKNOWN_KIND:
        verdict.undecided(part, "a kind of entry that this version does not know")
    else:
        verdict.fail(part, f"{error.code}: {error.cause}")
