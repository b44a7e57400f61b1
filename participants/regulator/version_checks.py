"""Which rulebook entries stand under: never one that was replaced; and whether the export has all that are named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.model.rulebook import Rulebook
from participants.regulator.entry_checks import VERSIONS, Admission
from participants.regulator.verdict import Verdict

Entry = Mapping[str, Any]
LATE_MS = 600_000
"""So long another replica may take to follow a new version, and a query that was admitted before to end."""


@dataclass
class VersionChecks:
    """Takes entries in order; `rulebooks` are trusted, by their digests in hexadecimal."""

    verdict: Verdict
    rulebooks: Mapping[str, Rulebook]
    _decided: tuple[int, int] = (0, 0)
    """The newest version that has its votes, and since when (Unix milliseconds)."""
    _used: tuple[int, int] = (0, 0)
    """The newest version that an entry names as in force, and since when."""
    _versions: Mapping[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._versions = {one.document.version: digest for digest, one in self.rulebooks.items()}

    def take(self, entry: Entry, ended: Admission | None) -> None:
        """Look at the next entry; an outcome comes with the admission that it ends, if that is in the range."""
        if not self.rulebooks:
            return
        if entry["kind"] == "member-version":
            self._decide(entry)
        elif "rulebook" in entry:
            self._use(entry)
        elif ended is not None and entry["kind"] == "query-answered":
            newest, since = max(self._decided, self._used)
            self._hold(entry, ended.rulebook, newest, since)

    def _decide(self, entry: Entry) -> None:
        version, known = entry["version"], self._versions.get(entry["version"])
        if known is None and version > max(self._versions):
            text = f"entry {entry['index']}: version {version} has its votes and is not in this export: export again"
            self.verdict.undecided(VERSIONS, text)
        elif known != entry["rulebook"]:
            self.verdict.fail(VERSIONS, f"entry {entry['index']}: another version {version} than the export has")
        self._decided = max(self._decided, (version, entry["time_ms"]), key=lambda one: one[0])

    def _use(self, entry: Entry) -> None:
        rulebook = self.rulebooks.get(entry["rulebook"])
        if rulebook is None:
            return  # which others say
        self._hold(entry, entry["rulebook"], *self._used)
        used = rulebook.document.version, entry["time_ms"]
        self._used = max(self._used, used, key=lambda one: one[0])

    def _hold(self, entry: Entry, digest: str, newest: int, since_ms: int) -> None:
        rulebook = self.rulebooks.get(digest)
        if rulebook is None or entry["time_ms"] <= since_ms + LATE_MS or rulebook.document.version >= newest:
            return
        text = f"under version {rulebook.document.version}, which version {newest} had replaced"
        self.verdict.fail(VERSIONS, f"entry {entry['index']}: {text}", entry["index"])
