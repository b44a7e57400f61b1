"""Logs for tests: lines of every kind, a store with a log over it, keys and policies."""

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from consortium.canonical import CanonicalValue
from consortium.transparency.notes import KeyType, NoteSigner
from gateway.ports import Appended, Unit
from gateway.storage.log import SqlLogStore
from gateway.storage.sql import SqlStore
from gateway.tlog.guard import FileGuard
from gateway.tlog.log import Log

ORIGIN = "demo-consortium/log"
LOG_SIGNER = NoteSigner(ORIGIN, b"l" * 32)
WITNESS = NoteSigner("demo-consortium/witness/regulator", b"w" * 32)
SECOND = NoteSigner("demo-consortium/witness/lender-a", b"v" * 32)


def dropped(count: int = 1, member: str = "lender-a") -> dict[str, CanonicalValue]:
    """The smallest entry that is true to its schema."""
    return {"kind": "requests-dropped", "requester": member, "count": count, "since": 1_790_000_000}


def policy_text(quorum: str = "regulator") -> str:
    """A policy for the log with both witnesses."""
    lines = [
        f"log {LOG_SIGNER.verifier(KeyType.ED25519).vkey}",
        f"witness regulator {WITNESS.verifier(KeyType.COSIGNATURE).vkey}",
        f"witness lender-a {SECOND.verifier(KeyType.COSIGNATURE).vkey}",
        f"quorum {quorum}",
    ]
    return "".join(f"{line}\n" for line in lines)


@dataclass
class StoredLog:
    """A log on SQLite in a folder, or elsewhere; its guard in another folder."""

    folder: Path
    clock: Callable[[], int] = field(default=lambda: 1_790_000_000_000)
    url: str = ""

    def __post_init__(self) -> None:
        (self.folder / "guard").mkdir(exist_ok=True)
        self.url = self.url or f"sqlite:///{self.folder}/gateway.db"
        self.entries = SqlStore(self.url, self.clock)
        self.store = SqlLogStore(self.url)
        self.guard = FileGuard(self.folder / "guard" / "checkpoint")
        self.log = Log(self.store, self.guard, LOG_SIGNER)

    def append(self, entries: Iterable[dict[str, CanonicalValue]]) -> list[Appended]:
        """Append entries durably."""
        results = self.entries.transact([appender(entry) for entry in entries])
        for result in results:
            assert isinstance(result, Appended), result
        return [result for result in results if isinstance(result, Appended)]

    def lines(self) -> list[bytes]:
        """Every line."""
        return self.store.lines(0, self.store.size())

    def close(self) -> None:
        """Close both connections."""
        self.entries.close()
        self.store.close()


def appender(entry: dict[str, CanonicalValue]) -> Unit[Appended]:
    """A unit of work that appends an entry."""
    return lambda transaction: transaction.append(entry)


def changed_byte(data: bytes, at: int) -> bytes:
    """The same bytes with one bit turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def digest() -> str:
    """A made-up digest."""
    return secrets.token_hex(32)


def parsed(line: bytes) -> dict[str, object]:
    """A line as a value."""
    value: dict[str, object] = json.loads(line)
    return value
