"""What a contributor checks of a call before it opens its book: nothing here depends on whom it holds."""

import hmac
from collections.abc import Sequence

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, check_answering_set
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry, Round1Request, members_with_keys
from consortium.model.rulebook import Rulebook
from consortium.rules.lists import check_single
from consortium.rules.queries import check_query
from consortium.sealing.payload import Payload, check_envelope, consent_subject, open_payload
from participants.lender.identity import PairKeys
from participants.lender.protect import LendersSecrets


def admit(request: Round1Request, own: MemberId, rulebook: Rulebook, secrets: LendersSecrets, now: int) -> Payload:
    """Check everything that every contributor can check, and give the opened payload; raises CreditError."""
    query = request.query
    check_query(query, rulebook, now)
    check_roster(request, own, rulebook)
    if secrets.generation != rulebook.document.oprf.generation:
        raise CreditError(Code.RULEBOOK_MISMATCH, f"this lender has the secrets of generation {secrets.generation}")
    payload = open_query(query, secrets)
    claimed = (query.envelope, query.tags_commitment)
    check_envelope(payload, rulebook.regulator.hpke_key, query.header_digest, query.header.consent_digest, claimed)
    _check_subject(query, payload)
    return payload


def open_query(query: SignedQuery, secrets: LendersSecrets) -> Payload:
    """Open the sealed payload; raises PAYLOAD_INVALID, or RULEBOOK_MISMATCH where the epoch's key is not here."""
    if query.header.epoch != secrets.epoch:
        raise CreditError(Code.RULEBOOK_MISMATCH, f"this lender has the sealing key of epoch {secrets.epoch}")
    return open_payload(query.payload, secrets.sealing_key, query.header_digest)


def check_roster(request: Round1Request, own: MemberId, rulebook: Rulebook) -> None:
    """Raise unless the roster is the rulebook's and the intended set, with this member in it, could answer."""
    check_single(request.query.header)
    members = tuple(entry.member for entry in request.roster)
    if members != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, f"{len(members)} members, the rulebook has {len(rulebook.roster)}")
    keyed = members_with_keys(request.roster)
    if len({entry.mask_key.key for entry in request.roster if entry.mask_key}) != len(keyed):
        raise CreditError(Code.ROSTER_MISMATCH, "two members show one mask key")
    if not request.intended <= frozenset(keyed):
        raise CreditError(Code.ROSTER_MISMATCH, "a member without a mask key of the day is intended")
    if request.block:
        raise CreditError(Code.MALFORMED, "a query about one person has no blocks")
    if own not in request.intended:
        raise CreditError(Code.ROSTER_MISMATCH, "asked, but not among the intended members")
    requester = request.query.header.requester
    check_answering_set(request.intended, rulebook.roster_set, requester, rulebook.groups, rulebook.limits)


def day_keys(
    roster: Sequence[RosterEntry], own: MemberId, rulebook: Rulebook, pairs: PairKeys, issued_at: int
) -> dict[MemberId, bytes]:
    """
    Give K_ij towards every other member that has a mask key.

    Raises ROSTER_MISMATCH where the own key shown is another one or none.
    """
    shown = {entry.member: entry.mask_key for entry in roster if entry.mask_key}
    if own not in shown:
        raise CreditError(Code.ROSTER_MISMATCH, "no mask key is shown for this member")
    mine = pairs.shown(shown[own].key, issued_at)
    return {
        member: pairs.day_key(mine, member, certified, rulebook.members[member].identity_key, issued_at)
        for member, certified in shown.items()
        if member != own
    }


def _check_subject(query: SignedQuery, payload: Payload) -> None:
    if query.consent is None:
        return
    commitment = consent_subject(payload.opening, payload.tags)
    if not hmac.compare_digest(commitment, query.consent.record.subject_commitment):
        raise CreditError(Code.CONSENT_FOREIGN)
