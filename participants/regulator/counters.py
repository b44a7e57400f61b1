"""Numbers that must go on without jumps: members' message counters, and their daily quotas."""

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

WINDOW = 4096
SECONDS_PER_DAY = 86_400
MIDNIGHT_SECONDS = 120


@dataclass
class NumberSet:
    """
    Numbers that were seen, as rising intervals without overlap; at most `most` of them.

    Beyond that the gap between the two lowest is forgotten, so that memory is bounded whatever comes.
    """

    most: int = 65_536
    _starts: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Add a number."""
        place = bisect_right(self._starts, number)
        if place and number <= self._ends[place - 1]:
            return
        joins_left = place > 0 and self._ends[place - 1] == number - 1
        joins_right = place < len(self._starts) and self._starts[place] == number + 1
        if joins_left and joins_right:
            self._ends[place - 1] = self._ends.pop(place)
            del self._starts[place]
        elif joins_left:
            self._ends[place - 1] = number
        elif joins_right:
            self._starts[place] = number
        else:
            self._starts.insert(place, number)
            self._ends.insert(place, number)
        if len(self._starts) > self.most:
            self._ends[0] = self._ends.pop(1)
            del self._starts[1]

    def missing(self, first: int, last: int, most: int = 20) -> tuple[int, list[int]]:
        """Count the numbers from `first` to `last` that were not seen, and name the first of them."""
        count, named, at = 0, list[int](), first
        for place in range(max(0, bisect_right(self._starts, first) - 1), len(self._starts) + 1):
            start = self._starts[place] if place < len(self._starts) else last + 1
            gap = range(at, min(start, last + 1))
            count += len(gap)
            named += gap[: most - len(named)]
            if place == len(self._starts) or start > last:
                break
            at = max(at, self._ends[place] + 1)
        return count, named

    @property
    def lowest(self) -> int:
        """The lowest, 0 without any."""
        return self._starts[0] if self._starts else 0

    @property
    def highest(self) -> int:
        """The highest, 0 without any."""
        return self._ends[-1] if self._ends else 0


@dataclass
class MessageCounters:
    """
    One member's numbered messages, as the log names them.

    A number that stands for two different messages is a lie of the member or of the gateway. A number that is missing
    is a message that came too late or was dropped: the member's own statement tells which.
    """

    numbers: NumberSet = field(default_factory=NumberSet)
    _recent: OrderedDict[int, tuple[str, int]] = field(default_factory=OrderedDict)

    def take(self, counter: int, digest: str, entry: int = 0) -> int | None:
        """Take a message of an entry; gives the entry in which its number stood for another one, None for none."""
        known = self._recent.get(counter)
        if known is not None:
            return None if known[0] == digest else known[1]
        self._recent[counter] = digest, entry
        if len(self._recent) > WINDOW:
            self._recent.popitem(last=False)
        self.numbers.add(counter)
        return None

    @property
    def missing(self) -> int:
        """How many numbers between the lowest and the highest stand for no message in the log."""
        return self.numbers.missing(self.numbers.lowest, self.numbers.highest)[0] if self.numbers.highest else 0


@dataclass
class QuotaChain:
    """
    One member's daily quota from one admission to the next: each begins where the one before ended, each day at 0.

    Near midnight the entries of two days may stand mixed, because the day is that of the admission's own clock.
    """

    _after: list[int] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)

    def take(self, before: int, after: int, time_ms: int, step: int = 1) -> bool:
        """Take an admission that uses `step` of the quota, or nothing; False where it does not follow."""
        seconds = time_ms // 1000
        day = seconds // SECONDS_PER_DAY
        near = min(seconds % SECONDS_PER_DAY, -seconds % SECONDS_PER_DAY) <= MIDNIGHT_SECONDS
        follows = not self._after or before in self._after or (before == 0 and (near or day not in self.used))
        grows = after - before in (0, step)
        others = [one for one in self._after if one != before] if near else []
        self._after = [*others[-1:], after]
        self.used[day] = max(self.used.get(day, 0), after)
        return follows and grows


@dataclass
class ConsentUses:
    """How many queries were admitted under each consent record; of the records that were used last, `most` queries."""

    most: int = 65_536
    _queries: OrderedDict[bytes, set[bytes]] = field(default_factory=OrderedDict)
    _held: int = 0

    def take(self, record: bytes, query: bytes) -> int:
        """Take a query under a record, by their digests; gives how many different ones there are now."""
        queries = self._queries.setdefault(record, set())
        self._queries.move_to_end(record)
        self._held += query not in queries
        queries.add(query)
        while self._held > self.most and len(self._queries) > 1:
            _, forgotten = self._queries.popitem(last=False)
            self._held -= len(forgotten)
        return len(queries)

    def give_back(self, record: bytes, query: bytes) -> None:
        """Count a query no more."""
        queries = self._queries.get(record, set())
        self._held -= query in queries
        queries.discard(query)
