"""
Proposals: one change to the rulebook, from which every approver builds the same bytes and signs them.

A proposal carries the signed evidence for its change (an application, a notice), so that an approver needs nothing
but the rulebook in force: it checks the evidence, builds the next version itself and compares nothing but bytes.
Nobody signs a rulebook that somebody else wrote.
"""

from typing import Annotated, Literal

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import application_digest, check_application, check_leave, check_rotation
from consortium.membership.emergency import parse_emergency
from consortium.membership.generations import read_generation_offer
from consortium.membership.secrets import EpochOffer, read_epoch_offer
from consortium.membership.signed import document_digest, open_document
from consortium.membership.transitions import check_transition
from consortium.model.document import Bytes, Document, Id, Key32, Line
from consortium.model.members import MemberId
from consortium.model.rulebook import (
    Approvers,
    Member,
    MemberStatus,
    Oprf,
    Policy,
    Retired,
    Role,
    Rulebook,
    RulebookDocument,
    parse_rulebook,
)
from consortium.model.rulebook_document import SectionName, read_section

PROPOSAL_LIFETIME = 14 * 86_400
"""Seconds in which a proposal can gather its votes."""


class Admit(Document):
    """Admit an applicant: its keys are pinned, it is not on the roster yet."""

    kind: Literal["admit"] = "admit"
    application: Bytes


class Activate(Document):
    """Put an admitted member on the roster, on the conformance report of this digest (custodians and others: none)."""

    kind: Literal["activate"] = "activate"
    member: Id
    report: Key32 | None = None


class Rotate(Document):
    """Exchange a member's keys."""

    kind: Literal["rotate"] = "rotate"
    request: Bytes


class Suspend(Document):
    """Suspend a member; `notice` is the emergency suspension that this ratifies, `offer` the new epoch's key."""

    kind: Literal["suspend"] = "suspend"
    member: Id
    reason: Line
    notice: Bytes | None = None
    offer: Bytes | None = None


class Reinstate(Document):
    """End a suspension that a rulebook imposed."""

    kind: Literal["reinstate"] = "reinstate"
    member: Id


class Lift(Document):
    """End an emergency suspension before it lapses."""

    kind: Literal["lift"] = "lift"
    notice: Bytes


class Leave(Document):
    """Let a member go; `offer` is the new epoch's key where it is a lender."""

    kind: Literal["leave"] = "leave"
    notice: Bytes
    offer: Bytes | None = None


class NewEpoch(Document):
    """Exchange the sealing key without anybody's leaving."""

    kind: Literal["new-epoch"] = "new-epoch"
    offer: Bytes


class NewShares(Document):
    """New share keys of the same key, after a refresh or a re-sharing."""

    kind: Literal["new-shares"] = "new-shares"
    oprf: Oprf


class Announce(Document):
    """
    Announce the next generation of the key: lenders re-tokenise for it while the present one stays in force.

    `offer` has its secrets, sealed to every lender.
    """

    kind: Literal["announce"] = "announce"
    oprf: Oprf
    offer: Bytes


class Switch(Document):
    """
    Put the announced generation into force and retire the present one.

    `missing` are the lenders that are knowingly left behind: they answer nothing until they have re-tokenised.
    """

    kind: Literal["switch"] = "switch"
    missing: tuple[Id, ...] = ()


class Appoint(Document):
    """Name other approvers."""

    kind: Literal["appoint"] = "appoint"
    approvers: Approvers


class Amend(Document):
    """Change limits."""

    kind: Literal["amend"] = "amend"
    policy: Policy


class SetSection(Document):
    """
    Replace one optional section of the rulebook (scorecards ...) as a whole.

    `content` is its canonical JSON; none takes the section out.
    """

    kind: Literal["set-section"] = "set-section"
    section: SectionName
    content: Bytes = b""


class Renew(Document):
    """Change nothing but the dates."""

    kind: Literal["renew"] = "renew"


Change = Annotated[
    Admit
    | Activate
    | Rotate
    | Suspend
    | Reinstate
    | Lift
    | Leave
    | NewEpoch
    | NewShares
    | Announce
    | Switch
    | Appoint
    | Amend
    | SetSection
    | Renew,
    Field(discriminator="kind"),
]


class Proposal(Document):
    """One change on top of the version with the digest `base`; the dates are those of the version that it makes."""

    consortium: Id
    base: Key32
    proposer: Id
    change: Change
    issued_at: int = Field(ge=0)
    expires_at: int = Field(ge=0)


def read_proposal(signed: bytes, rulebook: Rulebook, now: int) -> Proposal:
    """
    Verify who proposes, and for what: any active member but the gateway, on the rulebook in force.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE), (CLOCK_OFF), or (PROPOSAL_INVALID) for
    another version or consortium, or one too old to vote on.
    """
    proposal = open_document(
        Proposal, signed, Label.PROPOSAL, lambda one: _proposer_key(rulebook, one.proposer), Code.PROPOSAL_INVALID
    )
    if (proposal.consortium, proposal.base) != (rulebook.document.consortium, rulebook.digest):
        raise CreditError(Code.PROPOSAL_INVALID, "it is on another rulebook version")
    if proposal.issued_at > now + rulebook.policy.clock_skew:
        raise CreditError(Code.CLOCK_OFF, "a proposal dated in the future")
    if now > proposal.issued_at + PROPOSAL_LIFETIME:
        raise CreditError(Code.PROPOSAL_INVALID, "it is too old to vote on")
    return proposal


def proposal_digest(signed: bytes) -> bytes:
    """Give the digest that votes name a proposal by."""
    return document_digest(Label.PROPOSAL, signed)


def next_rulebook(current: Rulebook, proposal: Proposal) -> RulebookDocument:
    """
    Build the version that a proposal makes: a pure function, the same document for every approver.

    Evidence is judged at the proposal's time. Raises what is wrong with it (as `check_application` and so on),
    CreditError(PROPOSAL_INVALID), (TRANSITION_ILLEGAL), and as `parse_rulebook` where the result contradicts itself.
    """
    before = current.document
    changes = _changes(current, proposal.change, proposal.issued_at)
    dates = {"issued_at": proposal.issued_at, "expires_at": proposal.expires_at}
    head = {"version": before.version + 1, "previous": current.digest}
    after = parse_rulebook(before.model_copy(update={**changes, **dates, **head}).to_bytes())
    check_transition(before, after)
    return after


def _changes(current: Rulebook, change: Change, now: int) -> dict[str, object]:
    match change:
        case Admit() | Activate() | Rotate() | Reinstate():
            return {"members": _members(current, change, now)}
        case Suspend() | Leave():
            return _cut_off(current, change, now)
        case NewEpoch():
            return _epoch(current, change.offer, frozenset())
        case NewShares() | Announce() | Switch():
            return _key(current, change, now)
        case _:
            return _terms(current, change)


def _terms(current: Rulebook, change: Lift | Appoint | Amend | SetSection | Renew) -> dict[str, object]:
    match change:
        case Lift():
            return {"lifted": _lifted(current, change.notice)}
        case Appoint():
            return {"approvers": change.approvers}
        case Amend():
            return {"policy": change.policy}
        case SetSection():
            return {change.section: read_section(change.section, change.content)}
        case Renew():
            return {}


def _members(current: Rulebook, change: Admit | Activate | Rotate | Reinstate, now: int) -> tuple[Member, ...]:
    match change:
        case Admit():
            application = check_application(change.application, current, now)
            return (*current.document.members, application.as_member(application_digest(change.application)))
        case Activate():
            _require_status(current, change.member, MemberStatus.ADMITTED)
            return _updated(current, change.member, status=MemberStatus.ACTIVE, conformance=change.report)
        case Rotate():
            request = check_rotation(change.request, current, now)
            keys = {"identity_key": request.identity_key, "hpke_key": request.hpke_key, "tls_key": request.tls_key}
            return _updated(current, request.member, **{kind: key for kind, key in keys.items() if key is not None})
        case Reinstate():
            _require_status(current, change.member, MemberStatus.SUSPENDED)
            return _updated(current, change.member, status=MemberStatus.ACTIVE)


def _cut_off(current: Rulebook, change: Suspend | Leave, now: int) -> dict[str, object]:
    """Suspend or let go; who is cut off approves no more, and a lender takes no sealing key with it."""
    member, status = _leaver(current, change, now)
    approvers = current.document.approvers
    remaining = tuple(one for one in approvers.members if one != member)
    keeps_vote = status is MemberStatus.SUSPENDED
    return {
        "members": _updated(current, member, status=status),
        "approvers": approvers if keeps_vote else approvers.model_copy(update={"members": remaining}),
        **_epoch_without(current, change.offer, member),
    }


def _leaver(current: Rulebook, change: Suspend | Leave, now: int) -> tuple[MemberId, MemberStatus]:
    if isinstance(change, Leave):
        return check_leave(change.notice, current, now).member, MemberStatus.LEFT
    _require_status(current, change.member, MemberStatus.ACTIVE)
    if change.notice is not None:
        _require(_emergency(current, change.notice) == change.member, "the notice is about another member")
    return change.member, MemberStatus.SUSPENDED


def _emergency(current: Rulebook, signed: bytes) -> MemberId:
    return parse_emergency(signed, current).member


def _epoch_without(current: Rulebook, offer: bytes | None, member: MemberId) -> dict[str, object]:
    lender = current.members[member].role is Role.LENDER
    knew = current.members[member].status in (MemberStatus.ADMITTED, MemberStatus.ACTIVE)
    _require((offer is not None) == (lender and knew), "a lender is cut off with a new epoch's key, others without")
    return {} if offer is None else _epoch(current, offer, frozenset({member}))


def _epoch(current: Rulebook, signed: bytes, without: frozenset[MemberId]) -> dict[str, object]:
    offer: EpochOffer = read_epoch_offer(signed, current)
    _require(frozenset(offer.without) == without, "the new epoch's key leaves out somebody else")
    return {"epoch": offer.epoch, "epoch_secret": offer.epoch_secret}


def _lifted(current: Rulebook, signed: bytes) -> tuple[bytes, ...]:
    _emergency(current, signed)
    digest = document_digest(Label.EMERGENCY_SUSPENSION, signed)
    _require(digest not in current.document.lifted, "it was lifted before")
    return (*current.document.lifted, digest)


def _key(current: Rulebook, change: NewShares | Announce | Switch, now: int) -> dict[str, object]:
    document = current.document
    if isinstance(change, NewShares):
        return {"oprf": change.oprf}
    if isinstance(change, Announce):
        offer = read_generation_offer(change.offer, current)
        pinned = (change.oprf.generation, change.oprf.secrets)
        _require((offer.generation, offer.secrets) == pinned, "the secrets that are sealed are other ones")
        return {"upcoming": change.oprf}
    _require(document.upcoming is not None, "no generation was announced")
    _require(set(change.missing) <= current.roster_set, "somebody who is left behind is no active lender")
    retired = (*document.retired, Retired.of(document.oprf, now))
    return {"oprf": document.upcoming, "upcoming": None, "retired": retired}


def _updated(current: Rulebook, member: MemberId, **changes: object) -> tuple[Member, ...]:
    members = current.document.members
    return tuple(one.model_copy(update=changes) if one.id == member else one for one in members)


def _require_status(current: Rulebook, member: MemberId, status: MemberStatus) -> None:
    found = current.members.get(member)
    _require(found is not None and found.status is status, f"{member} is not {status}")


def _proposer_key(rulebook: Rulebook, proposer: MemberId) -> bytes:
    found = rulebook.active_member(proposer)
    _require(found.role is not Role.GATEWAY, "the gateway proposes nothing")
    return found.identity_key


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.PROPOSAL_INVALID, cause)
