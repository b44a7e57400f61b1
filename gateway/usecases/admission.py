"""Admission: whether the gateway takes a query at all, before anybody is asked."""

from consortium.errors import Code, CreditError
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry
from consortium.model.rulebook import Rulebook
from consortium.rules.lists import check_single
from consortium.rules.queries import check_query, check_times
from consortium.rules.tallies import sums_of, tally_in
from gateway.ports import ConsentUses, QueryKeys
from gateway.usecases.query import QueryRun


def open_run(
    query: SignedQuery, rulebook: Rulebook, roster: tuple[RosterEntry, ...], keys: QueryKeys, now: int
) -> QueryRun:
    """
    Check a query and open its run; `now` is Unix seconds.

    Raises what `check_query` raises, PUBLIC_KEY_WEAK, ATTRIBUTES_DO_NOT_FIT, or ROSTER_MISMATCH for a roster that is
    not the rulebook's.
    """
    check_query(query, rulebook, now)
    check_single(query.header)
    if tuple(entry.member for entry in roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the roster is not the rulebook's")
    return QueryRun(rulebook, roster, query, tally_in(sums_of(query, rulebook, keys.public_key)))


def check_still(run: QueryRun, rulebook: Rulebook, now: int) -> None:
    """
    Raise unless an admitted query may go on under the rulebook now in force; `now` is Unix seconds.

    Any new version ends it, because roster, epoch or somebody's status may have changed: RULEBOOK_MISMATCH. Raises
    RULEBOOK_INVALID for a rulebook that has expired meanwhile, and QUERY_EXPIRED.
    """
    if rulebook.digest != run.rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, "the rulebook changed while the query was being answered")
    rulebook.check_current(now)
    check_times(run.query.header, rulebook, now)


def count_consent(query: SignedQuery, uses: ConsentUses) -> None:
    """Count a query under its consent record, if it has one; raises CreditError(CONSENT_USED_UP)."""
    consent = query.consent
    if consent and uses.use_consent(consent.digest, query.digest) > consent.record.maximum_uses:
        raise CreditError(Code.CONSENT_USED_UP)
