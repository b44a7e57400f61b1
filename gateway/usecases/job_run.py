"""
Carries a job over its blocks: shows every member the list, then takes a few blocks at a time through their rounds.

The decisions about a block are `BlockRun`'s. A member that owes a correction is waited for, beside the blocks that go
on; vectors are looked at on threads, so that queries about one person are not held up.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from consortium.bitmaps import Truths, bitmap
from consortium.errors import Code, CreditError
from consortium.model.blocks import (
    BlockCall,
    BlockMessage,
    BlockRelease,
    JobBegin,
    ListState,
    SealedRows,
    sealed_digest,
)
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.receipts import Receipt, Subject, sign_receipt
from consortium.model.rounds import Transcript
from consortium.model.signing import Signer
from consortium.wire.bodies import with_receipt
from consortium.wire.rounds import transcript_to_bytes
from gateway.bulk_nodes import Answer, BulkNodes, Content
from gateway.committer import GroupCommitter
from gateway.failpoints import failpoint
from gateway.ports import GatewayTransaction, KnownBlock, KnownJob
from gateway.usecases import bodies, job_entries
from gateway.usecases.blocks import BlockRun, Fixed, JobTerms
from gateway.usecases.slots import Place, Slots

ResultT = TypeVar("ResultT")
BLOCKS_AT_ONCE, BLOCKS_BESIDE = 4, 1
"""
How many blocks are carried at once, and how many while queries about one person are answered beside them.

Beside queries a block is followed by a rest as long as it took: half of the time is theirs.
"""
QUIET_SECONDS, MOST_REST = 1.0, 1.0
"""So long after the last of those queries more blocks are carried again, and so long is a rest at most."""
OUTGOING = 16
"""How many messages wait for a requester, each of 1 MiB at most."""
LOOK_SECONDS = 0.5
STALL_SECONDS = 300.0
"""How long a requester may let what it asked for lie; a job that nobody carries on has no place here."""
MOST_OWED = 8
"""
How many answers a member may owe, or be silent about, before a run goes on without it.

What waits for it is in memory, a vector a member and block; nobody else waits for it without end.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How patient jobs are, in seconds, and where vectors are looked at.

    `settle`: for members to come before the first block; `answer`: for an answer to a call; `park`: for a correction
    before other blocks go on; `wait`: for the last corrections owed before the requester is told to resume. `quiet`
    gives for how long nobody has asked about one person.
    """

    worker: Executor
    settle: float = 10.0
    answer: float = 60.0
    park: float = 5.0
    wait: float = 30.0
    quiet: Callable[[], float] = lambda: math.inf

    def slots(self) -> Slots:
        """Give the places of one job for blocks."""

        def alone() -> bool:
            return self.quiet() >= QUIET_SECONDS

        return Slots(
            lambda: BLOCKS_AT_ONCE if alone() else BLOCKS_BESIDE, lambda held: 0.0 if alone() else min(held, MOST_REST)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """A vector of a member for a block, of round 1 or 2."""

    block: int
    member: MemberId
    round: int
    data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Done:
    """A block's transcript, with the rows left out and the receipt of its entry."""

    block: int
    transcript: bytes
    left_out: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Need:
    """A block of the list is needed."""

    block: int


@dataclass(frozen=True, slots=True)
class End:
    """No more comes: a bitmap of blocks without an answer, the receipt of the job's end, and who owes corrections."""

    missing: bytes
    receipt: Receipt | None
    owed_by: tuple[MemberId, ...]


Out = Part | Done | Need | End


class JobSession:
    """What passes between a job's run and its requester; `have` are the blocks whose answers it has."""

    def __init__(self, have: Truths, window: int) -> None:
        """Take how many blocks the requester takes at a time."""
        self.have = have
        self.credits = asyncio.Semaphore(window)
        self.outgoing: asyncio.Queue[Out] = asyncio.Queue(OUTGOING)
        self._wanted: dict[int, asyncio.Future[bytes]] = {}
        self._ended: End | None = None

    async def rows(self, block: int) -> bytes:
        """Ask the requester for a sealed block; raises CreditError(OVERLOADED) where none comes."""
        if block not in self._wanted:
            self._wanted[block] = asyncio.get_running_loop().create_future()
            await self.outgoing.put(Need(block))
        return await _in_time(asyncio.shield(self._wanted[block]))

    async def taken(self) -> None:
        """Wait until the requester takes another block; raises CreditError(OVERLOADED) where it does not."""
        await _in_time(self.credits.acquire())

    def give_rows(self, block: int, sealed: bytes) -> None:
        """Take a sealed block that was asked for; raises CreditError(MALFORMED) for another one."""
        wanted = self._wanted.get(block)
        if wanted is None or wanted.done():
            raise CreditError(Code.MALFORMED, "a block that was not asked for")
        wanted.set_result(sealed)

    def forget_rows(self, block: int) -> None:
        """Let go of a block that every member has."""
        self._wanted.pop(block, None)

    def end(self, missing: bytes, receipt: Receipt | None, owed_by: Iterable[MemberId]) -> None:
        """Say that no more comes."""
        self._ended = End(missing, receipt, tuple(owed_by))

    @property
    def ended(self) -> End | None:
        """What ends the session, once it has."""
        return self._ended


@dataclass
class JobRun:
    """One run of a job, from its beginning or from where an earlier one broke off."""

    terms: JobTerms
    job: KnownJob
    nodes: BulkNodes
    committer: GroupCommitter
    signer: Signer
    session: JobSession
    pace: Pace
    keeps_bodies: bool
    check_still: Callable[[], None] = lambda: None
    _joined: set[MemberId] = field(default_factory=set)
    _refusals: dict[MemberId, CreditError] = field(default_factory=dict)
    _receipts: dict[int, Receipt] = field(default_factory=dict)
    _owing: dict[int, MemberSet] = field(default_factory=dict)
    _silent: Counter[MemberId] = field(default_factory=Counter)
    _failed: dict[int, CreditError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._slots = self.pace.slots()

    async def carry(self, known: list[KnownBlock]) -> tuple[bytes, tuple[MemberId, ...]]:
        """
        Answer what can be answered; gives a bitmap of the blocks that the requester still has no answer to.

        And who owes corrections for them. Raises what ends the job, or interrupts it for all blocks.
        """
        fixed = {one.block: job_entries.fixed_from_bytes(one.fixed) for one in known}
        self._receipts = {one.block: job_entries.receipt_from_bytes(one.receipt) for one in known if one.receipt}
        joining = asyncio.create_task(self._keep_joining())
        tasks: set[asyncio.Task[None]] = set()
        try:
            await self._first_joined(joining)
            for block in np.flatnonzero(~self.session.have):
                slot = await self._slots.take()
                _raise_first(tasks)
                self.check_still()
                tasks.add(asyncio.create_task(self._block(int(block), fixed.get(int(block)), slot)))
            await self._wait_for(tasks)
            _raise_first(tasks)
        finally:
            for task in (joining, *tasks):
                task.cancel()
            await asyncio.gather(joining, *tasks, return_exceptions=True)
        owed_by = {member for members in self._owing.values() for member in members}
        return bitmap(~self.session.have), tuple(sorted(owed_by))

    async def _wait_for(self, tasks: set[asyncio.Task[None]]) -> None:
        """Wait for every block, but for those that wait for a correction only for a while after the others."""
        while pending := {task for task in tasks if not task.done()}:
            stuck = len(self._owing) == len(pending)
            done, _ = await asyncio.wait(
                pending, timeout=self.pace.wait if stuck else LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if stuck and not done:
                return

    async def _first_joined(self, joining: asyncio.Task[None]) -> None:
        """Wait until everybody on the roster has the list, refuses it or is silent; after a while enough is enough."""
        loop = asyncio.get_running_loop()
        deadline, roster = loop.time() + self.pace.settle, self.terms.rulebook.roster_set
        while not roster <= self._joined | self._refusals.keys():
            if joining.done():
                joining.result()
            late = loop.time() >= deadline
            if (
                late
                and not (self.nodes.attached() & roster) - self._joined - self._refusals.keys() - self._silent.keys()
            ):
                break
            self.check_still()
            await asyncio.sleep(LOOK_SECONDS / 10)
        rulebook = self.terms.rulebook
        try:
            requester = self.terms.query.header.requester
            check_answering_set(frozenset(self._joined), roster, requester, rulebook.groups, rulebook.limits)
        except CreditError:
            self._raise_common_refusal()
            raise

    def _raise_common_refusal(self) -> None:
        tolerated, _ = self.terms.rulebook.limits
        for code, count in Counter(error.code for error in self._refusals.values()).most_common(1):
            if count > tolerated:
                raise CreditError(code, f"{count} members refused")

    async def _keep_joining(self) -> None:
        """Show the list to every member that is attached, and to those that come later."""
        roster = self.terms.rulebook.roster_set
        while True:
            fresh = (self.nodes.attached() & roster) - self._joined - self._refusals.keys()
            if fresh:
                await self._join(frozenset(fresh))
            else:
                await self.nodes.changed(LOOK_SECONDS)

    async def _join(self, members: MemberSet) -> None:
        """Show the list to some members side by side, so that each block comes from the requester once."""
        begin = JobBegin(self.terms.query, self.terms.roster)
        missing: dict[int, list[MemberId]] = {}
        for member, state in (await self._ask_all(members, begin)).items():
            if isinstance(state, ListState):
                for block in _bits(state.missing, len(self.terms.sealed)):
                    missing.setdefault(block, []).append(member)
        await self._show(missing)
        for member, state in (await self._ask_all(members, begin)).items():
            if isinstance(state, ListState) and state.accepted:
                self._joined.add(member)
            elif isinstance(state, CreditError) and state.code is not Code.TOO_FEW_CONTRIBUTORS:
                self._refusals[member] = state

    async def _show(self, missing: dict[int, list[MemberId]]) -> None:
        """Send blocks of the list to whoever misses them, a few at a time."""
        slots = self.pace.slots()

        async def show(block: int, slot: Place) -> None:
            try:
                sealed = await self.session.rows(block)
                if await self._off_loop(partial(sealed_digest, sealed)) != self.terms.sealed[block]:
                    raise CreditError(Code.LIST_INVALID, "another block than was announced")
                members = [member for member in missing[block] if self._silent[member] < MOST_OWED]
                await self._ask_all(members, SealedRows(self.terms.digest, block, sealed))
                self.session.forget_rows(block)
            finally:
                slot.free()

        shows: set[asyncio.Task[None]] = set()
        try:
            for block in sorted(missing):
                slot = await slots.take()  # by one waiter: each looks for a place again and again
                _raise_first(shows)
                shows.add(asyncio.create_task(show(block, slot)))
            await asyncio.gather(*shows)
        finally:
            for task in shows:
                task.cancel()

    async def _ask_all(self, members: Iterable[MemberId], content: Content) -> dict[MemberId, Answer | CreditError]:
        """Ask members at once; gives each one's answer, refusal, or that it is silent."""
        asked = sorted(members)
        answers = await asyncio.gather(*(self._ask(member, content) for member in asked))
        return dict(zip(asked, answers, strict=True))

    async def _ask(self, member: MemberId, content: Content) -> Answer | CreditError:
        try:
            async with asyncio.timeout(self.pace.answer):
                return await self.nodes.node(member).ask(content)
        except TimeoutError:
            self._silent[member] += 1
            return CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{member} is silent")
        except CreditError as error:
            return error

    async def _block(self, block: int, fixed: Fixed | None, slot: Place) -> None:
        """Take a block through its rounds, and send its answer; its place is free once it is done or parked."""
        try:
            run = BlockRun(self.terms, block, fixed)
            try:
                while not await self._attempt(run, slot):
                    self.check_still()
            except CreditError as error:
                if error.code not in (Code.TOO_FEW_CONTRIBUTORS, Code.DIFFERENCING):
                    raise
                self._failed[block] = error
                return
            transcript = await self._off_loop(run.transcript)
            done = await self._finished(run, transcript)
            await self._send(run, done)
        finally:
            self._owing.pop(block, None)
            slot.free()

    async def _attempt(self, run: BlockRun, slot: Place) -> bool:
        """Make one attempt; says whether the block is complete."""
        resumed = run.fixed is not None
        call = run.call(self._ready())
        await self._first_round(run, call, slot)
        failpoint("gateway.after-block1")
        chosen = await self._off_loop(run.close_round1)
        if chosen is None:
            return False
        if not resumed:
            fixed = job_entries.fixed_to_bytes(chosen)
            await self.committer.commit(partial(_fix, self.terms.digest, run.block, fixed))
        failpoint("gateway.before-block2")
        return await self._second_round(run, slot)

    def _ready(self) -> MemberSet:
        """Give whom the next block can be asked of: who has the list, is there, and does not owe too much."""
        owed = Counter(member for members in self._owing.values() for member in members) + self._silent
        debtors = {member for member, count in owed.items() if count >= MOST_OWED}
        return (frozenset(self._joined) & self.nodes.attached()) - debtors

    async def _first_round(self, run: BlockRun, call: BlockCall, slot: Place) -> None:
        """Collect contributions; of a block whose U is fixed every member's, however long that takes."""
        while True:
            for member, answer in (await self._ask_all(run.missing_round1, call)).items():
                if isinstance(answer, BlockMessage):
                    await self._off_loop(partial(run.receive_round1, member, answer))  # type: ignore[arg-type]  # by round
                elif isinstance(answer, CreditError):
                    run.receive_refusal(member, answer)
            missing = run.asked - frozenset(run.round1) if run.fixed else frozenset()
            if not missing:
                return
            for member in missing:
                run.outcomes.pop(member, None)
            await self._wait_until_back(run, missing, slot)

    async def _second_round(self, run: BlockRun, slot: Place) -> bool:
        """Collect corrections, and wait for those who owe them; says False where another attempt is due."""
        while missing := run.missing_round2:
            release: BlockRelease = run.release()
            refused = None
            for member, answer in (await self._ask_all(missing & self.nodes.attached(), release)).items():
                if isinstance(answer, BlockMessage):
                    with suppress(CreditError):  # a false one is none: its member owes it
                        await self._off_loop(partial(run.receive_round2, member, answer))  # type: ignore[arg-type]
                elif isinstance(answer, CreditError) and answer.code is not Code.TOO_FEW_CONTRIBUTORS:
                    refused = answer
            if refused is not None and refused.code in (Code.DIFFERENCING, Code.ALREADY_RELEASED):
                if not run.give_up():
                    raise refused
                return False
            if refused is not None and refused.code in (Code.RULEBOOK_MISMATCH, Code.QUERY_EXPIRED):
                self.check_still()
            if run.missing_round2:
                await self._wait_until_back(run, run.missing_round2, slot)
        return True

    async def _wait_until_back(self, run: BlockRun, members: MemberSet, slot: Place) -> None:
        """Wait a moment for members; after a while other blocks go on meanwhile."""
        slot.waited += LOOK_SECONDS
        self._owing[run.block] = members
        if slot.waited >= self.pace.park:
            slot.free()
        await asyncio.sleep(LOOK_SECONDS)
        self.check_still()

    async def _finished(self, run: BlockRun, transcript: Transcript) -> Done:
        """Make a block's entry durable and sign its receipt, once; a repeat has the receipt of then."""
        raw = transcript_to_bytes(transcript)
        receipt = self._receipts.get(run.block)
        if receipt is None:
            failpoint("gateway.before-block-entry")
            unit = partial(_answered, run, transcript, raw, self.job, self.signer, self.keeps_bodies)
            receipt = self._receipts[run.block] = await self.committer.commit(unit)
            failpoint("gateway.after-block-entry")
        return Done(run.block, raw, run.fixed.left_out if run.fixed else b"", receipt)

    async def _send(self, run: BlockRun, done: Done) -> None:
        await self.session.taken()
        for number, messages in ((1, run.round1), (2, run.round2)):
            for member in sorted(run.fixed.members if run.fixed else ()):
                await self.session.outgoing.put(Part(run.block, member, number, messages[member].data))
        await self.session.outgoing.put(done)
        self.session.have[run.block] = True

    async def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self.pace.worker, work)


async def _in_time(what: Awaitable[ResultT]) -> ResultT:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            return await what
    except TimeoutError:
        raise CreditError(Code.OVERLOADED, f"nothing came from the requester in {STALL_SECONDS:.0f} s") from None


def _raise_first(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error


def _bits(bits: bytes, most: int) -> list[int]:
    found = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")
    return [int(one) for one in np.flatnonzero(found) if one < most]


def _fix(job: bytes, block: int, fixed: bytes, transaction: GatewayTransaction) -> None:
    transaction.jobs.fix(job, block, fixed)


def _answered(
    run: BlockRun,
    transcript: Transcript,
    raw: bytes,
    job: KnownJob,
    signer: Signer,
    keeps_bodies: bool,  # noqa: FBT001
    transaction: GatewayTransaction,
) -> Receipt:
    """Append a block's entry, sign its receipt and keep it, in one unit; another replica may have been faster."""
    known = transaction.jobs.receipt(job.digest, run.block)
    if known is not None:
        return job_entries.receipt_from_bytes(known)
    appended = transaction.append(job_entries.answered(run, transcript, raw, job.admission))
    last = {
        member: max(counter for _, counter in filter(None, pair))
        for member, pair in run.message_digests.items()
        if any(pair)
    }
    transaction.see_counters(last)
    receipt = sign_receipt(signer, appended.index, appended.leaf_hash, appended.time_ms, Subject(job.digest, raw))
    if keeps_bodies:
        transaction.bodies.keep(appended, job.digest, with_receipt(bodies.of_block(run, transcript), receipt.signature))
    transaction.jobs.answer(job.digest, run.block, job_entries.receipt_to_bytes(receipt))
    return receipt
