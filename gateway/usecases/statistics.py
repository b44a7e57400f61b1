"""
Asking for a statistic: one request from admission to receipt, under the budget that the gateway keeps.

The whole cost is charged in the unit that makes the admission durable, before anybody is asked, and given back only in
the unit that makes its refusal durable, and only where no round 2 was begun: that entry is the tombstone. Contributors
keep budgets of their own and do not rely on this one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.receipts import Subject, sign_receipt
from consortium.model.rounds import RosterEntry, Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.model.statistic import SignedStatistic
from consortium.rules.statistics import budgets, check_life, period_of
from consortium.wire.gateway import Answered, answered_to_bytes
from consortium.wire.rounds import transcript_to_bytes
from gateway.committer import GroupCommitter
from gateway.failpoints import failpoint
from gateway.ports import GatewayTransaction
from gateway.usecases import statistic_entries as entries
from gateway.usecases.asking import Admission
from gateway.usecases.carrier import Carrier
from gateway.usecases.refusals import Refusals
from gateway.usecases.shared_runs import SharedRuns
from gateway.usecases.statistic_run import StatisticRun, open_statistic_run

QUOTA = "statistics"
EVERYBODY = "*"
"""Budgets are the consortium's: whoever asks, all releases are about the same people."""


@dataclass(frozen=True, slots=True)
class AskStatistic:
    """A request as it came in: the caller, its id for the request (16 bytes), and the parsed statistic."""

    member: MemberId
    request_id: bytes
    statistic: SignedStatistic


@dataclass
class AskingStatistics:
    """The use-case with its ports; `clock` gives Unix seconds, `roster` every lender's mask key for a time of issue."""

    rulebook: Callable[[], Rulebook]
    roster: Callable[[Rulebook, int], Awaitable[tuple[RosterEntry, ...]]]
    committer: GroupCommitter
    carrier: Carrier[StatisticRun]
    signer: Signer
    refusals: Refusals
    clock: Callable[[], int]
    runs: SharedRuns = field(default_factory=SharedRuns)

    async def ask(self, ask: AskStatistic) -> bytes:
        """
        Answer a request with a serialised AskResponse; equal requests that overlap share one run.

        Raises MEMBER_NOT_ACTIVE for a statistic in another's name, REQUEST_ID_REUSED, STATISTIC_BUDGET_SPENT, and
        everything that `check_statistic` and `StatisticRun` raise.
        """
        self.refusals.check_own(ask.member, ask.statistic.header.requester)
        return await self.runs.share((ask.member, ask.request_id, ask.statistic.digest), lambda: self._answer(ask))

    async def _answer(self, ask: AskStatistic) -> bytes:
        earlier = await self.committer.commit(partial(_response, ask))
        if earlier is not None:
            return earlier
        run: StatisticRun | None = None
        admitted = False
        try:
            run = await self._open(ask)
            while True:
                admission = await self.committer.commit(partial(_admit, ask, run))
                if admission.response is not None:
                    return admission.response
                run.admission, admitted = admission.index, True
                transcript = await self._carry(ask, run)
                if transcript is not None:
                    break
                admitted = False
        except CreditError as error:
            if not admitted:
                self.refusals.take(ask.member)
            await self.committer.commit(partial(_refuse, ask, error, run, admitted=admitted))
            raise
        raw = await asyncio.to_thread(transcript_to_bytes, transcript)
        failpoint("gateway.statistic-before-finish")
        return await self.committer.commit(partial(_finish, ask, run, transcript, raw, self.signer))

    async def _open(self, ask: AskStatistic) -> StatisticRun:
        rulebook, now, header = self.rulebook(), self.clock(), ask.statistic.header
        check_life(header, rulebook, now)  # keys are looked up for days near this one only
        roster = await self.roster(rulebook, header.issued_at)
        return open_statistic_run(ask.statistic, rulebook, roster, now)

    async def _carry(self, ask: AskStatistic, run: StatisticRun) -> Transcript | None:
        """Carry an admitted run; None where somebody left in round 2 and another attempt is to be charged."""
        try:
            return await self.carrier.carry(run)
        except CreditError as error:
            if not run.leave_out_missing():
                raise
            await self.committer.commit(partial(_refuse, ask, error, run, admitted=True))
            return None


def check_statistic_still(run: StatisticRun, rulebook: Rulebook, now: int) -> None:
    """Raise RULEBOOK_MISMATCH, RULEBOOK_INVALID or QUERY_EXPIRED unless an admitted statistic may go on."""
    if rulebook.digest != run.rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed while the statistic was being answered")
    rulebook.check_current(now)
    check_life(run.statistic.header, rulebook, now)


def _response(ask: AskStatistic, transaction: GatewayTransaction) -> bytes | None:
    """Give the response of an earlier, equal request."""
    known = transaction.request(ask.member, ask.request_id)
    if known is not None and known.query_digest != ask.statistic.digest:
        raise CreditError(Code.REQUEST_ID_REUSED)
    return known.response if known is not None else None


def _admit(ask: AskStatistic, run: StatisticRun, transaction: GatewayTransaction) -> Admission:
    """Admit a request in one unit: repeat, budgets, entry; a request that is carried again is charged again."""
    response = _response(ask, transaction)
    if response is not None:
        return Admission(-1, response)
    if transaction.request(ask.member, ask.request_id) is None:
        transaction.open_request(ask.member, ask.request_id, ask.statistic.digest)
    charges = [_charge(run, name, limit, transaction) for name, limit in budgets(run.found.template, run.rulebook)]
    period = period_of(ask.statistic.header.issued_at, run.rulebook)
    entry = entries.admitted(ask.statistic, run, ask.request_id, period, charges)
    return Admission(transaction.append(entry).index)


def _charge(run: StatisticRun, name: str, limit: int, transaction: GatewayTransaction) -> entries.Charged:
    after = _spend(run, name, run.found.template.rho, transaction)
    if after > limit:
        what = f"of {name}" if name else "of all statistics"
        raise CreditError(Code.STATISTIC_BUDGET_SPENT, f"{after - run.found.template.rho} of {limit} {what}")
    return entries.Charged(after - run.found.template.rho, after, limit)


def _spend(run: StatisticRun, name: str, amount: int, transaction: GatewayTransaction) -> int:
    period = period_of(run.statistic.header.issued_at, run.rulebook)
    return transaction.spend(EVERYBODY, f"{QUOTA}/{name}", period, amount)


def _refuse(
    ask: AskStatistic, error: CreditError, run: StatisticRun | None, transaction: GatewayTransaction, *, admitted: bool
) -> None:
    """Append a refusal; where nothing can have been released, it is the tombstone that gives the charge back."""
    back = 0
    if admitted and run is not None and not run.answering:
        back = run.found.template.rho
        for name, _ in budgets(run.found.template, run.rulebook):
            _spend(run, name, -back, transaction)
    transaction.append(entries.refused(ask.statistic, ask.request_id, error, run if admitted else None, back))


def _finish(
    ask: AskStatistic,
    run: StatisticRun,
    transcript: Transcript,
    raw: bytes,
    signer: Signer,
    transaction: GatewayTransaction,
) -> bytes:
    """Append the answer's entry, sign its receipt and keep the response, in one unit."""
    response = _response(ask, transaction)
    if response is not None:
        return response  # another replica carried the same request
    appended = transaction.append(entries.answered(run, transcript, raw))
    last = run.round1_digests | run.round2_digests
    transaction.see_counters({member: counter for member, (_, counter) in last.items()})
    subject = Subject(ask.statistic.digest, raw)
    receipt = sign_receipt(signer, appended.index, appended.leaf_hash, appended.time_ms, subject)
    response = answered_to_bytes(Answered(ask.request_id, raw, receipt))
    transaction.close_request(ask.member, ask.request_id, response)
    return response
