"""
A requester's jobs: built durably, run over whichever replica answers, resumed from whatever was taken.

The gateway's stream is a port; every block's result is durable before its credit goes back.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from consortium.bitmaps import Truths, bitmap, truths
from consortium.errors import Code, CreditError
from consortium.model.lists import RowList
from consortium.model.members import MemberSet
from consortium.model.query import QueryHeader
from consortium.model.receipts import Receipt, Subject, check_receipt
from consortium.model.rounds import Transcript, exchange_ctx
from consortium.model.rulebook import Role, Rulebook
from consortium.rules.contributions import query_layout
from consortium.silent import Silent
from consortium.sums.block_layout import Column, unpack_rows
from consortium.sums.block_sums import kept_words
from consortium.sums.words import Words
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes
from participants.failpoints import failpoint
from participants.lender.ask import ConsentTerms
from participants.lender.portfolio.answer import ListContributor
from participants.lender.portfolio.ask import BlockVectors, BuiltJob, ListPeople, ListQuestion, ListRequester
from participants.lender.portfolio.job_ports import BlockAnswered, JobCall, JobState, KeepsJobs, KeptResult, RunJob

DIGEST_BYTES = 32
AGAIN = frozenset({Code.UNREACHABLE, Code.DRAINING, Code.DEADLINE, Code.OVERLOADED, Code.TOO_FEW_CONTRIBUTORS})
"""What a job is begun again after; anything else ends it or waits for somebody to look."""
ResultT = TypeVar("ResultT")
PAUSE_FIRST, PAUSE_MOST = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: blocks and rows in all and answered, and who owes corrections for the others."""

    blocks: int
    rows: int
    blocks_answered: int
    rows_answered: int
    expires_at: int
    state: JobState


@dataclass(frozen=True, slots=True, repr=False)
class BlockRows(Silent):
    """
    What a job brought for the rows of a block: columns of sums and of the own part by slot, for the rows kept.

    `rows` are the numbers of the block's rows in the order of the list's tags.
    """

    rows: range
    kept: Truths
    totals: Mapping[str, Column]
    own: Mapping[str, Column]
    answered: MemberSet


@dataclass(frozen=True, repr=False)
class ListAsker(Silent):
    """
    The use-case with its ports; `rulebook` is the one in force, `version` gives the trusted one of a digest.

    `workers` run what would hold up the event loop, `clock` gives Unix seconds.
    """

    requester: Callable[[], ListRequester]
    contributor: Callable[[], ListContributor]
    rulebook: Callable[[], Rulebook]
    version: Callable[[bytes], Rulebook | None]
    files: KeepsJobs
    run_job: RunJob
    workers: Executor
    clock: Callable[[], int]
    keep: Callable[[Receipt, Subject], None] = lambda _receipt, _subject: None
    """Told of every receipt that was verified."""

    def create(self, job: bytes, people: ListPeople, question: ListQuestion, consent: ConsentTerms | None) -> None:
        """
        Build a job and make it durable under an id of 16 bytes; a second time under the same id is refused.

        Blocking. Raises REQUEST_ID_REUSED, and as `ListRequester.build`.
        """
        if job in self.files.jobs():
            raise CreditError(Code.REQUEST_ID_REUSED)
        keep = partial(self.files.keep_rows, job)
        built = self.requester().build(people, question, consent, self.rulebook(), self.clock(), keep)
        failpoint("portfolio.before-create")
        self.files.create(job, signed_query_to_bytes(built.query), built.sealed, self.clock())

    async def run(self, job: bytes, patience: float = 0.0) -> JobProgress:
        """
        Run a job until every block is answered, or until nothing has come for `patience` seconds.

        Then what is missing can be asked for again. Raises what ended the job; that is kept, and raised again.
        """
        loop, handler = asyncio.get_running_loop(), JobWork(self, job)
        pause, last, answered = PAUSE_FIRST, loop.time(), -1
        while True:
            progress = await self._off_loop(partial(self.progress, job))
            _raise_ended(progress.state)
            if progress.state.ended:
                return progress
            if progress.blocks_answered > answered:
                pause, last, answered = PAUSE_FIRST, loop.time(), progress.blocks_answered
            if not await self._once(job, handler, last + patience - loop.time()):
                return await self._off_loop(partial(self.progress, job))
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_MOST)

    async def _once(self, job: bytes, handler: "JobWork", left: float) -> bool:
        """Carry a job once; says whether to try again, for as long as there is time left."""
        call = await self._off_loop(partial(self._call, job))
        try:
            outcome = await self.run_job(call, handler)
        except CreditError as error:
            if error.code in AGAIN:
                if left <= 0:
                    raise
                return True
            if error.code in ENDS:
                self.files.keep_state(job, replace(self.files.state(job), error=error.code.value, cause=error.cause))
            raise
        if outcome.receipt is not None:
            state = replace(self.files.state(job), ended=True, entry=outcome.receipt.index)
            await self._off_loop(partial(self.files.keep_state, job, state))
            return True
        return left > 0

    def progress(self, job: bytes) -> JobProgress:
        """Give how far a job is; raises JOB_UNKNOWN."""
        header = self.header(job)
        rows, done = _rows(header), [*self.files.results(job)]
        return JobProgress(
            blocks=rows.blocks,
            rows=rows.rows,
            blocks_answered=len(done),
            rows_answered=sum(len(rows.rows_of(block)) for block in done),
            expires_at=header.expires_at,
            state=self.files.state(job),
        )

    def header(self, job: bytes) -> QueryHeader:
        """Give the header of a job's query; raises JOB_UNKNOWN."""
        return signed_query_from_bytes(self.files.query(job)).header

    def results(self, job: bytes) -> Iterator[BlockRows]:
        """Give what has come, block after block; the blocks that have no answer are left out."""
        header = self.header(job)
        rulebook, rows = self.version_of(header), _rows(header)
        layout = query_layout(header, rulebook)
        for block in self.files.results(job):
            found, span = self.files.result(job, block), rows.rows_of(block)
            totals = unpack_rows(layout, found.totals.reshape(-1, layout.words), len(found.answered))
            own = unpack_rows(layout, found.own.reshape(-1, layout.words), 1)
            yield BlockRows(span, truths(found.kept, len(span)), totals, own, found.answered)

    def conclude(self, job: bytes, answered: BlockAnswered) -> KeptResult:
        """Check a block, its receipt included, and open it; raises as `ListRequester.conclude`."""
        query = signed_query_from_bytes(self.files.query(job))
        rulebook = self.version_of(query.header)
        gateway = next(one for one in rulebook.document.members if one.role is Role.GATEWAY)
        subject = Subject(query.digest, answered.transcript)
        check_receipt(answered.receipt, gateway.identity_key, subject)
        self.keep(answered.receipt, subject)
        transcript = transcript_from_bytes(answered.transcript)
        if transcript.block != answered.block:
            raise CreditError(Code.TRANSCRIPT_INVALID, "the transcript of another block")
        built = BuiltJob(query, _digests(self.files.sealed(job)))
        vectors = BlockVectors(answered.contributions, answered.corrections, answered.left_out)
        result = self.requester().conclude(built, transcript, vectors, rulebook)
        own = self._own(built, transcript, result.kept, result.words)
        receipt = answered.receipt
        return KeptResult(
            bitmap(result.kept), result.words.reshape(-1), own, result.answered, receipt.index, receipt.leaf_hash
        )

    def _own(self, built: BuiltJob, transcript: Transcript, kept: Truths, words: Words) -> Words:
        """Give what this lender contributed to the rows kept; zeros where it did not answer."""
        contributor = self.contributor()
        if contributor.identity.member not in transcript.members:
            return np.zeros(words.size, dtype=np.uint64)
        sealed, block = built.sealed[transcript.block], transcript.block
        ctx = exchange_ctx(built.query, transcript.roster, transcript.attempt, transcript.intended, block, sealed)
        return kept_words(contributor.own_values(ctx, built.query.digest), kept)

    def _call(self, job: bytes) -> JobCall:
        query = self.files.query(job)
        signed = signed_query_from_bytes(query)
        have = np.zeros(_rows(signed.header).blocks, dtype=bool)
        have[[*self.files.results(job)]] = True
        return JobCall(job, query, signed.digest, self.files.sealed(job), bitmap(have))

    def version_of(self, header: QueryHeader) -> Rulebook:
        """Give the rulebook that a job is under; raises CreditError(RULEBOOK_MISMATCH)."""
        found = self.version(header.rulebook_digest)
        if found is None:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the job belongs to a rulebook that is not known here")
        return found

    async def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self.workers, work)


ENDS = frozenset(
    {
        Code.RULEBOOK_MISMATCH,
        Code.QUERY_EXPIRED,
        Code.LIST_INVALID,
        Code.LIST_OVERLAPS,
        Code.QUOTA_EXCEEDED,
        Code.CONSENT_MISSING,
        Code.CONSENT_EXPIRED,
        Code.CONSENT_FOREIGN,
        Code.CONSENT_USED_UP,
        Code.EARLIER_TAGS_MISSING,
        Code.PURPOSE_NOT_ALLOWED,
        Code.REQUEST_ID_REUSED,
    }
)
"""What ends a job at its requester: under its id nothing more will come."""


@dataclass(frozen=True, repr=False)
class JobWork(Silent):
    """What a stream needs of one job; see `JobHandler`."""

    asker: ListAsker
    job: bytes

    def rows(self, block: int) -> bytes:
        """Give a sealed block."""
        return self.asker.files.rows(self.job, block)

    def take(self, answered: BlockAnswered) -> None:
        """Check a block and make its result durable."""
        result = self.asker.conclude(self.job, answered)
        failpoint("portfolio.before-result")
        self.asker.files.keep_result(self.job, answered.block, result)
        failpoint("portfolio.after-result")


def _raise_ended(state: JobState) -> None:
    if state.error:
        raise CreditError(Code(state.error), state.cause)


def _rows(header: QueryHeader) -> RowList:
    if header.rows is None:
        raise CreditError(Code.JOB_UNKNOWN, "not a list")
    return header.rows


def _digests(raw: bytes) -> tuple[bytes, ...]:
    return tuple(raw[at : at + DIGEST_BYTES] for at in range(0, len(raw), DIGEST_BYTES))
