"""
Receipts that members hold, against the entries of an export.

Of an answer the receipt names the entry and its leaf; of messages it names the round of the admitted query, and what
the outcome's entry must therefore say. `participants.receipt_lines` has the form of the file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consortium.errors import CreditError
from consortium.model.receipts import MessageReceipt, Receipt, check_message_receipt, check_receipt
from consortium.model.rulebook import Role, Rulebook
from participants.receipt_lines import ReceiptLine, receipt_from_line
from participants.regulator.verdict import MAXIMUM_EXAMPLES, Verdict

PART = "receipts"
ADMISSIONS = frozenset({"query-admitted", "statistic-admitted"})
OUTCOMES = frozenset({"query-answered", "query-refused", "statistic-answered", "statistic-refused"})
Entry = Mapping[str, Any]


@dataclass
class HeldReceipts:
    """
    Receipts with the gateway's signature checked; they wait for the lines to stream by.

    With `some` there are not all lines: of a refusal that does not name its admission nothing is concluded.
    """

    verdict: Verdict
    some: bool = False
    by_index: dict[int, list[tuple[Receipt, bytes]]] = field(default_factory=dict)
    by_query: dict[str, list[tuple[MessageReceipt, bytes]]] = field(default_factory=dict)
    """Each receipt with its line in the file."""
    held: int = 0
    met: int = 0
    contradicted: list[bytes] = field(default_factory=list)
    """The lines of receipts that do not fit, as many as are told one by one: evidence for somebody else."""
    _admissions: dict[str, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self.by_index and not self.by_query

    def read(self, path: Path, rulebooks: Iterable[Rulebook]) -> None:
        """Read a file; what is not signed by the gateway of any of these rulebooks proves nothing and is told so."""
        with path.open("rb") as file:
            self.read_lines(file, rulebooks)

    def read_lines(self, lines: Iterable[bytes], rulebooks: Iterable[Rulebook]) -> None:
        """Read lines of such a file."""
        keys = {m.identity_key for rulebook in rulebooks for m in rulebook.members.values() if m.role is Role.GATEWAY}
        for number, line in enumerate(lines, start=1):
            self._take(number, line, keys)

    def meet(self, entry: Entry, leaf: bytes) -> None:
        """Compare an entry that streams by."""
        index = entry["index"]
        for receipt, line in self.by_index.pop(index, ()):
            self.met += 1
            if receipt.leaf_hash != leaf:
                self._fail(line, f"entry {index} is not the one that the gateway gave a receipt for", index)
        held = self.by_query.get(entry.get("query") or entry.get("statistic", ""))
        if held:
            self._meet_messages(entry, held)

    def finish(self, first: int, end: int, size: int) -> None:
        """Say what became of them; `size` is that of the checkpoint, `first` and `end` are the export's."""
        for index in self.by_index:
            if first <= index < end:
                self.verdict.fail(PART, f"entry {index}, for which there is a receipt, is missing")
        waiting = [index for index, receipts in self.by_index.items() for _ in receipts]
        waiting += [one.round.admission for held in self.by_query.values() for one, _ in held if self._is_open(one)]
        outside = [index for index in waiting if not first <= index < end]
        if not self.verdict.failed(PART):
            self.verdict.complete(PART, f"{self.met} of {self.held} receipts fit their entries")
        if outside:
            beyond = sum(index >= size for index in outside)
            text = f"{len(outside)} are for entries outside this export, {beyond} beyond its checkpoint"
            self.verdict.undecided(PART, text)

    def _meet_messages(self, entry: Entry, held: list[tuple[MessageReceipt, bytes]]) -> None:
        query = entry.get("query") or entry["statistic"]
        if entry["kind"] in ADMISSIONS and not self.some:
            self._admissions[query] = entry["index"]
        if entry["kind"] not in OUTCOMES:
            return
        admission = entry.get("admission", self._admissions.get(query))
        for receipt, line in held:
            if (receipt.round.admission, receipt.round.attempt) == (admission, entry["attempt"]):
                self._seen.add(id(receipt))
                self.met += 1
                self._compare(entry, receipt, line)

    def _compare(self, entry: Entry, receipt: MessageReceipt, line: bytes) -> None:
        """Hold an outcome to the messages that the gateway has said it took."""
        of, index = receipt.round, entry["index"]
        said = {one["member"]: one for one in entry["contributions"]}
        for member, digest in receipt.taken.items():
            one = said.get(member)
            named = one[f"round{of.number}"] if one is not None else None
            if named is None or named["digest"] != digest.hex():
                told = one["outcome"] if one is not None else "nothing"
                text = f"entry {index}: the gateway took {member}'s message of round {of.number}, and says {told}"
                self._fail(line, text, of.admission, index)

    def _is_open(self, receipt: MessageReceipt) -> bool:
        return id(receipt) not in self._seen and receipt.round.query.hex() not in self._admissions

    def _take(self, number: int, line: bytes, keys: Iterable[bytes]) -> None:
        try:
            found = receipt_from_line(line)
        except ValueError:
            self.verdict.undecided(PART, f"line {number} cannot be read")
            return
        if not any(_signed(found, key) for key in keys):
            self.verdict.undecided(PART, f"line {number} is not signed by the gateway of a rulebook here")
            return
        self.held += 1
        if isinstance(found, MessageReceipt):
            self.by_query.setdefault(found.round.query.hex(), []).append((found, line))
        else:
            self.by_index.setdefault(found[0].index, []).append((found[0], line))

    def _fail(self, line: bytes, text: str, *entries: int) -> None:
        self.verdict.fail(PART, text, *entries)
        if len(self.contradicted) < MAXIMUM_EXAMPLES and line not in self.contradicted:
            self.contradicted.append(line)


def _signed(found: ReceiptLine, key: bytes) -> bool:
    try:
        if isinstance(found, MessageReceipt):
            check_message_receipt(found, key)
        else:
            check_receipt(found[0], key, found[1])
    except CreditError:
        return False
    return True
