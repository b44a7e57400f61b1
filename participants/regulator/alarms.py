"""An alarm of the watched log, and how it is shown."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: what, about whom, in words, and the indices of the entries that show it (or a file's name)."""

    kind: str
    member: str
    text: str
    time_ms: int
    entries: tuple[int, ...] = ()
    evidence: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give it for a line of JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {"entries": [*self.entries]}
