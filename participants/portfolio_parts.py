"""Where a serving node's parts for lists are put together: how it answers for them, and how it asks."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.wire.portfolio import job_begin_from_bytes
from participants.bootstrap import open_asks
from participants.composition import LOG, Parts, gateway_addresses, mask_keys_of, seconds
from participants.gateway_client.bulk import ContributeClient, run_job
from participants.gateway_client.channel import Tls
from participants.holder_files import count_holders, write_holder_counts
from participants.lender.answer import Contributor
from participants.lender.bulk.ports import BulkBook
from participants.lender.portfolio.answer import ListContributor
from participants.lender.portfolio.ask import ListRequester
from participants.lender.portfolio.asking import ListAsker
from participants.lender.portfolio.job_ports import JobCall, JobHandler, RunOutcome
from participants.lender.portfolio.jobs import Jobs
from participants.lender.portfolio.stages import Answers
from participants.portfolio import Portfolios
from participants.portfolio_stages import BulkStages
from participants.storage.book import SqliteBook
from participants.storage.job_files import JobFiles
from participants.storage.snapshots import SnapshotBook

BULK_NICENESS, SWITCH_SECONDS = 10, 0.0002
KEPT_SECONDS = 86_400
"""So long after its expiry the blocks of a job are kept."""


class LoggedRowAlarms:
    """A lender's own alarms about lists, in its own log."""

    def unproven_rows(self, requester: MemberId, rows: int) -> None:
        """Note rows that named tags of this book without proof of their keys."""
        LOG.warning("unproven-rows", extra={"member": requester, "rows": rows})


@dataclass
class ListSide:
    """
    The node's answering side for lists; it follows the node as rulebooks change it.

    One thread, which steps back for others, does all of it: so a query about one person is never behind a block.
    """

    parts: Parts
    _of: Contributor | None = None
    _made: ListContributor | None = None
    _book: tuple[SqliteBook, BulkBook] | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def contributor(self) -> ListContributor:
        """Give the side as the node is now."""
        current = self.parts.asker.node.contributor
        with self._guard:
            if self._made is None or self._of is not current:
                self._of, self._made = current, self._make(current)
            return self._made

    def _make(self, current: Contributor) -> ListContributor:
        pairs = mask_keys_of(self.parts.settings, current.identity)  # its own: they are for one thread
        store, member = self.parts.answers, current.identity.member
        return ListContributor(
            identity=current.identity,
            rulebook=current.rulebook,
            book=self._day_book,
            store=store,
            pairs=pairs,
            jobs=Jobs(member, current.secrets, store, pairs, current.changed),
            alarms=LoggedRowAlarms(),
            rng=current.rng,
        )

    def _day_book(self) -> BulkBook:
        """Give the book in use by its snapshot; raises BOOK_BEHIND."""
        book = self.parts.books.in_use(self.parts.rulebooks.current())
        if self._book is None or self._book[0] is not book:
            self._book = book, SnapshotBook(book)
        return self._book[1]


@dataclass(frozen=True)
class ListParts:
    """What a serving node has for lists: a stream to every replica to answer on, and its own portfolios."""

    contributing: tuple[ContributeClient, ...]
    portfolios: Portfolios


def list_parts(parts: Parts, tls: Callable[[], Tls], stack: ExitStack) -> ListParts:
    """Put the parts together; their threads end with `stack`."""
    side = ListSide(parts)
    answering = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="bulk", initializer=step_back))
    asking = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="job", initializer=step_back))
    addresses = gateway_addresses(parts.settings)
    clients = tuple(
        ContributeClient(address, tls, side.contributor, lambda: parts.rulebooks.current().digest, seconds, answering)
        for address in addresses
    )
    asker, files = list_asker(parts, side.contributor, tls, asking)
    stages = BulkStages(
        asks=partial(open_asks, parts.settings, _holder_failed),
        rulebook=lambda: parts.asker.node.contributor.rulebook(),  # noqa: PLW0108  the node's contributor changes
        clock=seconds,
    )
    workers = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="stages", initializer=step_back))
    return ListParts(clients, Portfolios(asker, files, stages, workers, partial(_count_holders, parts)))


def list_asker(
    parts: Parts, contributor: Callable[[], ListContributor], tls: Callable[[], Tls], workers: Executor
) -> tuple[ListAsker, JobFiles]:
    """Put the asking side together, with the files of its jobs."""
    files = JobFiles(parts.settings.path(parts.settings.file.portfolios))

    def rulebook() -> Rulebook:
        return parts.asker.node.contributor.rulebook()

    asker = ListAsker(
        requester=lambda: _requester(parts),
        contributor=contributor,
        rulebook=rulebook,
        version=parts.rulebooks.with_digest,
        files=files,
        run_job=_Replicas(gateway_addresses(parts.settings), tls, workers).run,
        workers=workers,
        clock=seconds,
        keep=parts.receipts.take_answer,
    )
    return asker, files


def _count_holders(parts: Parts, answers: Answers) -> None:
    """Keep how many lenders the own customers have, for statistics, after a portfolio over the whole own book."""
    settings, size = parts.settings, parts.books.in_use(parts.rulebooks.current()).size
    roster, as_of = answers.rulebook.roster_set, answers.header.issued_at
    counts = count_holders(answers.blocks, roster, as_of, size)
    if counts is not None:
        write_holder_counts(settings.path(settings.file.lender_counts), counts)


def step_back() -> None:
    """
    Give the calling thread less of the processor than others, where the system knows threads' priorities.

    And have it let go of the interpreter sooner: others wait for their turn at each step of a query.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BULK_NICENESS)


def forget_lists(parts: Parts) -> None:
    """Forget the blocks of jobs that are over, and the tags of lists of which nothing is bound any more."""
    files, now = parts.answers.lists, seconds()
    for job in files.jobs():
        raw = files.begin(job)
        if raw is None or job_begin_from_bytes(raw).query.header.expires_at + KEPT_SECONDS < now:
            files.forget(job)
    with parts.answers.transaction() as store:
        files.forget_tags(store.lists.forget(now - parts.rulebooks.current().policy.ledger_window))


def _holder_failed(holder: int, error: CreditError) -> None:
    LOG.warning("holder-failed", extra={"holder": holder, "code": error.code})


class _Replicas:
    """Carries a job on the replica that answered last, and on the next when it is gone."""

    def __init__(self, addresses: tuple[str, ...], tls: Callable[[], Tls], workers: Executor) -> None:
        self._addresses, self._tls, self._workers = addresses, tls, workers
        self._preferred = 0

    async def run(self, job: JobCall, handler: JobHandler) -> RunOutcome:
        """Carry a job until its stream ends."""
        try:
            return await run_job(self._addresses[self._preferred], self._tls(), job, handler, self._workers)
        except CreditError as error:
            if error.code in (Code.UNREACHABLE, Code.DRAINING):
                self._preferred = (self._preferred + 1) % len(self._addresses)
            raise


def _requester(parts: Parts) -> ListRequester:
    node = parts.asker.node.requester
    return ListRequester(node.identity, node.secrets, node.rng)
