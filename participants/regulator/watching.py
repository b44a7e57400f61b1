"""
Watching the log while it grows: alarms with their evidence, from entries in order and from what the witnesses do.

Memory is bounded: a fixed number of members and buckets, a window of message counters a member. Times are those of the
entries, so that the same entries give the same alarms, however late they are read.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from participants.regulator.alarms import Alarm
from participants.regulator.counters import MessageCounters
from participants.regulator.supervision_watch import SupervisionWatch

Entry = Mapping[str, Any]
ValueT = TypeVar("ValueT")

HOUR_MS = 3_600_000
MAXIMUM_MEMBERS = 1024
MAXIMUM_EVIDENCE = 20
BASELINE_HOURS = 24
WITNESS_SECONDS = 300
DIFFERENCING_CODES = frozenset({"DIFFERENCING", "CONFLICT"})


@dataclass(frozen=True, slots=True)
class Limits:
    """When something becomes an alarm."""

    spike_factor: float = 5.0
    spike_minimum: int = 50
    refusals_an_hour: int = 20
    differencing_an_hour: int = 5
    without_consent_an_hour: int = 100


class Bounded(Generic[ValueT]):
    """A table of at most MAXIMUM_MEMBERS values; whoever was used longest ago makes room."""

    def __init__(self, make: Callable[[], ValueT]) -> None:
        self._make = make
        self._values: OrderedDict[str, ValueT] = OrderedDict()

    def __getitem__(self, name: str) -> ValueT:
        value = self._values.pop(name) if name in self._values else self._make()
        self._values[name] = value
        if len(self._values) > MAXIMUM_MEMBERS:
            self._values.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._values)


@dataclass
class HourlyCount:
    """How often something happened in the hour that runs, with its first entries, and the mean of the hours before."""

    hour: int = -1
    count: int = 0
    entries: list[int] = field(default_factory=list)
    mean: float = 0.0
    hours: int = 0
    told: bool = False

    def take(self, entry: Entry) -> None:
        """Count an entry; hours without any count into the mean as well."""
        hour = entry["time_ms"] // HOUR_MS
        if self.hour >= 0 and hour > self.hour:
            for count in (self.count, *[0] * min(hour - self.hour - 1, BASELINE_HOURS)):
                self.hours = min(self.hours + 1, BASELINE_HOURS)
                self.mean += (count - self.mean) / self.hours
        if hour > self.hour:
            self.hour, self.count, self.entries, self.told = hour, 0, [], False
        self.count += 1
        if len(self.entries) < MAXIMUM_EVIDENCE:
            self.entries.append(entry["index"])

    def once(self, reached: bool) -> bool:  # noqa: FBT001  the condition itself
        """Tell once an hour that a limit is reached."""
        first = reached and not self.told
        self.told = self.told or reached
        return first


@dataclass
class Watcher:
    """Takes entries one after another and gives the alarms that each raises."""

    limits: Limits = field(default_factory=Limits)
    _queries: Bounded[HourlyCount] = field(default_factory=lambda: Bounded(HourlyCount))
    _refusals: Bounded[HourlyCount] = field(default_factory=lambda: Bounded(HourlyCount))
    _differencing: Bounded[HourlyCount] = field(default_factory=lambda: Bounded(HourlyCount))
    _without_consent: Bounded[HourlyCount] = field(default_factory=lambda: Bounded(HourlyCount))
    _counters: Bounded[MessageCounters] = field(default_factory=lambda: Bounded(MessageCounters))
    _supervision: SupervisionWatch = field(default_factory=SupervisionWatch)

    def take(self, entry: Entry) -> Iterator[Alarm]:
        """Look at the next entry."""
        yield from self._supervision.take(entry)
        match entry["kind"]:
            case "query-admitted":
                yield from self._admitted(entry)
            case "query-answered":
                yield from self._messages(entry)
            case "query-refused":
                yield from self._refused(entry)
                yield from self._messages(entry)
            case "requests-dropped":
                text = f"{entry['count']} requests were refused without entries of their own"
                yield Alarm("flood", entry["requester"], text, entry["time_ms"], (entry["index"],))
            case "bodies-ordered":
                text = f"bodies of {len(entry['entries'])} entries: {entry['action']}"
                yield Alarm("bodies", "", text, entry["time_ms"], (entry["index"],))

    def _admitted(self, entry: Entry) -> Iterator[Alarm]:
        member, queries = entry["requester"], self._queries[entry["requester"]]
        queries.take(entry)
        limit = max(self.limits.spike_minimum, self.limits.spike_factor * queries.mean)
        if queries.once(queries.hours > 0 and queries.count > limit):
            yield _alarm(
                "spike", member, f"{queries.count} queries this hour, {queries.mean:.1f} before", entry, queries
            )
        if set(entry["consent"]) == {"0"}:
            bare = self._without_consent[member]
            bare.take(entry)
            if bare.once(bare.count > self.limits.without_consent_an_hour):
                yield _alarm("without-consent", member, f"{bare.count} queries without consent this hour", entry, bare)

    def _refused(self, entry: Entry) -> Iterator[Alarm]:
        member, refusals = entry["requester"], self._refusals[entry["requester"]]
        refusals.take(entry)
        if refusals.once(refusals.count > self.limits.refusals_an_hour):
            yield _alarm("enumeration", member, f"{refusals.count} refused queries this hour", entry, refusals)
        if entry["decision"] in DIFFERENCING_CODES:
            tried = self._differencing[member]
            tried.take(entry)
            if tried.once(tried.count > self.limits.differencing_an_hour):
                text = f"{tried.count} queries this hour that would have shown a difference"
                yield _alarm("differencing", member, text, entry, tried)

    def _messages(self, entry: Entry) -> Iterator[Alarm]:
        for one in entry["contributions"]:
            for message in filter(None, (one["round1"], one["round2"])):
                counters = self._counters[one["member"]]
                other = counters.take(message["counter"], message["digest"], entry["index"])
                if other is not None:
                    text = f"message number {message['counter']} stands for two messages"
                    yield Alarm("counter-reuse", one["member"], text, entry["time_ms"], (other, entry["index"]))


@dataclass
class WitnessWatch:
    """
    Tells of witnesses that are absent, and of those that come back; times are Unix seconds.

    A witness is looked at by the newest checkpoint that it has cosigned: while the log stands still, nobody is absent.
    """

    seconds: int
    _since: dict[str, int] = field(default_factory=dict)
    _absent: set[str] = field(default_factory=set)

    def take(self, names: frozenset[str], cosigned: frozenset[str], now: int) -> Iterator[Alarm]:
        """Look at the witnesses of the policy and at who has cosigned the newest checkpoint, or one just before it."""
        for name in sorted(names):
            if name in cosigned:
                self._since[name] = now
                if name in self._absent:
                    self._absent.discard(name)
                    yield Alarm("witness-back", name, "cosigns again", now * 1000)
                continue
            since = self._since.setdefault(name, now)
            if now - since > self.seconds and name not in self._absent:
                self._absent.add(name)
                yield Alarm("witness-absent", name, f"has cosigned nothing for {now - since} s", now * 1000)


def _alarm(kind: str, member: str, text: str, entry: Entry, count: HourlyCount) -> Alarm:
    return Alarm(kind, member, text, entry["time_ms"], tuple(count.entries))
