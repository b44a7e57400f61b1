"""What a requester's job needs: its files, and the gateway's stream; every guarantee is part of the interface."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consortium.model.members import MemberId, MemberSet
from consortium.model.receipts import Receipt
from consortium.silent import Silent
from consortium.sums.words import Words


@dataclass(frozen=True, slots=True, repr=False)
class JobCall(Silent):
    """
    What a job's stream begins with.

    `query` is the signed query in bytes and `job` its digest, `sealed` the digests of all sealed blocks, `have` a
    bitmap of the blocks whose answers are here.
    """

    request_id: bytes
    query: bytes
    job: bytes
    sealed: bytes
    have: bytes


@dataclass(frozen=True, slots=True, repr=False)
class BlockAnswered(Silent):
    """A block as it came: its transcript in bytes, the rows left out, the vectors by member, its receipt."""

    block: int
    transcript: bytes
    left_out: bytes
    contributions: dict[MemberId, bytes]
    corrections: dict[MemberId, bytes]
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a stream ended: a bitmap of blocks without an answer, the receipt of the job's end, who owes corrections."""

    missing: bytes
    receipt: Receipt | None
    owed_by: tuple[MemberId, ...]


class JobHandler(Protocol):
    """What a requester does for its job; every call blocks."""

    def rows(self, block: int) -> bytes:
        """Give a sealed block."""
        ...

    def take(self, answered: BlockAnswered) -> None:
        """Check a block and make its result durable."""
        ...


RunJob = Callable[[JobCall, JobHandler], Coroutine[Any, Any, RunOutcome]]
"""Carries a job on a replica until its stream ends; raises CreditError."""


@dataclass(frozen=True, slots=True, repr=False)
class KeptResult(Silent):
    """
    A block's result: a bitmap of the rows kept, the words of their sums and of the own part, flat, and who answered.

    `index` and `leaf_hash` are those of its entry.
    """

    kept: bytes
    totals: Words
    own: Words
    answered: MemberSet
    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands; `error` is the code that ended it, `entry` the index of its end in the log."""

    created: int
    ended: bool = False
    error: str = ""
    cause: str = ""
    entry: int | None = None


class KeepsJobs(Protocol):
    """A node's own jobs by their request ids; what is kept is durable when the call returns."""

    def jobs(self) -> list[bytes]:
        """Give every job's id."""
        ...

    def create(self, job: bytes, query: bytes, sealed: Sequence[bytes], now: int) -> None:
        """Make a job known; its sealed blocks are there already."""
        ...

    def query(self, job: bytes) -> bytes:
        """Give a job's signed query; raises CreditError(JOB_UNKNOWN)."""
        ...

    def sealed(self, job: bytes) -> bytes:
        """Give the digests of a job's sealed blocks, 32 bytes each."""
        ...

    def state(self, job: bytes) -> JobState:
        """Give where a job stands."""
        ...

    def keep_state(self, job: bytes, state: JobState) -> None:
        """Keep where a job stands."""
        ...

    def keep_rows(self, job: bytes, block: int, sealed: bytes) -> None:
        """Keep a sealed block."""
        ...

    def rows(self, job: bytes, block: int) -> bytes:
        """Give a sealed block."""
        ...

    def keep_result(self, job: bytes, block: int, result: KeptResult) -> None:
        """Keep a block's result."""
        ...

    def result(self, job: bytes, block: int) -> KeptResult:
        """Give a block's result; raises CreditError(JOB_UNKNOWN) where there is none."""
        ...

    def results(self, job: bytes) -> Iterator[int]:
        """Give the blocks that have results."""
        ...
