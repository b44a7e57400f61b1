"""Numbers that must go on without jumps: members' message counters, and their daily quotas."""

from collections import OrderedDict
from dataclasses import dataclass, field

WINDOW = 4096
SECONDS_PER_DAY = 86_400
MIDNIGHT_SECONDS = 120


@dataclass
class MessageCounters:
    """
    One member's numbered messages, as the log names them.

    A number that stands for two different messages is a lie of the member or of the gateway. A number that is missing
    is a message that came too late or was dropped: the member's own statement tells which.
    """

    lowest: int = 0
    highest: int = 0
    distinct: int = 0
    _recent: OrderedDict[int, str] = field(default_factory=OrderedDict)

    def take(self, counter: int, digest: str) -> bool:
        """Take a message; False where its number stood for another message."""
        known = self._recent.get(counter)
        if known is not None:
            return known == digest
        self._recent[counter] = digest
        if len(self._recent) > WINDOW:
            self._recent.popitem(last=False)
        self.distinct += 1
        self.lowest = min(self.lowest or counter, counter)
        self.highest = max(self.highest, counter)
        return True

    @property
    def missing(self) -> int:
        """How many numbers between the lowest and the highest stand for no message in the log."""
        return max(0, self.highest - self.lowest + 1 - self.distinct) if self.distinct else 0


@dataclass
class QuotaChain:
    """
    One member's daily quota from one admission to the next: each begins where the one before ended, each day at 0.

    Near midnight the entries of two days may stand mixed, because the day is that of the admission's own clock.
    """

    _after: list[int] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)

    def take(self, before: int, after: int, time_ms: int) -> bool:
        """Take an admission; False where it does not follow."""
        seconds = time_ms // 1000
        day = seconds // SECONDS_PER_DAY
        near = min(seconds % SECONDS_PER_DAY, -seconds % SECONDS_PER_DAY) <= MIDNIGHT_SECONDS
        follows = not self._after or before in self._after or (before == 0 and (near or day not in self.used))
        grows = after - before in (0, 1)
        others = [one for one in self._after if one != before] if near else []
        self._after = [*others[-1:], after]
        self.used[day] = max(self.used.get(day, 0), after)
        return follows and grows
