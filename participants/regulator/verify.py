"""
Verifying an export, offline: whom to believe comes from the verifier's own files, never from the export.

First the lines and the root: is this all, and unchanged? Then the rulebook's chain, then what the entries say of each
other, then receipts that members hold against them. Each is looked at even where another fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.kinds import parse_entry
from consortium.transparency.notes import parse_note
from consortium.transparency.policy import Judged, Policy
from consortium.transparency.tree import TreeHasher, leaf_hash, verify_consistency
from participants.regulator import archive
from participants.regulator.archive import Export, open_export
from participants.regulator.entry_checks import EntryChecks
from participants.regulator.receipts import HeldReceipts
from participants.regulator.statistics import Statistics
from participants.regulator.verdict import Verdict

FILE = "file"
CHECKPOINT = "checkpoint"
LINES = "lines"
TIMES = "times"
RULEBOOKS = "rulebooks"
ENTRIES = "entries"
BODIES = "bodies"
SKEW_MS = 60_000
LATE_MS = 3_600_000
STEP = 4096
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier believes: the logs and witnesses of a policy, the first rulebook's fingerprint."""

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
    checks: EntryChecks | None = None


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
    receipts: Path | None
    progress: Progress

    def run(self) -> None:
        verdict = self.audit.verdict
        self._part(FILE, self._files)
        signed = self._part(CHECKPOINT, self._checkpoint)
        root = signed.root if signed else None
        self._part(LINES, lambda: verify_lines(self.export, root, self._stepped("lines")))
        if root is not None and not verdict.failed(LINES):
            self._complete_lines()
        rulebooks = self._part(RULEBOOKS, self._rulebooks) or {}
        self._part(ENTRIES, lambda: self._entries(rulebooks))

    def _part(self, part: str, look: Callable[[], object]) -> "SignedCheckpoint | dict[str, Rulebook] | None":
        try:
            found = look()
        except CreditError as error:
            _note(self.audit.verdict, part, error)
            return None
        return found if isinstance(found, SignedCheckpoint | dict) else None

    def _files(self) -> None:
        """Hold every file to its digest: chance damage of what is derived shows, too."""
        names = set(self.export.archive.namelist()) - {archive.PROOF}
        if names != set(self.export.proof.files):
            raise CreditError(Code.EXPORT_INVALID, "files are missing, or there are more than the proof names")
        for name, digest in self.export.proof.files.items():
            if self.export.digest(name) != digest:
                raise CreditError(Code.EXPORT_INVALID, f"{name} was changed")
        self.audit.verdict.complete(FILE, f"{len(names)} files as they were written")
