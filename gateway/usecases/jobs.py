"""
Jobs over lists: admission, running, and their end in the log.

As for one person the admission is durable before anybody is shown the list, and a block's entry before its answer
leaves. A job that broke off is begun again by its requester under the same request id; what was fixed stays fixed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from consortium.errors import Code, CreditError
from consortium.model.blocks import JobBegin
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.receipts import Receipt
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.rules.contributions import query_layout
from consortium.rules.lists import rows_per_day
from consortium.rules.queries import check_query, check_times
from consortium.wire.portfolio import job_begin_from_bytes, job_begin_to_bytes
from gateway.bulk_nodes import BulkNodes
from gateway.committer import GroupCommitter
from gateway.failpoints import failpoint
from gateway.ports import GatewayTransaction, KnownBlock, KnownJob
from gateway.usecases import bodies, entries, job_entries
from gateway.usecases.admission import count_consent
from gateway.usecases.blocks import JobTerms
from gateway.usecases.job_run import JobRun, JobSession, Pace
from gateway.usecases.refusals import Refusals

SECONDS_PER_DAY = 86_400
ROWS_QUOTA = "rows-day"
JOBS_OF_A_MEMBER, JOBS = 2, 8
"""How many jobs are open at a time on one replica."""


@dataclass(frozen=True, slots=True)
class AskJob:
    """A request as it came in: the caller, its id for the job (16 bytes), the query, and the sealed blocks' digests."""

    member: MemberId
    request_id: bytes
    query: SignedQuery
    sealed: tuple[bytes, ...]


@dataclass
class JobDesk:
    """The use-case with its ports; `clock` gives Unix seconds, `roster` every lender's mask key for a time of issue."""

    rulebook: Callable[[], Rulebook]
    roster: Callable[[Rulebook, int], Awaitable[tuple[RosterEntry, ...]]]
    committer: GroupCommitter
    nodes: BulkNodes
    signer: Signer
    refusals: Refusals
    clock: Callable[[], int]
    pace: Pace
    keeps_bodies: bool = False
    _running: dict[bytes, tuple[MemberId, asyncio.Task[None]]] = field(default_factory=dict)
    _draining: bool = False

    async def admit(self, ask: AskJob) -> KnownJob:
        """
        Admit a job, or find the one of an earlier, equal request.

        Raises MEMBER_NOT_ACTIVE for a query in another's name, REQUEST_ID_REUSED, QUOTA_EXCEEDED, CONSENT_USED_UP,
        LIST_INVALID and everything that `check_query` raises.
        """
        self.refusals.check_own(ask.member, ask.query.header.requester)
        known = await self.committer.commit(partial(_known, ask))
        if known is not None:
            return known
        try:
            rulebook, now = self.rulebook(), self.clock()
            check_times(ask.query.header, rulebook, now)
            _check_blocks(ask)
            check_query(ask.query, rulebook, now)
            roster = await self.roster(rulebook, ask.query.header.issued_at)
            begin = job_begin_to_bytes(JobBegin(ask.query, roster))
            body = bodies.of_query(ask.query) if self.keeps_bodies else None
            failpoint("gateway.before-job")
            return await self.committer.commit(partial(_admit, ask, begin, rulebook, now, body))
        except CreditError as error:
            self.refusals.take(ask.member)
            await self.committer.commit(partial(_refuse, ask, error, self.keeps_bodies))
            raise

    async def run(self, job: KnownJob, ask: AskJob, session: JobSession) -> None:
        """
        Carry an admitted job as far as it goes; what it sends leaves through `session`.

        A second run of a job takes the place of the first, whose requester has gone. Raises OVERLOADED, what ended the
        job, or what interrupts it (DRAINING, STORAGE_FULL and the like): then it can be resumed.
        """
        self._check_open()
        ended = await self._ended(job)
        if ended is not None and session.have.all():
            return session.end(b"", ended, ())
        await self._make_room(job.digest, ask.member)
        self._check_open()
        task = asyncio.create_task(self._carry(job, ask, session))
        self._running[job.digest] = ask.member, task
        task.add_done_callback(partial(self._forget, job.digest))
        try:
            await task
        finally:
            task.cancel()

    async def close_overdue(self) -> None:
        """End jobs that have expired without an end."""
        before = self.clock() - 1
        for job in await self.committer.commit(lambda transaction: transaction.jobs.overdue(before)):
            await self._end(job, job_entries.INCOMPLETE)

    def stop(self) -> None:
        """
        Interrupt every job, and begin none; each can be resumed.

        One that began again here would fix the answering sets of its blocks while the nodes' streams are ending.
        """
        self._draining = True
        for _, task in list(self._running.values()):
            task.cancel()

    async def _carry(self, job: KnownJob, ask: AskJob, session: JobSession) -> None:
        begin, rulebook = job_begin_from_bytes(job.begin), self.rulebook()
        try:
            self._check_still(begin.query)
            words = query_layout(begin.query.header, rulebook).words
            terms = JobTerms(begin.query, rulebook, begin.roster, ask.sealed, words)
            run = JobRun(terms, job, self.nodes, self.committer, self.signer, session, self.pace, self.keeps_bodies)
            run.check_still = partial(self._check_still, begin.query)
            missing, owed_by = await run.carry(await self._blocks(job))
        except CreditError as error:
            if error.code in ENDING:
                await self._end(job, error.code.value, error.cause)
            raise
        receipt = None if any(missing) else await self._end(job, "")
        session.end(missing if receipt is None else b"", receipt, owed_by)

    async def _blocks(self, job: KnownJob) -> list[KnownBlock]:
        return await self.committer.commit(lambda transaction: transaction.jobs.blocks(job.digest))

    async def _ended(self, job: KnownJob) -> Receipt | None:
        """Give the receipt of a job that was answered whole; raises what another one ended with."""
        known = await self.committer.commit(lambda transaction: transaction.jobs.find(job.digest))
        if known is None or known.ended is None:
            return None
        end = job_entries.end_from_bytes(known.ended)
        if end.decision not in (job_entries.ANSWERED, job_entries.INCOMPLETE):
            raise CreditError(Code(end.decision), "the job has ended with this")
        return end.receipt

    async def _end(self, job: KnownJob, decision: str, reason: str = "") -> Receipt:
        return await self.committer.commit(partial(_end, job, decision, reason, self.signer))

    def _check_still(self, query: SignedQuery) -> None:
        rulebook = self.rulebook()
        if rulebook.digest != query.header.rulebook_digest:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed since the job began")
        rulebook.check_current(self.clock())
        check_times(query.header, rulebook, self.clock())

    async def _make_room(self, digest: bytes, member: MemberId) -> None:
        before = self._running.get(digest)
        if before is not None:
            before[1].cancel()
            await asyncio.wait({before[1]})
        own = sum(one == member for one, _ in self._running.values())
        if own >= JOBS_OF_A_MEMBER or len(self._running) >= JOBS:
            raise CreditError(Code.OVERLOADED, f"{JOBS_OF_A_MEMBER} jobs of a member, {JOBS} in all")

    def _check_open(self) -> None:
        if self._draining:
            raise CreditError(Code.DRAINING)

    def _forget(self, digest: bytes, task: asyncio.Task[None]) -> None:
        if self._running.get(digest, (None, None))[1] is task:
            del self._running[digest]
        if not task.cancelled():
            task.exception()


ENDING = frozenset(
    {
        Code.RULEBOOK_MISMATCH,
        Code.QUERY_EXPIRED,
        Code.LIST_INVALID,
        Code.LIST_OVERLAPS,
        Code.QUOTA_EXCEEDED,
        Code.CONSENT_FOREIGN,
        Code.CONSENT_USED_UP,
        Code.ENVELOPE_MISMATCH,
        Code.PAYLOAD_INVALID,
        Code.EARLIER_TAGS_MISSING,
    }
)
"""What ends a job for good; whatever else interrupts it leaves it to be resumed."""


def _check_blocks(ask: AskJob) -> None:
    rows = ask.query.header.rows
    if rows is None or len(ask.sealed) != rows.blocks:
        raise CreditError(Code.LIST_INVALID, "not one digest for each block")


def _known(ask: AskJob, transaction: GatewayTransaction) -> KnownJob | None:
    known = transaction.jobs.by_request(ask.member, ask.request_id)
    if known is not None and known.digest != ask.query.digest:
        raise CreditError(Code.REQUEST_ID_REUSED)
    return known


def _admit(
    ask: AskJob, begin: bytes, rulebook: Rulebook, now: int, body: bytes | None, transaction: GatewayTransaction
) -> KnownJob:
    """Admit a job in one unit: repeat, consent, quota of rows, entry."""
    known = _known(ask, transaction)
    if known is not None:
        return known
    if transaction.jobs.find(ask.query.digest) is not None:
        raise CreditError(Code.REQUEST_ID_REUSED, "this job has another request id")
    count_consent(ask.query, transaction)
    header, limit, day = ask.query.header, rows_per_day(rulebook.policy), now // SECONDS_PER_DAY
    rows = header.rows.rows if header.rows else 0
    before = transaction.spent(ask.member, ROWS_QUOTA, day)
    after = transaction.spend(ask.member, ROWS_QUOTA, day, rows)
    if after > limit:
        raise CreditError(Code.QUOTA_EXCEEDED, f"{limit} rows a day")
    entry = job_entries.admitted(ask.query, rulebook, ask.request_id, (before, after, limit))
    appended = transaction.append(entry)
    if body is not None:
        transaction.bodies.keep(appended, ask.query.digest, body)
    job = KnownJob(ask.query.digest, ask.member, ask.request_id, begin, appended.index, header.expires_at)
    transaction.jobs.open(job)
    return job


def _refuse(ask: AskJob, error: CreditError, keeps_bodies: bool, transaction: GatewayTransaction) -> None:  # noqa: FBT001
    body = bodies.of_refusal(ask.query, None, admitted=False) if keeps_bodies else None
    appended = transaction.append(entries.refused(ask.member, ask.request_id, ask.query, error, None, body))
    if body is not None:
        transaction.bodies.keep(appended, ask.query.digest, body)


def _end(job: KnownJob, decision: str, reason: str, signer: Signer, transaction: GatewayTransaction) -> Receipt:
    """Append a job's end and keep its receipt; a job ends once. Without a decision it follows from its blocks."""
    known = transaction.jobs.find(job.digest)
    if known is not None and known.ended is not None:
        return job_entries.end_from_bytes(known.ended).receipt
    begin = job_begin_from_bytes(job.begin)
    rows, answered = begin.query.header.rows, [one for one in transaction.jobs.blocks(job.digest) if one.receipt]
    receipts = [job_entries.receipt_from_bytes(one.receipt) for one in answered if one.receipt]
    said = decision or _decision(begin, answered)
    entry = job_entries.ended(job.digest, job.admission, rows.blocks if rows else 1, receipts, said, reason)
    appended = transaction.append(entry)
    receipt = job_entries.sign_end(signer, appended, job.digest, receipts)
    transaction.jobs.end(job.digest, job_entries.end_to_bytes(job_entries.JobEnd(said, receipt)))
    return receipt


def _decision(begin: JobBegin, answered: Sequence[KnownBlock]) -> str:
    """Say whether every lender and row is in."""
    everybody = frozenset(entry.member for entry in begin.roster)
    chosen = [job_entries.fixed_from_bytes(one.fixed) for one in answered]
    whole = all(one.members == everybody and not one.left_out for one in chosen)
    return job_entries.ANSWERED if whole else job_entries.INCOMPLETE
