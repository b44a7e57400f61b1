"""
What gateway and contributors check of a travel check, and what its holders read.

The gateway sees that there is a check, never where or when: tile and time are in the holder part of the payload.
"""

from collections.abc import Sequence

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.catalogue import Family, Tier
from consortium.model.query import QueryHeader, SignedPayment, SignedQuery
from consortium.model.rounds import Round1Body, Signed
from consortium.model.rulebook import Member, Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.contributions import is_live
from consortium.sealing.payload import HOLDER_PLAIN_BYTES
from consortium.travel.geography import Tile, Whereabouts
from consortium.travel.policy import SECONDS_PER_DAY, SECONDS_PER_HOUR, TravelPolicy
from consortium.travel.tables import WORD_BYTES, table_digest

NO_WHEREABOUTS = bytes(HOLDER_PLAIN_BYTES)
"""The holder part of a query without a travel check."""
_FORM = 1


def travel_policy(rulebook: Rulebook) -> TravelPolicy:
    """Give the rulebook's section; raises CreditError(FAMILY_NOT_ALLOWED) where it has none or location is off."""
    policy = rulebook.document.travel
    if policy is None:
        raise CreditError(Code.FAMILY_NOT_ALLOWED, "the rulebook has no travel checks")
    if Family.LOCATION not in rulebook.policy.families:
        raise CreditError(Code.FAMILY_NOT_ALLOWED, f"{Family.LOCATION} is switched off by the jurisdiction profile")
    return policy


def asked_families(header: QueryHeader) -> frozenset[Family]:
    """Give the families that a consent record must name for a travel check, besides those of the attributes."""
    return frozenset() if header.travel is None else frozenset({Family.LOCATION})


def check_travel(query: SignedQuery, requester: Member, rulebook: Rulebook) -> None:
    """
    Raise unless the query's travel check, if it has one, may be made by this requester for this purpose.

    FAMILY_NOT_ALLOWED, PURPOSE_NOT_ALLOWED (also for one that sees no live data), TIER_NOT_CONTRIBUTED, CONSENT_MISSING
    or PAYMENT_INVALID; MALFORMED for a payment reference without a check.
    """
    header = query.header
    if header.travel is None:
        if query.payment is not None:
            raise CreditError(Code.MALFORMED, "a payment reference without a travel check")
        return
    policy = travel_policy(rulebook)
    if query.consent is None:
        raise CreditError(Code.CONSENT_MISSING, "a travel check")
    if header.purpose.value not in policy.purposes or not is_live(header, rulebook):
        raise CreditError(Code.PURPOSE_NOT_ALLOWED, f"{header.purpose} may not ask for a travel check")
    if Tier.FULL not in requester.tiers:
        raise CreditError(Code.TIER_NOT_CONTRIBUTED, f"a travel check needs tier {Tier.FULL}")
    _check_payment(query.payment, header, requester, policy)


def _check_payment(payment: SignedPayment | None, header: QueryHeader, requester: Member, policy: TravelPolicy) -> None:
    if payment is None:
        raise CreditError(Code.PAYMENT_INVALID, "there is none")
    if header.travel is None or payment.digest != header.travel.payment:
        raise CreditError(Code.PAYMENT_INVALID, "the header names another one")
    if payment.reference.requester != header.requester:
        raise CreditError(Code.PAYMENT_INVALID, "it is another member's")
    if not 0 <= header.issued_at - payment.reference.issued_at <= policy.oldest:
        raise CreditError(Code.PAYMENT_INVALID, f"it is older than {policy.oldest} s, or of later than the query")
    try:
        verify_signature(requester.identity_key, payment.signature, Label.PAYMENT, payment.raw)
    except CreditError as error:
        raise CreditError(Code.PAYMENT_INVALID, "its signature is not the requester's") from error


def check_travel_answer(signed: Signed[Round1Body], header: QueryHeader, rulebook: Rulebook) -> None:
    """
    Raise CreditError(MALFORMED) unless a contribution has a table exactly where the query has a travel check.

    Its size is that of a word for every cell, and its digest the signed one.
    """
    answer = signed.body.travel
    if header.travel is None:
        if answer is not None or signed.table:
            raise CreditError(Code.MALFORMED, "a travel table, and the query has no check")
        return
    if answer is None or len(signed.table) != travel_policy(rulebook).grid.cells * WORD_BYTES:
        raise CreditError(Code.MALFORMED, "no travel table, or one of another size")
    if table_digest(signed.table) != answer.table_digest:
        raise CreditError(Code.MALFORMED, "another travel table than was signed")


def check_rate(times: Sequence[int], policy: TravelPolicy, now: int) -> None:
    """Raise CreditError(TRAVEL_TOO_OFTEN) if one more check of a person, after those at `times`, were too many."""
    for seconds, most, period in (
        (SECONDS_PER_HOUR, policy.hourly, "an hour"),
        (SECONDS_PER_DAY, policy.daily, "a day"),
    ):
        if sum(time > now - seconds for time in times) >= most:
            raise CreditError(Code.TRAVEL_TOO_OFTEN, f"{most} {period}")


def whereabouts_to_bytes(asked: Whereabouts) -> bytes:
    """Give the holder part of a query with a travel check, HOLDER_PLAIN_BYTES."""
    fields = ((_FORM, 1), (asked.tile.band, 4), (asked.tile.column, 4), (asked.time, 8))
    return b"".join(value.to_bytes(width, "big") for value, width in fields).ljust(HOLDER_PLAIN_BYTES, b"\0")


def whereabouts_from_bytes(plain: bytes, policy: TravelPolicy, issued_at: int) -> Whereabouts | None:
    """
    Read a holder part; None where it names no tile, or a time after the query's issue or too long before it.

    Only a holder can tell, so it makes no match and is not refused.
    """
    if len(plain) != HOLDER_PLAIN_BYTES:
        plain = NO_WHEREABOUTS
    band, column, time = (int.from_bytes(plain[a:b], "big") for a, b in ((1, 5), (5, 9), (9, 17)))
    asked = Whereabouts(Tile(band, column), time)
    if plain != whereabouts_to_bytes(asked) or not 0 <= issued_at - time <= policy.oldest:
        return None
    try:
        asked.tile.check(policy.grid)
    except CreditError:
        return None
    return asked
