"""
Receipts that members hold, against the entries of an export.

A file of them has one JSON object a line: `index`, `time_ms`, and in hexadecimal `leaf_hash`, `signature`, `query` (the
digest of the signed query) and `transcript` (the bytes that the answer carried). Whoever asked has all of it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from consortium.errors import CreditError
from consortium.model.receipts import Receipt, Subject, check_receipt
from consortium.model.rulebook import Role, Rulebook
from participants.regulator.verdict import Verdict

PART = "receipts"


@dataclass
class HeldReceipts:
    """Receipts by index, each with the gateway's signature checked; they wait for the lines to stream by."""

    verdict: Verdict
    by_index: dict[int, list[Receipt]] = field(default_factory=dict)
    held: int = 0
    met: int = 0

    def read(self, path: Path, rulebooks: Iterable[Rulebook]) -> None:
        """Read a file; what is not signed by the gateway of any of these rulebooks proves nothing and is told so."""
        keys = {m.identity_key for rulebook in rulebooks for m in rulebook.members.values() if m.role is Role.GATEWAY}
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                self._take(number, line, keys)

    def meet(self, index: int, leaf: bytes) -> None:
        """Compare a line that streams by."""
        for receipt in self.by_index.pop(index, ()):
            self.met += 1
            if receipt.leaf_hash != leaf:
                self.verdict.fail(PART, f"entry {index} is not the one that the gateway gave a receipt for")

    def finish(self, first: int, end: int, size: int) -> None:
        """Say what became of them; `size` is that of the checkpoint, `first` and `end` are the export's."""
        for index in self.by_index:
            if first <= index < end:
                self.verdict.fail(PART, f"entry {index}, for which there is a receipt, is missing")
        outside = sum(len(receipts) for index, receipts in self.by_index.items() if not first <= index < end)
        beyond = sum(len(receipts) for index, receipts in self.by_index.items() if index >= size)
        if not self.verdict.failed(PART):
            self.verdict.complete(PART, f"{self.met} of {self.held} receipts fit their entries")
        if outside:
            self.verdict.undecided(
                PART, f"{outside} are for entries outside this export, {beyond} beyond its checkpoint"
            )

    def _take(self, number: int, line: bytes, keys: Iterable[bytes]) -> None:
        try:
            receipt, subject = _parse(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.verdict.undecided(PART, f"line {number} cannot be read")
            return
        if not any(_signed(receipt, key, subject) for key in keys):
            self.verdict.undecided(PART, f"line {number} is not signed by the gateway of a rulebook here")
            return
        self.held += 1
        self.by_index.setdefault(receipt.index, []).append(receipt)


def _parse(value: Mapping[str, object]) -> tuple[Receipt, Subject]:
    leaf, signature, query, transcript = (
        bytes.fromhex(str(value[name])) for name in ("leaf_hash", "signature", "query", "transcript")
    )
    index, time = value["index"], value["time_ms"]
    if type(index) is not int or type(time) is not int or min(index, time) < 0:
        raise ValueError
    return Receipt(index, leaf, time, signature), Subject(query, transcript)


def _signed(receipt: Receipt, key: bytes, subject: Subject) -> bool:
    try:
        check_receipt(receipt, key, subject)
    except CreditError:
        return False
    return True
