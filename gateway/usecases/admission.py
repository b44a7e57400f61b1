"""Admission: whether the gateway takes a query at all, before anybody is asked."""

from consortium.errors import Code, CreditError
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.rules.profiles import PROFILES
from consortium.rules.queries import check_query
from gateway.ports import ConsentUses, QueryKeys
from gateway.usecases.query import QueryRun


def open_run(
    query: SignedQuery, rulebook: Rulebook, roster: tuple[RosterEntry, ...], keys: QueryKeys, now: int
) -> QueryRun:
    """
    Check a query and open its run; `now` is Unix seconds.

    Raises what `check_query` raises, PUBLIC_KEY_WEAK, or ROSTER_MISMATCH where a lender's mask key of the day is not
    here.
    """
    check_query(query, rulebook, now)
    if tuple(entry.member for entry in roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "a mask key of the day is missing")
    return QueryRun(query, rulebook, roster, keys.public_key(query.query_key.key, PROFILES[query.header.suite]))


def count_consent(query: SignedQuery, uses: ConsentUses) -> None:
    """Count a query under its consent record, if it has one; raises CreditError(CONSENT_USED_UP)."""
    consent = query.consent
    if consent and uses.use_consent(consent.digest, query.digest) > consent.record.maximum_uses:
        raise CreditError(Code.CONSENT_USED_UP)
