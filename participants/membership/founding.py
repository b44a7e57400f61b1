"""
Founders at work, before there is a rulebook: the first version is built by one, checked and signed by the others.

The founding lender makes the lenders' secrets, of which version 1 holds the fingerprints only, and seals them to every
founding lender once version 1 is in force. Whoever signs has built the document again from its own copy of the board.
"""

from functools import partial

from consortium.ceremony.plan import Kind, Party, Plan, Seat
from consortium.ceremony.transcript import Phase, Transcript
from consortium.errors import Code, CreditError
from consortium.membership.applications import Application
from consortium.membership.genesis import (
    FIRST_EPOCH,
    FIRST_GENERATION,
    Charter,
    check_founding,
    first_document,
    founding_members,
)
from consortium.membership.secrets import (
    Opened,
    epoch_fingerprint,
    generation_fingerprint,
    new_epoch_secret,
    new_generation_secrets,
)
from consortium.membership.statements import sign_founding
from consortium.membership.words import check_fingerprint
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, parse_rulebook
from consortium.wire.membership import DocumentKind
from participants.failpoints import failpoint
from participants.membership.actions import seal_secrets
from participants.membership.member import Membership
from participants.membership.offers import Offer, offer_of, offers
from participants.membership.transcripts import transcripts
from participants.secret_files import first_secrets, keep_opened

TOPIC = "founding"
THRESHOLD = 2


def founders(party: Membership) -> list[Application]:
    """Give the newest application of every founder, in the board's order."""
    found = sorted(party.view().applications.values(), key=lambda one: one[0].sequence)
    return list({application.member: application for _, application in found}.values())


def begin_first(party: Membership, threshold: int = THRESHOLD) -> Plan:
    """
    Plan the first key among all founders that are gateway or custodian, as the next attempt, and post the plan.

    Raises CreditError(CEREMONY_INVALID) where fewer than `threshold` have applied.
    """
    holders = [one for one in founders(party) if one.role in (Role.GATEWAY, Role.CUSTODIAN)]
    if len(holders) < threshold:
        raise CreditError(Code.CEREMONY_INVALID, f"{len(holders)} holders have applied, {threshold} are needed")
    names = tuple(one.member for one in sorted(holders, key=lambda one: (one.role is not Role.GATEWAY, one.member)))
    known = [one.plan for one in transcripts(party.board.documents()) if one.plan.rulebook is None]
    plan = Plan(
        consortium=party.folder.file.consortium,
        kind=Kind.NEW,
        attempt=1 + max((one.attempt for one in known), default=0),
        generation=FIRST_GENERATION,
        revision=1,
        threshold=threshold,
        parties=tuple(
            Party(member=one.member, identity_key=one.identity_key)
            for one in sorted(holders, key=lambda one: one.member)
        ),
        dealers=names,
        receivers=tuple(Seat(member=name, index=index) for index, name in enumerate(names, start=1)),
    )
    party.post(f"plan/{plan.id.hex()}", DocumentKind.CEREMONY_PLAN, plan.to_bytes)
    return plan


def first_ceremony(party: Membership) -> Transcript:
    """Give the finished ceremony of the first key; raises CreditError(CEREMONY_UNFINISHED)."""
    found = [one for one in transcripts(party.board.documents()) if one.plan.rulebook is None]
    done = [one for one in found if one.phase is Phase.DONE]
    if not done:
        waiting = ", ".join(sorted({name for one in found for name in one.waiting_for})) or "nobody has begun it"
        raise CreditError(Code.CEREMONY_UNFINISHED, f"the first key: {waiting}")
    return done[-1]


def propose_first(party: Membership, charter: Charter, *, again: bool = False) -> Offer:
    """
    Build version 1 from the board and the charter, sign it and post it; `again` makes another one in its place.

    The lenders' secrets are made and kept before their fingerprints are used. Raises CreditError(ROLE_NOT_ALLOWED)
    for a founder that is no approver of the charter, (CEREMONY_UNFINISHED), (RULEBOOK_INVALID).
    """
    party.sync()
    if again:
        party.board.withdraw(TOPIC)
    own = party.board.own(TOPIC)
    if own is not None and not own.problem:
        return offer_of(own.signed)
    me = party.folder.member
    if me not in charter.approvers.members:
        raise CreditError(Code.ROLE_NOT_ALLOWED, "the charter does not name this founder among its approvers")
    consortium, kept = party.folder.file.consortium, _own_secrets(party)
    assert kept.generation is not None
    assert kept.epoch is not None
    oprf = first_ceremony(party).oprf(generation_fingerprint(consortium, kept.generation))
    epoch = epoch_fingerprint(consortium, kept.epoch)
    members = founding_members(founders(party), charter.members)
    document = first_document(consortium, members, oprf, epoch, charter, party.now)
    raw = document.to_bytes()
    parse_rulebook(raw)
    _post(party, raw)
    return Offer(raw, document, (me,))


def sign_first(party: Membership, fingerprint: str) -> Offer:
    """
    Sign the first version with this fingerprint, heard from who built it, after building it again from the board.

    Raises CreditError(FINGERPRINT_MISTYPED), (FINGERPRINT_MISMATCH) where no version on the board has it,
    (ROLE_NOT_ALLOWED) for one that is no approver of it, and as `check_founding`.
    """
    party.sync()
    offer = _with_fingerprint(party, fingerprint)
    document = offer.document
    if party.folder.member not in document.approvers.members:
        raise CreditError(Code.ROLE_NOT_ALLOWED, "this version does not name this founder among its approvers")
    check_founding(document, founders(party), first_ceremony(party).oprf(document.oprf.secrets))
    _post(party, offer.raw)
    return offer


def seal_to_founders(party: Membership) -> list[MemberId]:
    """Seal the secrets to every other active lender of version 1; gives to whom. Safe to repeat."""
    me = party.folder.member
    lenders = [
        one.id
        for one in party.rulebook.document.members
        if one.role is Role.LENDER and one.status is MemberStatus.ACTIVE and one.id != me
    ]
    for lender in lenders:
        seal_secrets(party, lender)
    party.board.set_mark("secrets-sealed", party.now)
    return lenders


def _with_fingerprint(party: Membership, fingerprint: str) -> Offer:
    problem = CreditError(Code.RULEBOOK_INVALID, "no founder has proposed a first version yet")
    for offer in offers(party.board):
        try:
            check_fingerprint(offer.fingerprint, fingerprint)
        except CreditError as error:
            problem = error
        else:
            return offer
    raise problem


def _own_secrets(party: Membership) -> Opened:
    """Give the first secrets, made once."""
    if (kept := first_secrets(party.folder)) is None:
        generation = new_generation_secrets(FIRST_GENERATION, party.rng)
        kept = Opened(generation, new_epoch_secret(FIRST_EPOCH, party.rng))
        keep_opened(party.folder, kept)
        failpoint("founding.secrets-kept")
    return kept


def _post(party: Membership, raw: bytes) -> None:
    consortium, me = party.folder.file.consortium, party.folder.member
    party.post(TOPIC, DocumentKind.GENESIS, partial(sign_founding, party.signer, consortium, me, raw))
