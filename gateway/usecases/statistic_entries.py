"""What the log says of a statistic: what was charged to which budget, who contributed, what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.canonical import CanonicalValue
from consortium.errors import CreditError
from consortium.model.rounds import Transcript
from consortium.model.statistic import SignedStatistic
from gateway.usecases.entries import Entry, contributions, of_answer
from gateway.usecases.statistic_run import StatisticRun


@dataclass(frozen=True, slots=True)
class Charged:
    """One budget in millionths of rho: used before and after, and its limit."""

    before: int
    after: int
    limit: int


def admitted(
    statistic: SignedStatistic, run: StatisticRun, request_id: bytes, period: int, charges: Sequence[Charged]
) -> Entry:
    """Give the entry of an admission, written before anybody is asked; `charges` are the template's and the whole."""
    header, (own, whole) = statistic.header, charges
    return {
        "kind": "statistic-admitted",
        "request": request_id.hex(),
        "statistic": statistic.digest.hex(),
        "requester": header.requester,
        "template": header.template,
        "issued_at": header.issued_at,
        "expires_at": header.expires_at,
        "rulebook": header.rulebook_digest.hex(),
        "roster": [*run.rulebook.roster],
        "period": period,
        "budget": _charge(own),
        "whole": _charge(whole),
    }


def answered(run: StatisticRun, transcript: Transcript, raw_transcript: bytes) -> Entry:
    """Give the entry of an answer: who contributed with what, and the digest of the result."""
    return {
        **of_answer(run, transcript, raw_transcript),
        "kind": "statistic-answered",
        "statistic": run.statistic.digest.hex(),
        "admission": run.admission,
    }


def refused(
    statistic: SignedStatistic, request_id: bytes, error: CreditError, run: StatisticRun | None, back: int
) -> Entry:
    """
    Give the entry of a refusal; `back` is what it gives back of its admission's charge, in millionths of rho.

    `run` is None where nothing was admitted.
    """
    of: Entry = {} if run is None else {"admission": run.admission}
    return {
        **of,
        "kind": "statistic-refused",
        "request": request_id.hex(),
        "statistic": statistic.digest.hex(),
        "requester": statistic.header.requester,
        "template": statistic.header.template.encode("ascii", "replace").decode(),
        "attempt": run.attempt if run else 0,
        "contributions": contributions(run) if run else [],
        "back": back,
        "decision": error.code.value,
        "reason": error.cause.encode("ascii", "replace").decode(),
    }


def _charge(charged: Charged) -> CanonicalValue:
    return {"before": charged.before, "after": charged.after, "limit": charged.limit}
