"""Where a party stands: from the board's verified documents to the facts that `journey` turns into steps."""

from consortium.canonical import CanonicalValue
from consortium.ceremony.transcript import Phase
from consortium.membership.applications import application_digest
from consortium.membership.ballots import Outcome
from consortium.membership.journey import Facts, Step, journey
from consortium.membership.proposals import Activate, Admit
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, Rulebook
from participants.membership.member import Membership
from participants.membership.offers import offers
from participants.membership.transcripts import transcripts
from participants.membership.view import BoardView, Motion, Told

BOOK_LOADED = "book-loaded"


def own_facts(party: Membership, view: BoardView) -> Facts:
    """Give what is known of this party itself, its own marks included."""
    board, folder = party.board, party.folder
    applied = board.own("application")
    rulebook = party.rulebook if party.rulebooks else None
    facts = facts_of(view, rulebook, folder.member, folder.file.role)
    mine: dict[str, object] = {
        "keys_made": board.mark("keys-made"),
        "rulebook_trusted": board.mark("rulebook-trusted"),
        "applied": applied.made_at if applied else facts.applied,
        "secrets_opened": board.mark("secrets-opened"),
        "certificate_issued": board.mark("certificate-issued"),
        "book_loaded": board.mark(BOOK_LOADED),
        "share_confirmed": board.mark("share-confirmed"),
        "sponsor": facts.sponsor or folder.file.sponsor,
    }
    if folder.file.founding:
        mine |= _founding_facts(party)
    return _changed(facts, mine)


def _founding_facts(party: Membership) -> dict[str, object]:
    """Give how far the founding is; the lender that made the secrets needs nobody to seal them to it."""
    board = party.board
    keys = [one for one in transcripts(board.documents()) if one.plan.rulebook is None and one.phase is Phase.DONE]
    trusted = party.rulebooks is not None
    sealed = board.mark("secrets-sealed")
    return {
        "founding": True,
        "first_key": 0 if keys or trusted else None,
        "first_signed": tuple(sorted({name for one in offers(board) for name in one.signers})),
        "in_force": 0 if trusted or board.mark("founded") is not None else None,
        **({"secrets_sealed": sealed, "secrets_opened": sealed} if sealed is not None else {}),
    }


def facts_of(view: BoardView, rulebook: Rulebook | None, member: MemberId, role: Role = Role.LENDER) -> Facts:
    """
    Give what the board and the rulebook say of any party.

    What happens in its own folder only (keys, certificate, book) is taken from what it does next on the board.
    """
    found = rulebook.members.get(member) if rulebook else None
    applied = view.application_of(member)
    told, application = applied or (None, None)
    admission, activation = _motion(view, member, Admit, told), _motion(view, member, Activate, None)
    now_open = activation if found is not None else admission
    report = view.report_of(member)
    sealed, opened = _secrets(view, member)
    status, newer = found.status if found else None, found is not None
    run = report[0].at if report else None
    signed = application.issued_at if application else None
    return Facts(
        member=member,
        role=found.role if found else application.role if application else role,
        sponsor=application.sponsor if application else "",
        status=status,
        keys_made=signed,
        rulebook_trusted=signed,
        applied=signed,
        application_delivered=told.at if told else None,
        proposed=admission.told.at if admission else (_decided(admission) if newer else None),
        approvals=dict(now_open.voted_at) if now_open else {},
        waiting_for=now_open.ballot.waiting_for if now_open else (),
        rejected=_rejected_at(admission),
        rejection_reason=_reason(admission),
        admitted=_decided(admission) if found else None,
        secrets_sealed=sealed,
        secrets_opened=opened,
        certificate_issued=opened or run,
        book_loaded=run,
        conformance_run=run,
        conformance_passed=report[1].passed if report else False,
        activation_proposed=activation.told.at if activation else None,
        activated=_decided(activation) if status in (MemberStatus.ACTIVE, MemberStatus.SUSPENDED) else None,
    )


def own_steps(party: Membership, view: BoardView) -> list[Step]:
    """Give the journey of this party."""
    return journey(own_facts(party, view))


def step_value(step: Step) -> dict[str, CanonicalValue]:
    """Give a step as a JSON value."""
    return {
        "name": step.name,
        "state": step.state.value,
        "turn": step.turn,
        "since": step.since,
        "command": step.command,
        "note": step.note,
    }


def _changed(facts: Facts, mine: dict[str, object]) -> Facts:
    values = {name: getattr(facts, name) for name in Facts.__dataclass_fields__}
    return Facts(**(values | {name: value for name, value in mine.items() if value not in (None, "")}))


def _motion(view: BoardView, member: MemberId, kind: type[Admit | Activate], told: Told | None) -> Motion | None:
    """Give the newest proposal of this kind about a member; an admission is that of the newest application."""
    found = [one for one in view.motions_about(member) if isinstance(one.proposal.change, kind)]
    if kind is Admit:
        digest = application_digest(told.signed) if told else b""
        found = [one for one in found if _admits(one, digest)]
    return found[-1] if found else None


def _admits(motion: Motion, digest: bytes) -> bool:
    change = motion.proposal.change
    return isinstance(change, Admit) and application_digest(change.application) == digest


def _decided(motion: Motion | None) -> int:
    """Give when the last vote came, 0 where the votes are from before this party's time."""
    return max(motion.voted_at.values(), default=motion.told.at) if motion else 0


def _rejected_at(motion: Motion | None) -> int | None:
    return _decided(motion) if motion and motion.ballot.outcome is Outcome.REJECTED else None


def _reason(motion: Motion | None) -> str:
    vote = motion.rejection() if motion else None
    return f"{vote.approver}: {vote.reason}" if vote else ""


def _secrets(view: BoardView, member: MemberId) -> tuple[int | None, int | None]:
    """Give when secrets were sealed to a member, and when it said that it could use them."""
    mine = [told for told, delivery in view.deliveries if delivery.recipient == member]
    if not mine:
        return None, None
    answers = [found for told in mine if (found := view.acknowledged(told.signed, member)) is not None]
    opened = [told.at for told, said in answers if not said.problem]
    return mine[-1].at, opened[-1] if opened else None
