"""Numbers of an export for its report, counted while the entries stream by; nothing grows with the entries."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from participants.regulator.entry_checks import Admission

MS_PER_DAY = 86_400_000
MS_PER_HOUR = 3_600_000
LATENCIES_MS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
CONSENT_CODES = "CONSENT_"


@dataclass
class Statistics:
    """Counts of a selection: only entries whose time is in it."""

    from_ms: int | None = None
    to_ms: int | None = None
    entries: Counter[str] = field(default_factory=Counter)
    queries_by_member: Counter[str] = field(default_factory=Counter)
    queries_by_purpose: Counter[str] = field(default_factory=Counter)
    queries_by_day: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals_by_member: Counter[str] = field(default_factory=Counter)
    consent_refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    without_consent: Counter[str] = field(default_factory=Counter)
    answers_by_member: Counter[str] = field(default_factory=Counter)
    absences: Counter[tuple[str, str]] = field(default_factory=Counter)
    differing: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCIES_MS) + 1))
    quota: dict[str, tuple[int, int]] = field(default_factory=dict)
    by_hour: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    first_ms: int | None = None
    last_ms: int | None = None

    def take(self, entry: Mapping[str, Any], admission: Admission | None) -> None:
        """Count an entry; an outcome comes with the admission that it ends, if that is in the range."""
        time = entry["time_ms"]
        if (self.from_ms is not None and time < self.from_ms) or (self.to_ms is not None and time >= self.to_ms):
            return
        self.first_ms, self.last_ms = time if self.first_ms is None else self.first_ms, time
        self.entries[entry["kind"]] += 1
        match entry["kind"]:
            case "query-admitted":
                self._admitted(entry, time)
            case "query-answered":
                self._answered(entry, admission)
            case "query-refused":
                self._refused(entry)
            case "query-abandoned":
                self.outcomes["abandoned"] += 1
            case "requests-dropped":
                self.dropped[entry["requester"]] += entry["count"]

    def _admitted(self, entry: Mapping[str, Any], time: int) -> None:
        requester, quota = entry["requester"], entry["quota"]
        self.queries_by_member[requester] += 1
        self.queries_by_purpose[entry["purpose"]] += 1
        self.queries_by_day[time // MS_PER_DAY] += 1
        self.by_hour[requester][time // MS_PER_HOUR] += 1
        if not entry["consent"].strip("0"):
            self.without_consent[entry["purpose"]] += 1
        most, _ = self.quota.get(requester, (0, 0))
        self.quota[requester] = max(most, quota["after"]), quota["limit"]

    def _answered(self, entry: Mapping[str, Any], admission: Admission | None) -> None:
        self.outcomes["answered" if entry["decision"] == "ANSWERED" else "incomplete"] += 1
        self._contributions(entry)
        for pair in entry["differing"]:
            self.differing[pair[0], pair[1]] += 1
        if admission is not None:
            self.latencies[bisect_left(LATENCIES_MS, entry["time_ms"] - admission.time_ms)] += 1

    def _refused(self, entry: Mapping[str, Any]) -> None:
        code = entry["decision"]
        self.outcomes["refused"] += 1
        self.refusals[code, entry["reason"]] += 1
        self.refusals_by_member[entry["requester"]] += 1
        if code.startswith(CONSENT_CODES):
            self.consent_refusals[entry["requester"], code] += 1
        self._contributions(entry)

    def _contributions(self, entry: Mapping[str, Any]) -> None:
        for one in entry["contributions"]:
            if one["outcome"] == "OK":
                self.answers_by_member[one["member"]] += 1
            else:
                self.absences[one["member"], one["outcome"]] += 1

    def spikes(self) -> list[tuple[str, int, int, float]]:
        """Give member, hour, queries and its mean hour, where an hour has 5 times the mean and at least 50 queries."""
        found = []
        for member, hours in sorted(self.by_hour.items()):
            mean = sum(hours.values()) / len(hours)
            found += [(member, hour, count, mean) for hour, count in hours.items() if count >= max(50, 5 * mean)]
        return found
