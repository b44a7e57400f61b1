"""
What entries about jobs over lists must say of each other: admitted, answered block by block, ended once.

The counters, rules and sets are those of `EntryChecks`; memory holds open jobs with a hash for each of their blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.transparency.portfolio_kinds import ADMITTED, BLOCK, ENDED
from participants.regulator.counters import QuotaChain
from participants.regulator.entry_checks import (
    GRACE_MS,
    OUTCOMES,
    QUOTAS,
    RULES,
    SETS,
    VERSIONS,
    Admission,
    EntryChecks,
)

Entry = Mapping[str, Any]


@dataclass
class _Job:
    """An admitted job, and the leaf hash of each block's entry."""

    admission: Admission
    query: str
    blocks: int
    leaves: dict[int, bytes] = field(default_factory=dict)


@dataclass
class JobChecks:
    """Takes entries in order, beside the checks of the other entries."""

    checks: EntryChecks
    quotas: dict[MemberId, QuotaChain] = field(default_factory=dict)
    _open: dict[int, _Job] = field(default_factory=dict)

    def take(self, entry: Entry, leaf: bytes) -> None:
        """Check the next entry, whose schema was checked, where it is about a job."""
        match entry["kind"]:
            case kind if kind == ADMITTED:
                self._admitted(entry)
            case kind if kind == BLOCK:
                self._block(entry, leaf)
            case kind if kind == ENDED:
                self._ended(entry)

    def finish(self) -> None:
        """Look at what is left open."""
        for index, job in self._open.items():
            if job.admission.expires_at * 1000 + GRACE_MS < self.checks.time_ms:
                self.checks.fail(OUTCOMES, index, "a job that was admitted and has no end")

    def _admitted(self, entry: Entry) -> None:
        checks, index, rulebook = self.checks, entry["index"], self.checks.rulebooks.get(entry["rulebook"])
        blocks = -(-entry["rows"] // entry["rows_per_block"])
        self._open[index] = _Job(checks.admission_of(entry), entry["query"], blocks)
        quota, chain = entry["quota"], self.quotas.setdefault(entry["requester"], QuotaChain())
        follows = chain.take(quota["before"], quota["after"], entry["time_ms"], step=entry["rows"])
        if not follows and checks.all_purposes:
            checks.fail(QUOTAS, index, "the member's count of rows of the day does not follow")
        if quota["after"] > quota["limit"]:
            checks.fail(RULES, index, "beyond the limit of its day")
        if rulebook is not None:
            if quota["limit"] > (rulebook.policy.rows_per_day or quota["limit"]):
                checks.fail(RULES, index, "by a limit of rows that is beyond the rulebook's")
            checks.check_rules(entry, rulebook)
        elif checks.rulebooks:
            checks.fail(VERSIONS, index, "under a rulebook that is not in the chain")

    def _block(self, entry: Entry, leaf: bytes) -> None:
        checks, index, job = self.checks, entry["index"], self._open.get(entry["admission"])
        checks.check_contributions(entry)
        if job is None:
            if entry["admission"] >= checks.first:
                checks.fail(OUTCOMES, index, "a block of a job that has ended, or was not admitted")
            return
        before = job.admission.index
        if entry["query"] != job.query or entry["block"] >= job.blocks:
            checks.fail(OUTCOMES, index, "a block that its job has not", before)
        elif entry["block"] in job.leaves:
            checks.fail(OUTCOMES, index, "a block that was answered before", before)
        job.leaves[entry["block"]] = leaf
        checks.check_sets(entry, job.admission, whole=entry["left_out"] == 0)

    def _ended(self, entry: Entry) -> None:
        checks, index, job = self.checks, entry["index"], self._open.pop(entry["admission"], None)
        if job is None:
            if entry["admission"] >= checks.first:
                checks.fail(OUTCOMES, index, "a job's second end, or one without admission")
            return
        before, leaves = job.admission.index, [job.leaves[block] for block in sorted(job.leaves)]
        root = transcript_hash(Label.JOB_BLOCKS, *leaves).hex()
        if (entry["query"], entry["blocks"], entry["answered"]) != (job.query, job.blocks, len(leaves)):
            checks.fail(OUTCOMES, index, "the end of another job, or of other blocks", before)
        elif entry["root"] != root:
            checks.fail(OUTCOMES, index, "the root is not that of the blocks' entries", before)
        if entry["decision"] == "ANSWERED" and entry["answered"] != entry["blocks"]:
            checks.fail(SETS, index, "the decision does not fit the blocks", before)
