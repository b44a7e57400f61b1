"""
Asking: one request from admission to receipt.

Order matters: the admission with its roster is durable before anybody is asked, and the answer's entry before the
answer leaves. A repeat of a request gives the same bytes; one that was cut off by a crash is carried again, and its
contributors repeat the bytes that they have signed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.receipts import Subject, sign_receipt
from consortium.model.rounds import RosterEntry, Transcript, tables_of
from consortium.model.rulebook import Policy, Rulebook
from consortium.model.signing import Signer
from consortium.rules.queries import check_times
from consortium.transparency.outcomes import is_unused
from consortium.wire.bodies import with_receipt
from consortium.wire.gateway import Answered, answered_to_bytes
from consortium.wire.rounds import transcript_to_bytes
from gateway.committer import GroupCommitter
from gateway.failpoints import failpoint
from gateway.ports import Appended, GatewayTransaction, QueryKeys
from gateway.usecases import bodies, entries
from gateway.usecases.admission import count_consent, open_run
from gateway.usecases.carrier import Carrier
from gateway.usecases.query import QueryRun
from gateway.usecases.refusals import Refusals
from gateway.usecases.shared_runs import SharedRuns

SECONDS_PER_DAY = 86_400
SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many queries a member may ask a minute and a UTC day."""

    per_minute: int
    per_day: int

    def under(self, policy: Policy) -> "Quotas":
        """Give what holds under a rulebook: its limit of a day, or the gateway's own where that is lower."""
        stated = policy.queries_per_day
        return self if stated is None else replace(self, per_day=min(self.per_day, stated))


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it came in: the caller, its id for the request (16 bytes), and the parsed query."""

    member: MemberId
    request_id: bytes
    query: SignedQuery


@dataclass(frozen=True, slots=True)
class Admission:
    """What admission found: the index of its entry, or the response of an earlier, equal request."""

    index: int
    response: bytes | None = None


@dataclass
class Asking:
    """
    The use-case with its ports; `clock` gives Unix seconds, `roster` every lender's mask key for a time of issue.

    `keeps_bodies` says that what the entries' digests stand for is kept beside the log.
    """

    rulebook: Callable[[], Rulebook]
    roster: Callable[[Rulebook, int], Awaitable[tuple[RosterEntry, ...]]]
    keys: QueryKeys
    committer: GroupCommitter
    carrier: Carrier[QueryRun]
    signer: Signer
    quotas: Quotas
    refusals: Refusals
    clock: Callable[[], int]
    keeps_bodies: bool = False
    runs: SharedRuns = field(default_factory=SharedRuns)

    async def ask(self, ask: Ask) -> bytes:
        """
        Answer a request with a serialised AskResponse; equal requests that overlap share one run.

        Raises MEMBER_NOT_ACTIVE for a query in another's name, ALREADY_EXISTS codes for an id used for another query,
        and everything that `check_query`, the quotas and `QueryRun` raise.
        """
        self.refusals.check_own(ask.member, ask.query.header.requester)
        return await self.runs.share((ask.member, ask.request_id, ask.query.digest), lambda: self._answer(ask))

    async def _answer(self, ask: Ask) -> bytes:
        run: QueryRun | None = None
        admission: Admission | None = None
        try:
            rulebook, now = self.rulebook(), self.clock()
            check_times(ask.query.header, rulebook, now)  # keys are looked up for days near this one only
            roster = await self.roster(rulebook, ask.query.header.issued_at)
            run = open_run(ask.query, rulebook, roster, self.keys, now)
            failpoint("gateway.before-admit")
            body = bodies.of_query(ask.query) if self.keeps_bodies else None
            admission = await self.committer.commit(
                partial(_admit, ask, run, self.quotas.under(rulebook.policy), now, body)
            )
            failpoint("gateway.after-admit")
            if admission.response is not None:
                return admission.response
            run.admission = admission.index
            transcript = await self.carrier.carry(run)
        except CreditError as error:
            earlier = await self.committer.commit(partial(_response, ask)) if run is None else None
            if earlier is not None:
                return earlier  # a repeat may come after its query has expired
            if admission is None:
                self.refusals.take(ask.member)  # what was admitted has used its quota
            await self._refuse(ask, error, run, None if admission is None else admission.index)
            raise
        failpoint("gateway.before-finish")
        body = bodies.of_answer(run, transcript) if self.keeps_bodies else None
        finish = partial(_finish, ask, run, transcript, admission.index, self.signer, body)
        response = await self.committer.commit(finish)
        failpoint("gateway.after-finish")
        return response

    async def _refuse(self, ask: Ask, error: CreditError, run: QueryRun | None, admission: int | None) -> None:
        admitted = admission is not None
        body = bodies.of_refusal(ask.query, run, admitted=admitted) if self.keeps_bodies else None
        entry = entries.refused(ask.member, ask.request_id, ask.query, error, run, body, admission)
        unused = admitted and run is not None and is_unused(error.code, released=bool(run.round2_digests))
        await self.committer.commit(partial(_end, ask, entry, body, unused=unused))


def _response(ask: Ask, transaction: GatewayTransaction) -> bytes | None:
    """Give the response of an earlier, equal request."""
    known = transaction.request(ask.member, ask.request_id)
    return known.response if known is not None and known.query_digest == ask.query.digest else None


def _append(ask: Ask, entry: entries.Entry, body: bytes | None, transaction: GatewayTransaction) -> Appended:
    """Append an entry with its body."""
    appended = transaction.append(entry)
    if body is not None:
        transaction.bodies.keep(appended, ask.query.digest, body)
    return appended


def _end(
    ask: Ask, entry: entries.Entry, body: bytes | None, transaction: GatewayTransaction, *, unused: bool
) -> Appended:
    """Append a refusal; a consent under which nothing was released, by no fault of the requester, can be used again."""
    if unused and ask.query.consent is not None:
        transaction.give_back_consent(ask.query.consent.digest, ask.query.digest)
    return _append(ask, entry, body, transaction)


def _admit(
    ask: Ask, run: QueryRun, quotas: Quotas, now: int, body: bytes | None, transaction: GatewayTransaction
) -> Admission:
    """Admit a request in one unit: repeat, consent, quotas, entry."""
    known = transaction.request(ask.member, ask.request_id)
    if known is not None and known.query_digest != ask.query.digest:
        raise CreditError(Code.REQUEST_ID_REUSED)
    if known is not None and known.response is not None:
        return Admission(-1, known.response)
    count_consent(ask.query, transaction)
    before = transaction.spent(ask.member, "queries-day", now // SECONDS_PER_DAY)
    if known is None:
        _spend(ask.member, quotas, now, transaction)
        transaction.open_request(ask.member, ask.request_id, ask.query.digest)
    after = before + (known is None)
    entry = entries.admitted(ask.query, run, ask.request_id, (before, after, quotas.per_day))
    return Admission(_append(ask, entry, body, transaction).index)


def _spend(member: MemberId, quotas: Quotas, now: int, transaction: GatewayTransaction) -> None:
    if transaction.spend(member, "queries-minute", now // SECONDS_PER_MINUTE, 1) > quotas.per_minute:
        raise CreditError(Code.QUOTA_EXCEEDED, f"{quotas.per_minute} queries a minute")
    if transaction.spend(member, "queries-day", now // SECONDS_PER_DAY, 1) > quotas.per_day:
        raise CreditError(Code.QUOTA_EXCEEDED, f"{quotas.per_day} queries a day")


def _finish(
    ask: Ask,
    run: QueryRun,
    transcript: Transcript,
    admission: int,
    signer: Signer,
    body: bytes | None,
    transaction: GatewayTransaction,
) -> bytes:
    """Append the answer's entry, sign its receipt and keep the response, in one unit."""
    known = transaction.request(ask.member, ask.request_id)
    if known is not None and known.response is not None:
        return known.response  # another replica carried the same request
    raw = transcript_to_bytes(transcript)
    appended = transaction.append(entries.answered(run, transcript, raw, admission))
    last = run.round1_digests | run.round2_digests  # round 2's messages come after round 1's
    transaction.see_counters({member: counter for member, (_, counter) in last.items()})
    subject = Subject(ask.query.digest, raw)
    receipt = sign_receipt(signer, appended.index, appended.leaf_hash, appended.time_ms, subject)
    if body is not None:
        transaction.bodies.keep(appended, ask.query.digest, with_receipt(body, receipt.signature))
    response = answered_to_bytes(Answered(ask.request_id, raw, receipt, tables_of(transcript)))
    transaction.close_request(ask.member, ask.request_id, response)
    failpoint("gateway.inside-finish")
    return response
