"""
Which admissions of a log have no outcome yet: the one rule by which the gateway closes and a verifier counts.

An outcome names its admission by the entry's index. A request may be carried again (after a crash, by another replica)
and is then admitted again: its admissions are one group, for which one answer, or one refusal, is enough. The same
signed query under another request id is another group: a member may ask it as often as its quota lets it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from consortium.errors import Code

UNUSED = frozenset({Code.RULEBOOK_MISMATCH, Code.TOO_FEW_CONTRIBUTORS, Code.RESTORED_FROM_BACKUP, Code.BOOK_BEHIND})
UNUSED |= {Code.QUERY_EXPIRED, Code.STORAGE_FULL, Code.STORAGE_BUSY}
"""How a query can end through no fault of whoever asks; then a consent for one use still has it."""
KEPT_MS = 3_600_000
"""So long after its expiry a group that has its outcome is kept for a further one that another replica may write."""

Entry = Mapping[str, Any]
ValueT = TypeVar("ValueT")


def is_unused(decision: str, *, released: bool) -> bool:
    """
    Say whether a query that ended with a decision was no use of its consent record: nothing was `released` to anybody.

    Contributors count what they release themselves, whatever became of it.
    """
    return decision in UNUSED and not released


@dataclass
class _Group(Generic[ValueT]):
    """Admissions of one query under one request id, by their indices; `newest` is that of the last one."""

    values: dict[int, ValueT]
    newest: ValueT
    expires_ms: int
    ended: bool = False
    answered: bool = False


@dataclass
class OpenAdmissions(Generic[ValueT]):
    """Takes entries in the log's order, whose schema was checked; memory holds what is open or has only just ended."""

    _groups: OrderedDict[tuple[str, str], _Group[ValueT]] = field(default_factory=OrderedDict)
    _keys: dict[int, tuple[str, str]] = field(default_factory=dict)

    def admit(self, entry: Entry, value: ValueT) -> None:
        """Take an admission, with what is to be known of it when it ends."""
        self._forget(entry["time_ms"])
        key, index = (entry["query"], entry["request"]), entry["index"]
        group = self._groups.setdefault(key, _Group({}, value, entry["expires_at"] * 1000))
        group.values[index], group.newest, group.ended = value, value, False
        self._keys[index] = key

    def end(self, entry: Entry) -> ValueT | None:
        """
        Take an outcome and give its admission's value; an outcome before any admission ends nothing.

        None, too, for an admission that is not known here or has its outcome, and for a second answer to one request.
        """
        index = entry.get("admission")
        key = self._keys.get(index) if index is not None else None
        if index is None or key is None or key[0] != entry["query"]:
            return None
        group, answer = self._groups[key], entry["kind"] == "query-answered"
        if answer and group.answered:
            return None
        group.ended, group.answered = True, group.answered or answer
        del self._keys[index]
        return group.values.pop(index)

    def unended(self) -> Iterator[ValueT]:
        """Give the newest admission of every request that has no outcome."""
        return (group.newest for group in self._groups.values() if not group.ended)

    def _forget(self, time_ms: int) -> None:
        """Let go of old groups that have ended; those that have not are kept for as long as they are open."""
        while self._groups:
            key, group = next(iter(self._groups.items()))
            if group.expires_ms + KEPT_MS >= time_ms:
                return
            del self._groups[key]
            if not group.ended:
                self._groups[key] = group  # at the end: it stands in nobody's way
                return
            for index in group.values:
                del self._keys[index]
