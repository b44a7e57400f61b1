"""Indexes and times of lines, one after another: held to each other, to the witnesses and to what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.canonical import CanonicalValue
from participants.regulator.archive import Proof
from participants.regulator.verdict import Verdict

TIMES = "times"
SKEW_MS = 60_000
LATE_MS = 3_600_000


@dataclass
class OrderChecks:
    """
    Lines from `first` on; `gaps` says that some are left out.

    `before` is an earlier checkpoint's size and when it was witnessed (Unix milliseconds; 0 for never).
    """

    verdict: Verdict
    first: int
    gaps: bool
    before: tuple[int, int] = (0, 0)
    last_ms: int = 0
    _last: int | None = None
    _latest: int = -1
    """The entry with the latest time so far."""

    def take(self, index: int, time_ms: int) -> None:
        """Look at the next line."""
        expected = self.first if self._last is None else self._last + 1
        if index < expected or (index > expected and not self.gaps):
            self.verdict.fail(TIMES, f"entry {index} stands where {expected} should")
        if time_ms < self.last_ms:
            self.verdict.fail(TIMES, f"entry {index} is dated before one that stands before it", self._latest, index)
        if index >= self.before[0] and time_ms < self.before[1] - LATE_MS:
            self.verdict.fail(TIMES, f"entry {index} is dated before a checkpoint without it was witnessed", index)
        self._last = index
        if time_ms >= self.last_ms:
            self.last_ms, self._latest = time_ms, index

    def finish(self, witnessed: int | None) -> None:
        """Hold the last time to when the witnesses saw the tree, Unix seconds."""
        if witnessed is not None and self.last_ms > witnessed * 1000 + SKEW_MS:
            self.verdict.fail(TIMES, f"entry {self._latest} is dated after it was witnessed", self._latest)


@dataclass
class SelectionChecks:
    """Whether lines reach to both ends of the time that was asked for."""

    verdict: Verdict
    proof: Proof
    _first_ms: int | None = None
    _last_ms: int = 0
    _before: int = 0
    _after: int = 0

    def take(self, time_ms: int) -> None:
        """Look at the next line's time."""
        selection = self.proof.selection
        self._first_ms = time_ms if self._first_ms is None else self._first_ms
        self._last_ms = max(time_ms, self._last_ms)
        self._before += selection.from_ms is not None and time_ms < selection.from_ms
        self._after += selection.to_ms is not None and time_ms >= selection.to_ms

    def finish(self, witnessed: int | None) -> None:
        """Hold the first and the last time to the selection; `witnessed` are Unix seconds."""
        selection, proof = self.proof.selection, self.proof
        if not selection.filtered:
            self._check_ends()
        open_end = selection.to_ms is not None and proof.end == proof.size
        if open_end and (witnessed is None or witnessed * 1000 < (selection.to_ms or 0)):
            self.verdict.undecided(TIMES, "nobody witnessed the log after the end of the time that was asked for")
        if not self.verdict.failed(TIMES):
            self.verdict.complete(TIMES, "entries in order, and none of the asked-for time left out at either end")

    def _check_ends(self) -> None:
        selection, proof = self.proof.selection, self.proof
        if max(self._before, self._after) > 1:
            self.verdict.fail(TIMES, "more than one line outside of the time that was asked for, at one end")
        if self._first_ms is not None:
            if selection.from_ms is not None and proof.first > 0 and self._first_ms >= selection.from_ms:
                self.verdict.fail(TIMES, "the range begins after the time that was asked for")
            if selection.to_ms is not None and proof.end < proof.size and self._last_ms < selection.to_ms:
                self.verdict.fail(TIMES, "the range ends before the time that was asked for")
        if (selection.from_ms is None and proof.first > 0) or (selection.to_ms is None and proof.end < proof.size):
            self.verdict.fail(TIMES, "entries are left out at an end that no time was asked for")


def place(entry: Mapping[str, CanonicalValue]) -> tuple[int, int]:
    """Give an entry's index and time."""
    return int(str(entry["index"])), int(str(entry["time_ms"]))
