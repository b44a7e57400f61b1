"""Admission: whether the gateway takes a query at all, before anybody is asked."""

from consortium.errors import Code, CreditError
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.rules.profiles import PROFILES
from consortium.rules.queries import check_query
from gateway.ports import ConsentUses, QueryKeys
from gateway.usecases.query import QueryRun


def admit_query(
    query: SignedQuery,
    rulebook: Rulebook,
    roster: tuple[RosterEntry, ...],
    uses: ConsentUses,
    keys: QueryKeys,
    now: int,
) -> QueryRun:
    """
    Check a query, count it under its consent record and open its run; `now` is Unix seconds.

    Raises what `check_query` raises, CONSENT_USED_UP, PUBLIC_KEY_WEAK, or ROSTER_MISMATCH where a lender's mask key
    of the day is not here.
    """
    check_query(query, rulebook, now)
    if tuple(entry.member for entry in roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "a mask key of the day is missing")
    public_key = keys.public_key(query.query_key.key, PROFILES[query.header.suite])
    if query.consent and uses.use(query.consent.digest, query.digest) > query.consent.record.maximum_uses:
        raise CreditError(Code.CONSENT_USED_UP)
    return QueryRun(query, rulebook, roster, public_key)
