"""A custodian's part in key ceremonies: the plans on the board that name it, driven as far as the others are."""

from functools import partial

from consortium.ceremony.driver import Progress, advance
from consortium.ceremony.plan import Kind, Plan, check_plan_under, plan_under
from consortium.ceremony.transcript import Phase, Transcript
from consortium.errors import Code, CreditError
from consortium.membership.generations import offer_generation
from consortium.membership.proposals import Announce, NewShares
from consortium.membership.secrets import generation_fingerprint, new_generation_secrets
from consortium.membership.words import words_text
from consortium.model.rulebook import Oprf
from consortium.wire.membership import DocumentKind
from participants.failpoints import failpoint
from participants.membership.actions import propose
from participants.membership.member import Membership
from participants.membership.transcripts import transcripts
from participants.membership.view import Motion
from participants.share_files import ShareFiles

_FAILED = (Phase.ABORTED, Phase.DIVERGED)


def take_part(party: Membership, shares: ShareFiles) -> list[Progress]:
    """
    Send what this party owes in every ceremony that names it, as far as it goes now.

    Raises CreditError(CEREMONY_FAULT), (CEREMONY_INVALID) for a state that is lost, and where the board cannot be
    reached. A plan that the rulebook in force does not allow is passed over, and so is a failed one that another
    attempt has followed.
    """
    found = transcripts(party.board.documents())
    over = {one.plan.id for one in found if one.phase in _FAILED and _followed(one.plan, found)}
    for identity in over:
        shares.destroy_state(identity)  # what it opens is worth nothing any more
    return [progress for one in found if one.plan.id not in over for progress in _part(party, shares, one)]


def _followed(plan: Plan, found: list[Transcript]) -> bool:
    """Say whether a later attempt at the same shares was planned."""
    same = (one.plan for one in found if (one.plan.rulebook, one.plan.kind) == (plan.rulebook, plan.kind))
    return any(other.attempt > plan.attempt for other in same)


def _part(party: Membership, shares: ShareFiles, transcript: Transcript) -> list[Progress]:
    plan, me = transcript.plan, party.folder.member
    if me not in plan.names or not _allowed(party, shares, plan):
        return []
    progress = advance(plan, transcript.messages, me, party.signer, shares, party.rng)
    failpoint(f"ceremony.state-kept-{progress.phase}")
    for number, message in enumerate(progress.to_post):
        topic = f"ceremony/{plan.id.hex()}/{len(transcript.sent_by(me)) + number}"
        party.post(topic, DocumentKind.CEREMONY_MESSAGE, partial(_same, message))
    if progress.share_kept and party.board.mark("share-confirmed") is None:
        party.board.set_mark("share-confirmed", party.now)
    return [progress]


def _same(message: bytes) -> bytes:
    return message


def _allowed(party: Membership, shares: ShareFiles, plan: Plan) -> bool:
    """Say whether to join: a plan under the rulebook in force, one that was joined before, or the very first."""
    if party.rulebooks is None:
        return plan.rulebook is None and plan.consortium == party.folder.file.consortium
    if shares.state(plan.id) is not None:
        return True
    try:
        check_plan_under(plan, party.rulebook)
    except CreditError:
        return False
    return True


def begin(party: Membership, kind: Kind) -> Plan:
    """Plan a refresh or a new key under the rulebook in force, as the next attempt, and post the plan."""
    known = [one.plan for one in transcripts(party.board.documents()) if one.plan.rulebook == party.rulebook.digest]
    attempt = 1 + max((plan.attempt for plan in known if plan.kind is kind), default=0)
    plan = plan_under(party.rulebook, kind, attempt=attempt)
    party.post(f"plan/{plan.id.hex()}", DocumentKind.CEREMONY_PLAN, plan.to_bytes)
    return plan


def refresh(party: Membership) -> tuple[Plan, bool]:
    """
    Give the refresh that is under way or finished under the rulebook in force, or plan one; and whether it was planned.

    One that was aborted is followed by a new attempt.
    """
    for transcript in reversed(transcripts(party.board.documents())):
        plan = transcript.plan
        if plan.rulebook == party.rulebook.digest and plan.kind is Kind.REFRESH and transcript.phase not in _FAILED:
            return plan, False
    return begin(party, Kind.REFRESH), True


def outcome(party: Membership, secrets: bytes, *, fresh: bool = False) -> Oprf:
    """
    Give the share keys of the newest ceremony under the rulebook in force, rebuilt from its messages.

    `fresh` asks for a new key's, otherwise new shares of the present key. Raises CreditError(CEREMONY_UNFINISHED).
    """
    for transcript in reversed(transcripts(party.board.documents())):
        plan = transcript.plan
        if plan.rulebook == party.rulebook.digest and (plan.kind is Kind.NEW) is fresh:
            return transcript.oprf(secrets)
    raise CreditError(Code.CEREMONY_UNFINISHED, "no ceremony under the rulebook in force")


def propose_shares(party: Membership) -> Motion:
    """
    Propose what the newest ceremony made: new shares of the key in force, after a refresh; once, whoever is first.

    A new generation is announced by a lender, who alone can make its secrets (`announcement`).
    """
    change = NewShares(oprf=outcome(party, party.rulebook.document.oprf.secrets))
    known = party.sync().open_motion(change.kind, party.rulebook)
    return known if known is not None and known.proposal.change == change else propose(party, change)


def announcement(party: Membership) -> Announce:
    """
    Make the secrets of the generation that the newest ceremony made a key for, and seal them to every lender.

    The maker opens its own copy like everybody else, from the proposal. Raises CreditError(CEREMONY_UNFINISHED).
    """
    rulebook, me = party.rulebook, party.folder.member
    secrets = new_generation_secrets(rulebook.document.oprf.generation + 1, party.rng)
    oprf = outcome(party, generation_fingerprint(rulebook.document.consortium, secrets), fresh=True)
    return Announce(oprf=oprf, offer=offer_generation(rulebook, me, secrets, party.signer, party.rng))


def plan_words(plan: Plan) -> str:
    """Give the plan's id in words, for comparing it out of band."""
    return words_text(plan.id)
