"""
Queries that were admitted and never came to an end, because the gateway stopped in between.

Every admission is followed by an answer or a refusal, or by an entry which says that there was neither; so a log in
which one is missing was not kept by this software.
"""

import json
from dataclasses import dataclass

from consortium.transparency.outcomes import OpenAdmissions
from gateway.ports import GatewayTransaction
from gateway.tlog.log import BATCH
from gateway.tlog.ports import LogStore
from gateway.usecases import entries

GRACE_SECONDS = 120
LONGEST_QUERY_SECONDS = 3600
"""What a rulebook may allow at most."""


@dataclass(frozen=True, slots=True)
class Open:
    """An admission without an outcome so far."""

    query: str
    admission: int
    expires_at: int


class OpenQueries:
    """Follows the log's lines."""

    def __init__(self) -> None:
        self._open = OpenAdmissions[Open]()

    def take(self, line: bytes) -> None:
        """Follow one more line."""
        if b'"query":"' not in line:
            return
        entry = json.loads(line)
        if entry["kind"] == "query-admitted":
            self._open.admit(entry, Open(entry["query"], entry["index"], entry["expires_at"]))
        else:
            self._open.end(entry)

    def expired(self, now: int) -> list[Open]:
        """Give what expired longer ago than anybody could still be carrying it; `now` is Unix seconds."""
        return [one for one in self._open.unended() if one.expires_at + GRACE_SECONDS < now]

    def forget(self, one: Open) -> None:
        """Let go of a query whose entry is durable; its line is seen like any other as well."""
        self._open.end(entries.abandoned(one.query, one.admission, one.expires_at))

    def look_back(self, store: LogStore, size: int) -> None:
        """Begin with what the last entries left open: those that are younger than the longest query."""
        if size == 0:
            return
        start, newest = size, _seconds(store.lines(size - 1, size)[0])
        while (
            start and newest - _seconds(store.lines(start - 1, start)[0]) <= LONGEST_QUERY_SECONDS + 2 * GRACE_SECONDS
        ):
            start = max(0, start - BATCH)
        for at in range(start, size, BATCH):
            for line in store.lines(at, min(at + BATCH, size)):
                self.take(line)


def append_abandoned(one: Open, transaction: GatewayTransaction) -> None:
    """Append the entry, as a unit of the committer."""
    transaction.append(entries.abandoned(one.query, one.admission, one.expires_at))


def _seconds(line: bytes) -> int:
    return int(json.loads(line)["time_ms"]) // 1000
