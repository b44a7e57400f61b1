"""
What a change of the key's generation leaves behind for a time, and for how long: pure functions of the rulebook.

A version does not say when it came into force: it has the date of its proposal, and gets its votes within
`PROPOSAL_LIFETIME`. Whoever reckons from that date waits so much longer, and all come to the same.
"""

from consortium.membership.proposals import PROPOSAL_LIFETIME
from consortium.model.rulebook import Oprf, Retired, RulebookDocument

DAY_SECONDS = 86_400


def generation_before(document: RulebookDocument, now: int) -> Retired | None:
    """
    Give the generation before while queries carry its tags beside the new ones: two ledger windows.

    A ledger remembers releases under the old tags for one window from the moment its lender changed over, which may be
    later than for others. For a query `now` is its time of issue, so that all who look at it come to the same.
    """
    if not document.retired:
        return None
    last = document.retired[-1]
    until = last.retired_at + PROPOSAL_LIFETIME + 2 * document.policy.ledger_window
    return last if now < until else None


def generations_held(document: RulebookDocument, now: int) -> tuple[Oprf, ...]:
    """
    Give every generation that key holders evaluate for: in force, announced, and retired but still inquired about.

    A retired one is kept for access reports as long as the rulebook has the bodies of queries kept.
    """
    kept = PROPOSAL_LIFETIME + document.policy.retention_days * DAY_SECONDS
    retired = (one for one in document.retired if now < one.retired_at + kept)
    announced = (document.upcoming,) if document.upcoming else ()
    return (document.oprf, *announced, *retired)
