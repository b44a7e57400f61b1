"""What the gateway and every contributor check of a query before anybody looks at a book."""

from collections.abc import Collection

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.catalogue import Attribute, Family
from consortium.model.consent import check_consent
from consortium.model.keys import KeyType, check_certified_key, check_x25519_key
from consortium.model.members import MemberId
from consortium.model.query import NO_CONSENT, QueryHeader, SignedQuery
from consortium.model.rulebook import Member, MemberStatus, Role, Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.lists import check_list, job_lifetime
from consortium.rules.profiles import query_key_type
from consortium.rules.scorecards import check_scorecards
from consortium.rules.travel import asked_families, check_travel


def check_query(query: SignedQuery, rulebook: Rulebook, now: int) -> None:
    """
    Raise unless this query may be asked, by this requester, under this rulebook, at this time (Unix seconds).

    Covers membership, signature, times, the query key's certificate, attributes, purpose, tiers, families, a travel
    check with its payment reference, and the consent record's form; not its uses (a ledger counts them) nor its subject
    (only a contributor can open it).
    """
    header = query.header
    rulebook.check_current(now)
    requester = active_lender(rulebook, header.requester)
    check_list(header, rulebook)
    _check_versions(header, rulebook)
    verify_signature(requester.identity_key, query.signature, Label.SIGNED_QUERY, *query.signed_fields)
    check_times(header, rulebook, now)
    check_query_key(query, requester)
    attributes = check_attributes(header, requester, rulebook)
    check_travel(query, requester, rulebook)
    families = frozenset(attribute.family for attribute in attributes) | asked_families(header)
    _check_consent(query, rulebook, families)


def check_permitted(query: SignedQuery, rulebook: Rulebook) -> None:
    """
    Raise unless a query whose signatures were verified might be asked when it was issued: what a verifier looks at.

    Covers times, attributes, purpose, tiers, families and what the consent record is for, as `check_query` does; the
    payment reference of a travel check, which has a signature of its own, is `check_travel`'s.
    """
    header = query.header
    _check_versions(header, rulebook)
    check_list(header, rulebook)
    check_times(header, rulebook, header.issued_at)
    attributes = check_attributes(header, active_lender(rulebook, header.requester), rulebook)
    families = frozenset(attribute.family for attribute in attributes) | asked_families(header)
    _check_consent(query, rulebook, families)


def active_lender(rulebook: Rulebook, member: MemberId) -> Member:
    """Give an active lender; raises CreditError(MEMBER_NOT_ACTIVE)."""
    found = rulebook.active_member(member)
    if found.role is not Role.LENDER:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, f"{member} is not a lender")
    return found


def taking_part(rulebook: Rulebook, member: MemberId) -> Member:
    """
    Give a lender that is active, or admitted and so preparing: key holders evaluate for both.

    Raises CreditError(MEMBER_NOT_ACTIVE).
    """
    found = rulebook.members.get(member)
    if found is None or found.status not in (MemberStatus.ADMITTED, MemberStatus.ACTIVE):
        raise CreditError(Code.MEMBER_NOT_ACTIVE, member)
    if found.role is not Role.LENDER:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, f"{member} is not a lender")
    return found


def check_times(header: QueryHeader, rulebook: Rulebook, now: int) -> None:
    """Raise QUERY_NOT_YET_VALID, QUERY_EXPIRED or MALFORMED (a life longer than the rulebook allows)."""
    if header.issued_at > now + rulebook.policy.clock_skew:
        raise CreditError(Code.QUERY_NOT_YET_VALID)
    if now >= header.expires_at:
        raise CreditError(Code.QUERY_EXPIRED)
    longest = job_lifetime(rulebook.policy) if header.rows else rulebook.policy.query_lifetime
    if not 0 < header.expires_at - header.issued_at <= longest:
        raise CreditError(Code.MALFORMED, f"it lives at most {longest} s")


def check_attributes(header: QueryHeader, requester: Member, rulebook: Rulebook) -> tuple[Attribute, ...]:
    """
    Raise unless every attribute exists and purpose, family and tier let this member ask for it; gives them.

    Those of scorecards only of cards in effect, and whole dimensions, as `check_scorecards` raises.
    """
    rule = rulebook.purposes.get(header.purpose)
    if rule is None or requester.role not in rule.roles:
        raise CreditError(Code.PURPOSE_NOT_ALLOWED, f"{header.purpose} is not for a {requester.role}")
    if header.suite not in rulebook.policy.suites:
        raise CreditError(Code.SUITE_NOT_ALLOWED, header.suite.name)
    found = tuple(_known(rulebook, attribute_id) for attribute_id in header.attributes)
    for attribute in found:
        check_attribute(attribute, header.purpose, requester, rulebook.policy.families)
    check_scorecards(frozenset(header.attributes), header.issued_at, rulebook.document.scorecards)
    return found


def _known(rulebook: Rulebook, attribute_id: str) -> Attribute:
    attribute = rulebook.attributes.get(attribute_id)
    if attribute is None:
        raise CreditError(Code.ATTRIBUTE_UNKNOWN, attribute_id[:64].encode("ascii", "replace").decode())
    return attribute


def check_attribute(attribute: Attribute, purpose: str, requester: Member, families: Collection[Family]) -> None:
    """Raise PURPOSE_NOT_ALLOWED, FAMILY_NOT_ALLOWED or TIER_NOT_CONTRIBUTED for an attribute not to be asked for."""
    if purpose not in attribute.purposes:
        raise CreditError(Code.PURPOSE_NOT_ALLOWED, f"{purpose} may not ask for {attribute.id}")
    if attribute.family not in families:
        raise CreditError(Code.FAMILY_NOT_ALLOWED, f"{attribute.family} is switched off by the jurisdiction profile")
    if attribute.tier not in requester.tiers:
        raise CreditError(Code.TIER_NOT_CONTRIBUTED, f"{attribute.id} needs tier {attribute.tier}")


def _check_versions(header: QueryHeader, rulebook: Rulebook) -> None:
    if header.rulebook_digest != rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, f"version {rulebook.document.version} is in force here")
    if header.epoch != rulebook.document.epoch:
        raise CreditError(Code.RULEBOOK_MISMATCH, f"epoch {rulebook.document.epoch} is in force here")


def check_query_key(query: SignedQuery, requester: Member) -> None:
    """
    Raise unless the query key is the one that the header names, certified by the requester for the suite.

    An ephemeral key is certified for the life of its one query, and somebody can agree on a secret with it:
    CERTIFICATE_INVALID, SIGNATURE_INVALID or PUBLIC_KEY_WEAK.
    """
    header, certified = query.header, query.query_key
    key_type = query_key_type(header.suite)
    if certified.digest != header.query_key_digest:
        raise CreditError(Code.CERTIFICATE_INVALID, "the header names another query key")
    if key_type is KeyType.EPHEMERAL:
        certificate = certified.certificate
        if (certificate.valid_from, certificate.valid_until) != (header.issued_at, header.expires_at):
            raise CreditError(Code.CERTIFICATE_INVALID, "the ephemeral key is not certified for this query's life")
        check_x25519_key(certified.key)
    check_certified_key(certified, requester.id, key_type, requester.identity_key, header.issued_at)


def _check_consent(query: SignedQuery, rulebook: Rulebook, families: frozenset[Family]) -> None:
    header, consent = query.header, query.consent
    if consent is None:
        if rulebook.purposes[header.purpose].consent_required or header.consent_digest != NO_CONSENT:
            raise CreditError(Code.CONSENT_MISSING, f"{header.purpose}")
        return
    if consent.digest != header.consent_digest:
        raise CreditError(Code.CONSENT_MISMATCH, "the header names another record")
    controller = rulebook.active_member(consent.record.controller)
    check_consent(consent, controller.identity_key, header.requester, header.purpose, families, header.issued_at)
