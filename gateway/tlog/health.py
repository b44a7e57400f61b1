"""How far checkpoint and witnesses are behind the entries, in seconds, for the alert rules of `docs/alerts.yml`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from consortium.transparency.notes import VerifierKey
from gateway.tlog.ports import LogStore


@dataclass(slots=True)
class _Follower:
    """How far somebody has come, and when it last came further or was level."""

    size: int
    at: float


@dataclass
class LogHealth:
    """
    Ages of what follows the log; an age is 0 while nothing is left to follow, so that an idle log raises no alarm.

    `clock` values are seconds that only grow; `witnesses` gives the keys whose cosignatures the gateway takes.
    """

    store: LogStore
    witnesses: Callable[[], Iterable[VerifierKey]]
    _followers: dict[str, _Follower] = field(default_factory=dict)

    def checkpoint_age(self, now: float) -> float:
        """Give how long entries have been waiting for a newer checkpoint."""
        newest = self.store.newest()
        return self._age("", newest.size if newest else 0, self.store.size(), now)

    def cosignature_ages(self, now: float) -> dict[str, float]:
        """Give how long each witness has cosigned nothing while there was something newer."""
        newest, signed = self.store.newest(), self.store.cosigned()
        size = newest.size if newest else 0
        return {key.name: self._age(key.name, signed.get(key.name, 0), size, now) for key in self.witnesses()}

    def _age(self, name: str, size: int, level: int, now: float) -> float:
        known = self._followers.setdefault(name, _Follower(size, now))
        if size > known.size or size >= level:
            known.size, known.at = size, now
        return now - known.at
