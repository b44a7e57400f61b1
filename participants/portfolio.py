"""
A node's portfolios: started and resumed by the local service, one after another, each in a folder of its own.

A portfolio goes through reading, asking and writing. Its request is durable before anything is done, so that whatever
is killed at whatever point, resuming goes on from there.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from consortium.canonical import CanonicalValue, canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.silent import Silent
from participants.lender.portfolio.asking import JobProgress, ListAsker
from participants.lender.portfolio.stages import Answers, ListStages
from participants.portfolio_status import PortfolioStatus
from participants.storage.job_files import JobFiles

LOG = logging.getLogger("participants.portfolio")
ResultT = TypeVar("ResultT")
PATIENCE_SECONDS = 120.0
AT_ONCE = 1


@dataclass
class _Running:
    """A portfolio that is under way."""

    task: asyncio.Task[None]
    phase: str = "waiting"
    done: int = 0
    total: int = 0
    since: float = field(default_factory=time.monotonic)
    first: int = 0

    def told(self, phase: str, done: int, total: int) -> None:
        """Note how far a stage is."""
        if phase != self.phase:
            self.phase, self.since, self.first = phase, time.monotonic(), done
        self.done, self.total = done, total


class Portfolios(Silent):
    """The portfolios of one node."""

    def __init__(
        self,
        asker: ListAsker,
        files: JobFiles,
        stages: ListStages,
        workers: Executor,
        done: Callable[[Answers], None] = lambda _: None,
    ) -> None:
        """`workers` run the stages, which take as long as a list is; `done` is given what a finished job brought."""
        self._done = done
        self._asker, self._files, self._stages, self._workers = asker, files, stages, workers
        self._running: dict[bytes, _Running] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def start(self, job: bytes, request: bytes) -> None:
        """
        Start a portfolio, or resume it under the same request; it runs until it is done or something stops it.

        Raises REQUEST_ID_REUSED for another request under the id, and whatever is wrong with the request.
        """
        self._stages.check(request)
        known = self._files.find_note(job)
        if known is not None and known != request:
            raise CreditError(Code.REQUEST_ID_REUSED)
        await self._off_loop(partial(self._files.keep_note, job, request))
        self._begin(job, request)

    async def resume(self, job: bytes) -> None:
        """Resume a portfolio; raises JOB_UNKNOWN."""
        self._begin(job, await self._off_loop(partial(self._files.note, job)))

    async def status(self, job: bytes) -> PortfolioStatus:
        """Say how a portfolio is; raises JOB_UNKNOWN."""
        return await self._off_loop(partial(self._status, job))

    def jobs(self) -> list[bytes]:
        """Give the ids of all portfolios that have a folder here."""
        return self._files.noted()

    async def stop(self) -> None:
        """Interrupt what is under way."""
        tasks = [one.task for one in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, job: bytes, request: bytes) -> None:
        if job in self._running:
            return
        task = asyncio.create_task(self._run(job, request))
        self._running[job] = _Running(task)
        task.add_done_callback(lambda _: self._running.pop(job, None))

    async def _run(self, job: bytes, request: bytes) -> None:
        """Take a portfolio through its stages; what stops it is kept for whoever asks."""
        try:
            self._files.drop_trouble(job)
            async with self._turn:
                await self._carry(job, request)
        except CreditError as error:
            LOG.warning("portfolio", extra={"code": error.code, "cause": error.cause})
            self._files.keep_trouble(job, canonical_json({"code": error.code.value, "cause": _ascii(error.cause)}))
        except Exception as error:  # noqa: BLE001  its text may hold a value
            LOG.error("unmapped", extra={"type": type(error).__name__})  # noqa: TRY400
            self._files.keep_trouble(job, canonical_json({"code": Code.INTERNAL.value, "cause": type(error).__name__}))

    async def _carry(self, job: bytes, request: bytes) -> None:
        told = self._running[job].told
        if job not in self._asker.files.jobs():
            folder = self._files.folder(job)
            prepared = await self._off_loop(partial(self._stages.prepare, request, folder, told))
            told("sealing", 0, len(prepared.people.tags))
            create = partial(self._asker.create, job, prepared.people, prepared.question, prepared.consent)
            await self._off_loop(create)
        if self._files.summary(job) is not None:
            return
        try:
            progress = await self._asked(job)
        except CreditError as error:
            if not await self._off_loop(partial(self._ended_with_answers, job)):
                raise
            LOG.warning("portfolio-ended", extra={"code": error.code, "cause": error.cause})
            await self._off_loop(partial(self._write, job, request, error.code.value))
            return
        if progress.blocks_answered < progress.blocks:
            raise CreditError(Code.TOO_FEW_CONTRIBUTORS, "blocks wait for corrections: resume when everybody is back")
        await self._off_loop(partial(self._write, job, request))

    def _ended_with_answers(self, job: bytes) -> bool:
        """Say whether no more comes, and something came: then it is written, the other rows as INCOMPLETE."""
        progress = self._asker.progress(job)
        return bool(progress.state.error) and progress.blocks_answered > 0

    async def _asked(self, job: bytes) -> JobProgress:
        """Run the job, and note how far it is."""
        running, task = self._running[job], asyncio.create_task(self._asker.run(job, PATIENCE_SECONDS))
        try:
            while not task.done():
                progress = await self._off_loop(partial(self._asker.progress, job))
                running.told("asking", progress.rows_answered, progress.rows)
                await asyncio.wait({task}, timeout=0.5)
            return task.result()
        finally:
            task.cancel()

    def _write(self, job: bytes, request: bytes, ended: str = "") -> None:
        """Write what came; `ended` is the code that ended the job before every block had an answer."""
        header, told = self._asker.header(job), self._running[job].told
        rulebook = self._asker.version_of(header)
        answers = Answers(header, rulebook, self._asker.results(job))
        summary = self._stages.finish(request, self._files.folder(job), answers, told)
        self._done(Answers(header, rulebook, self._asker.results(job)))
        self._files.keep_summary(job, canonical_json({**summary, **({"ended": ended} if ended else {})}))

    def _status(self, job: bytes) -> PortfolioStatus:
        self._files.note(job)  # raises where there is no such portfolio
        status = PortfolioStatus(job, "stopped")
        if job in self._asker.files.jobs():
            progress = self._asker.progress(job)
            status = replace(
                status,
                done=progress.rows_answered,
                total=progress.rows,
                rows=progress.rows,
                expires_at=progress.expires_at,
            )
        running = self._running.get(job)
        if running is not None:
            seconds = time.monotonic() - running.since
            return replace(status, phase=running.phase, done=running.done, total=running.total, seconds=seconds)
        if (summary := self._files.summary(job)) is not None:
            said = _read(summary)
            error, cause = str(said.get("ended", "")), "written without the blocks that had no answer"
            return replace(status, phase="done", summary=said, error=error, cause=cause if error else "")
        if (trouble := self._files.trouble(job)) is not None:
            said = _read(trouble)
            ended = job in self._asker.files.jobs() and self._asker.files.state(job).error
            phase = "failed" if ended else "stopped"
            return replace(status, phase=phase, error=str(said["code"]), cause=str(said["cause"]))
        return status

    async def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)


def _read(raw: bytes) -> dict[str, CanonicalValue]:
    value = parse_canonical(raw)
    return value if isinstance(value, dict) else {}


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
