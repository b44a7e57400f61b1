"""What a rulebook document must satisfy by itself, whoever signed it and whatever came before."""

from collections.abc import Iterator, Sequence

from consortium.errors import Code, CreditError
from consortium.model.keys import check_mask_key
from consortium.model.members import id_skeleton
from consortium.model.rulebook_document import Member, MemberStatus, Oprf, Role, RulebookDocument
from consortium.model.scorecard_checks import CardTerms, check_cards
from consortium.model.signal_policy import check_signals
from consortium.model.signing import check_identity_key
from consortium.model.statistic_policy import check_statistics
from consortium.oprf.sharing import ShareKey, ThresholdKey

HOLDER_ROLES = (Role.GATEWAY, Role.CUSTODIAN)
MAX_LIFETIME = 400 * 86_400
"""Seconds a version may live: the outer bound on how long anybody can be kept on an old one."""


def threshold_key(oprf: Oprf) -> ThresholdKey:
    """Give the shared OPRF key; raises CreditError(SHARE_KEYS_INCONSISTENT) unless the share keys are of one key."""
    return ThresholdKey(oprf.threshold, tuple(ShareKey(holder.index, holder.share_key) for holder in oprf.holders))


def pinned_keys(member: Member) -> Iterator[tuple[str, bytes]]:
    """Give every key of a member with its kind."""
    yield "identity", member.identity_key
    yield "hpke", member.hpke_key
    others = (("tls", member.tls_key), ("log", member.log_key), ("witness", member.witness_key))
    yield from ((kind, key) for kind, key in others if key is not None)


def check_consistent(document: RulebookDocument) -> None:
    """
    Raise unless the document agrees with itself.

    CreditError(RULEBOOK_INVALID), (SHARE_KEYS_INCONSISTENT), (SCORECARD_INVALID) naming a card's first problem,
    (STATISTIC_UNBOUNDED), or (MEMBER_ID_CONFUSABLE) for two ids that a person could take for each other.
    """
    _check_times(document)
    _check_members(document)
    _check_approvers(document)
    _check_rules(document)
    for oprf in (document.oprf, document.upcoming):
        if oprf is not None:
            _check_holders(document, oprf)
    for generation in (document.oprf, document.upcoming, *document.retired):
        if generation is not None:
            threshold_key(generation)


def _check_times(document: RulebookDocument) -> None:
    lifetime = document.expires_at - document.issued_at
    _require(0 < lifetime <= MAX_LIFETIME, "it must expire after its issue, and within 400 days")
    _require(len(document.previous) == (32 if document.version > 1 else 0), "version 1 has no previous one, others do")


def _check_members(document: RulebookDocument) -> None:
    ids = [member.id for member in document.members]
    keys = [key for member in document.members for _, key in pinned_keys(member)]
    _require(_unique(ids), "a member id is used twice")
    _require(_unique(keys), "a key is used by two members")
    if not _unique([id_skeleton(member) for member in ids]):
        raise CreditError(Code.MEMBER_ID_CONFUSABLE, "two members of one rulebook")
    for member in document.members:
        check_member_keys(member)
    roles = [member.role for member in document.members if member.status is MemberStatus.ACTIVE]
    _require(roles.count(Role.REGULATOR) == 1, "there must be one active regulator")
    _require(roles.count(Role.GATEWAY) <= 1, "there may be one active gateway")
    _require(
        roles.count(Role.LENDER) <= document.policy.roster_maximum, "more active lenders than the roster's maximum"
    )


def check_member_keys(member: Member) -> None:
    """Raise CreditError(RULEBOOK_INVALID) for keys of small order, with which anybody could sign, or out of place."""
    _require(member.log_key is None or member.role is Role.GATEWAY, f"{member.id}: a log key, and no gateway")
    _require(member.witness_key is None or member.role is not Role.GATEWAY, f"{member.id} would witness its own log")
    try:
        for key in (member.identity_key, member.log_key, member.witness_key):
            if key is not None:
                check_identity_key(key)
        check_mask_key(member.hpke_key)
    except CreditError as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"{member.id}: a weak key") from error


def _check_approvers(document: RulebookDocument) -> None:
    approvers, members = document.approvers.members, {member.id: member for member in document.members}
    _require(_unique(approvers), "an approver is named twice")
    _require(
        all(approver in members and members[approver].role is not Role.GATEWAY for approver in approvers),
        "an approver is unknown or the gateway",
    )
    able = {members[one].group for one in approvers if members[one].status is MemberStatus.ACTIVE}
    _require(len(able) >= document.approvers.threshold, "its active approvers could not sign a next version")


def _check_holders(document: RulebookDocument, oprf: Oprf) -> None:
    members = {member.id: member for member in document.members}
    ids = [holder.member for holder in oprf.holders]
    _require(set(ids) <= set(members) and _unique(ids), "a key holder is unknown or named twice")
    holders = [members[one] for one in ids]
    _require(all(one.role in HOLDER_ROLES for one in holders), "a key holder is neither gateway nor custodian")
    _require(all(one.status is not MemberStatus.LEFT for one in holders), "a key holder has left")
    _require(_unique([one.group for one in holders]), "two key holders have one controlling group")


def _check_rules(document: RulebookDocument) -> None:
    _require(_unique([attribute.id for attribute in document.attributes]), "an attribute id is used twice")
    _require(_unique([rule.id for rule in document.purposes]), "a purpose is listed twice")
    for rule in document.purposes:
        free = Role.LENDER in rule.roles and not rule.consent_required
        _require(not free, f"lenders may not ask for {rule.id} without consent")
    if document.signals is not None:
        check_signals(document.signals, [attribute.id for attribute in document.attributes])
    if document.statistics is not None:
        limits, known = (document.policy.colluders, document.policy.minimum_groups), document.attributes
        check_statistics(document.statistics, limits, frozenset(attribute.id for attribute in known))
    _check_cards(document)


def _check_cards(document: RulebookDocument) -> None:
    catalogue = {attribute.id: attribute for attribute in document.attributes}
    found = check_cards(document.scorecards, CardTerms(catalogue, frozenset(document.policy.families)))
    if found:
        raise CreditError(Code.SCORECARD_INVALID, f"{found[0]}")


def _unique(values: Sequence[object]) -> bool:
    return len(set(values)) == len(values)


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.RULEBOOK_INVALID, cause)
