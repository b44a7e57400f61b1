"""
A requester's list from its source to keys and tags: rows are read and requests are sent here, the rest by workers.

Each partition that the key holders have evaluated is kept, so that a list that breaks off does not ask them again.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.errors import Code, CreditError
from consortium.oprf.blinding import BlindedBatch
from consortium.oprf.elements import BlindedElement, Evaluation
from consortium.oprf.sharing import ThresholdKey
from consortium.silent import Silent
from participants.lender.bulk.list_rows import (
    BlindedRows,
    FinishTask,
    KeysAndTags,
    RowsTask,
    WorkerSecrets,
    blind_rows,
    finish_batch,
    keys_and_tags,
)
from participants.lender.bulk.ports import Octets
from participants.lender.bulk.workers import Pending, Workers
from participants.lender.connectors import OpenTable, Source
from participants.lender.mapping import ListFile
from participants.lender.ports import Progress
from participants.lender.records import RawRow
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED, SetAside, ValidationReport

PARTITION_ROWS = 4_096
KEY_BYTES, TAG_BYTES = 64, 32

Places: TypeAlias = npt.NDArray[np.int64]


class Asks(Protocol):
    """The way to the key holders; see `Tokeniser`."""

    @property
    def key(self) -> ThresholdKey:
        """The key whose holders are asked."""
        ...

    def ask(self, elements: tuple[BlindedElement, ...]) -> dict[int, Evaluation]:
        """Have a batch evaluated; nothing is verified yet."""
        ...

    def evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Give verified outputs."""
        ...


class KeptPartitions(Protocol):
    """Keys and tags of partitions, durable when `keep` returns; only for the list that they were kept for."""

    def find(self, partition: int, digest: bytes) -> KeysAndTags | None:
        """Give what was kept for these people under this number."""
        ...

    def keep(self, partition: int, digest: bytes, found: KeysAndTags) -> None:
        """Keep a partition's people."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class PreparedList(Silent):
    """
    A list ready to be asked about: its people once each, `tags` (n, 32) rising with `keys` (n, 64), and its rows.

    Row i of the source that was good is called `names[i]` and is about person `places[i]`. `numbers[i]` counts the rows
    of the source from 1, refused ones too.
    """

    tags: Octets
    keys: Octets
    names: tuple[str, ...]
    places: Places
    numbers: Places


@dataclass(frozen=True, repr=False)
class ListPreparation(Silent):
    """How to prepare one list; `report` and `aside` say what became of its rows, also after an error."""

    mapping: ListFile
    source: Source
    secrets: WorkerSecrets
    asks: Asks
    workers: Workers
    kept: KeptPartitions
    report: ValidationReport
    aside: SetAside
    maximum_refused: float = DEFAULT_MAXIMUM_REFUSED

    def prepare(self, progress: Progress | None = None) -> PreparedList:
        """
        Read the whole list and give its people.

        Raises CreditError: as `BookLoad.check`; TOO_FEW_HOLDERS; WORKERS_LOST.
        """
        with self.source.open() as table, self.aside:
            self.aside.begin(table.columns)
            gathered = _Gathered()
            for part, found in self._finished(self.workers.in_order(blind_rows, self._tasks(table))):
                gathered.add(part, found)
                if progress is not None:
                    progress("tokenising", gathered.rows)
            self.aside.finish()
            self.report.check_share(self.maximum_refused)
        return gathered.prepared()

    def _tasks(self, table: OpenTable) -> Iterator[RowsTask]:
        rows: list[RawRow] = []
        for batch in table.batches:
            rows += batch
            while len(rows) >= PARTITION_ROWS:
                yield RowsTask(self.mapping, table.columns, tuple(rows[:PARTITION_ROWS]), self.secrets)
                del rows[:PARTITION_ROWS]
        yield RowsTask(self.mapping, table.columns, tuple(rows), self.secrets)

    def _finished(self, parts: Iterator[BlindedRows]) -> Iterator[tuple[BlindedRows, KeysAndTags]]:
        """Have each partition evaluated, in order, while workers finish those before and begin those after."""
        waiting: deque[tuple[int, BlindedRows, _Finishing]] = deque()
        try:
            for number, part in enumerate(parts):
                self._note(part)
                waiting.append((number, part, self._begin(number, part)))
                if len(waiting) > self.workers.ahead:
                    yield self._end(*waiting.popleft())
        except CreditError:
            for one in waiting:  # key holders have counted these: what they gave is kept
                with suppress(CreditError):
                    self._end(*one)
            raise
        while waiting:
            yield self._end(*waiting.popleft())

    def _note(self, part: BlindedRows) -> None:
        """Count the rows in the order of the source."""
        for _ in part.rows:
            self.report.accept(empty=False)
        for row, refused in part.refused:
            self.report.refuse(row, refused)
            self.aside.add(row, refused)

    def _begin(self, number: int, part: BlindedRows) -> "_Finishing":
        known = self.kept.find(number, part.digest)
        if known is not None:
            return known
        return [
            self.workers.submit(
                finish_batch, FinishTask(batch, self.asks.ask(batch.elements), self.asks.key, self.secrets)
            )
            for batch in part.batches
        ]

    def _end(self, number: int, part: BlindedRows, finishing: "_Finishing") -> tuple[BlindedRows, KeysAndTags]:
        if isinstance(finishing, KeysAndTags):
            return part, finishing
        done = [self._finish(*one) for one in zip(part.batches, finishing, strict=True)]
        found = KeysAndTags(b"".join(one.keys for one in done), b"".join(one.tags for one in done))
        self.kept.keep(number, part.digest, found)
        return part, found

    def _finish(self, batch: BlindedBatch, pending: "Pending[FinishTask, KeysAndTags]") -> KeysAndTags:
        try:
            return self.workers.result(pending)
        except CreditError as error:
            if error.code not in {Code.PROOF_INVALID, Code.MALFORMED}:
                raise
        # a holder answered wrongly: this batch goes the usual way, which alarms and asks another one
        return keys_and_tags(self.asks.evaluate(batch.inputs), self.secrets)


_Finishing: TypeAlias = "KeysAndTags | list[Pending[FinishTask, KeysAndTags]]"


class _Gathered:
    """The partitions so far."""

    def __init__(self) -> None:
        self._keys, self._tags = bytearray(), bytearray()
        self._names: list[str] = []
        self._people: list[int] = []
        self._numbers: list[int] = []

    @property
    def rows(self) -> int:
        return len(self._names)

    def add(self, part: BlindedRows, found: KeysAndTags) -> None:
        first = len(self._tags) // TAG_BYTES
        self._keys += found.keys
        self._tags += found.tags
        self._names += [row.name for row in part.rows]
        self._people += [first + row.person for row in part.rows]
        self._numbers += [row.number for row in part.rows]

    def prepared(self) -> PreparedList:
        """Sort the people by their tags, each once."""
        tags = np.frombuffer(bytes(self._tags), dtype=np.uint8).reshape(-1, TAG_BYTES)
        keys = np.frombuffer(bytes(self._keys), dtype=np.uint8).reshape(-1, KEY_BYTES)
        order = np.lexsort(np.ascontiguousarray(tags).view(">u8").T[::-1])
        ordered = tags[order]
        fresh = np.ones(len(ordered), dtype=bool)
        fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        place = np.empty(len(ordered), dtype=np.int64)
        place[order] = np.cumsum(fresh) - 1
        people = np.array(self._people, dtype=np.int64)
        numbers = np.array(self._numbers, dtype=np.int64)
        return PreparedList(ordered[fresh], keys[order][fresh], tuple(self._names), place[people], numbers)
