"""
What a member decides: to apply, to sponsor, to vote, to change keys, to leave; each a plain function of `Membership`.

All can be repeated: what was done is found on the board or in the outbox, and what is missing is done. An approver
signs nothing that it did not build itself: the next version follows from the proposal and the rulebook in force.
"""

from dataclasses import dataclass
from pathlib import Path

from consortium.ceremony.plan import check_plan_under
from consortium.ceremony.transcript import Phase
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import (
    Application,
    LeaveNotice,
    RotationRequest,
    application_digest,
    check_application,
    sign_application,
    sign_leave,
    sign_rotation,
)
from consortium.membership.ballots import Decision, Outcome
from consortium.membership.certificates import tls_key_digest
from consortium.membership.changeover import generation_before
from consortium.membership.proposals import (
    Activate,
    Admit,
    Amend,
    Announce,
    Change,
    Leave,
    NewEpoch,
    NewShares,
    Proposal,
    Reinstate,
    Rotate,
    SetSection,
    Suspend,
    Switch,
)
from consortium.membership.secrets import EpochSecret, Opened, deliver, new_epoch_secret, offer_epoch
from consortium.membership.signed import sign_document
from consortium.membership.statements import digest_of, report_digest
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Oprf, Role, parse_rulebook, rulebook_digest
from consortium.model.rulebook_document import Policy, SectionName, read_section
from consortium.wire.membership import DocumentKind
from participants.membership.folder import HPKE, IDENTITY, NEXT, TLS, new_tls_key, read_tls_key
from participants.membership.member import Membership
from participants.membership.terms import Terms
from participants.membership.transcripts import transcripts
from participants.membership.view import BoardView, Motion
from participants.private_files import create_private
from participants.secret_files import find_epoch, find_generation
from participants.signers import SEED_BYTES, signer_in
from participants.storage.board import Own

VERSION_SECONDS = 365 * 86_400
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did, for whoever typed it."""

    what: str
    motion: Motion | None = None


def apply(party: Membership, terms: Terms, *, again: bool = False) -> Own:
    """
    Sign the application and post it; `again` makes a new one in place of one that was refused or rejected.

    Raises CreditError as the gateway refuses it; where it cannot be reached, it waits in the outbox.
    """
    if again:
        party.board.withdraw("application")
    return party.post("application", DocumentKind.APPLICATION, lambda: _application(party, terms))


def sponsor(party: Membership, member: MemberId) -> Done:
    """
    Do for a newcomer what is the sponsor's turn: propose admission, seal the secrets, propose activation.

    Raises CreditError(APPLICATION_INVALID) where there is no application, and as the core refuses.
    """
    view, rulebook = party.sync(), party.rulebook
    pinned = rulebook.members.get(member)
    if pinned is None:
        return _propose_admission(party, view, member)
    if pinned.status is MemberStatus.ADMITTED and pinned.role is Role.LENDER:
        seal_secrets(party, member)
        if view.report_of(member) is None:
            return Done(f"the lenders' secrets are sealed to {member}; next is its conformance run")
    if pinned.status is MemberStatus.ADMITTED:
        return _propose_activation(party, view, member)
    return Done(f"{member} is {pinned.status}: nothing to do")


def seal_secrets(party: Membership, member: MemberId) -> Own:
    """
    Seal generation and epoch secrets to a lender under the rulebook in force, and post them.

    While a generation is announced, or the tags of the one before still travel, its secrets are sealed as well.
    """
    rulebook = party.rulebook
    folder, oprf, upcoming = party.folder, rulebook.document.oprf, rulebook.document.upcoming
    before = generation_before(rulebook.document, party.now)
    for other in (upcoming, before):
        if other is not None:
            _seal(party, member, Opened(find_generation(folder, rulebook, other), None))
    return _seal(party, member, Opened(find_generation(folder, rulebook, oprf), find_epoch(folder, rulebook)))


def _seal(party: Membership, member: MemberId, contents: Opened) -> Own:
    rulebook, sender = party.rulebook, party.folder.member
    number = contents.generation.generation if contents.generation else 0
    epoch = contents.epoch.epoch if contents.epoch else 0
    topic = f"delivery/{member}/{number}/{epoch}/{rulebook.members[member].hpke_key.hex()}"
    return party.post(
        topic,
        DocumentKind.DELIVERY,
        lambda: deliver(rulebook, sender, member, contents, party.signer, party.rng),
    )


def vote(party: Membership, member: MemberId, decision: Decision, reason: str) -> Done:
    """
    Vote on what is open about a member; what it asked for itself (to leave, new keys) is proposed first.

    The next version is built here and checked against everything that this party has seen. Raises
    CreditError(PROPOSAL_INVALID) where nothing is open, and as the core refuses.
    """
    view = party.sync()
    motion = view.open_motion(member, party.rulebook)
    if motion is None and decision is Decision.APPROVE and (change := _wished(party, view, member)) is not None:
        motion = propose(party, change)
    if motion is None:
        return _voted_before(party, view, member)
    if any(known.approver == party.folder.member for known in motion.ballot.votes):
        return Done(f"voted before on version {motion.ballot.next.version}: {motion.ballot.outcome}", motion)
    return cast(party, motion, decision, reason)


def _voted_before(party: Membership, view: BoardView, member: MemberId) -> Done:
    """Give the decided motion that this party has voted on: a command that is repeated does nothing twice."""
    mine = [one for one in view.motions_about(member) if party.folder.member in one.voted_at]
    if not mine:
        raise CreditError(Code.PROPOSAL_INVALID, f"nothing is open about {member}")
    return Done(f"version {mine[-1].ballot.next.version} was voted on: {mine[-1].ballot.outcome}", mine[-1])


def cast(party: Membership, motion: Motion, decision: Decision, reason: str) -> Done:
    """Cast a vote on a motion and take the next version, if that was the vote that it needed."""
    if decision is Decision.APPROVE:
        _check(party, motion)
    ballot, me = motion.ballot, party.folder.member
    topic = f"vote/{ballot.digest.hex()}"
    party.post(topic, DocumentKind.VOTE, lambda: ballot.cast(me, decision, reason, party.signer, party.now))
    after = party.sync().motions[ballot.digest]
    _follow_up(party, after)
    return Done(f"voted to {decision} version {ballot.next.version}: {after.ballot.outcome}", after)


def _follow_up(party: Membership, motion: Motion) -> None:
    """Seal the secrets of now to a lender that was reinstated: an epoch began without it."""
    change, rulebook = motion.proposal.change, party.rulebook
    if not isinstance(change, Reinstate) or motion.ballot.outcome is not Outcome.APPROVED:
        return
    member = rulebook.members[change.member]
    if party.folder.file.role is Role.LENDER and (member.role, member.status) == (Role.LENDER, MemberStatus.ACTIVE):
        seal_secrets(party, change.member)


def propose(party: Membership, change: Change) -> Motion:
    """Propose a change on the version in force; raises as the core refuses it, and posts nothing then."""
    rulebook, now = party.rulebook, party.now
    proposal = Proposal(
        consortium=rulebook.document.consortium,
        base=rulebook.digest,
        proposer=party.folder.member,
        change=change,
        issued_at=now,
        expires_at=now + VERSION_SECONDS,
    )
    signed = sign_document(party.signer, Label.PROPOSAL, proposal)
    topic = f"proposal/{rulebook.document.version}/{change.kind}/{digest_of(signed).hex()[:16]}"
    own = party.post(topic, DocumentKind.PROPOSAL, lambda: signed)
    view = party.sync()
    motion = next((one for one in view.motions.values() if one.told.signed == own.signed), None)
    if motion is None:
        raise CreditError(Code.PROPOSAL_INVALID, "the rulebook changed meanwhile: try again")
    return motion


def propose_section(party: Membership, section: SectionName, content: bytes) -> Done:
    """
    Put to the vote what an optional section of the rulebook is to be, its canonical JSON; none takes it out.

    An approver votes for it at once; the others `approve SECTION`. The same proposal is made once, however often this
    is repeated. Raises as the core refuses what the section would be, and posts nothing then.
    """
    change = SetSection(section=section, content=content)
    return _put_to_vote(party, change, section, (section, read_section(section, content)))


def propose_policy(party: Membership, policy: Policy) -> Done:
    """
    Put to the vote what the limits of the rulebook are to be; as `propose_section`, the others `approve amend`.

    Among them are the families of attributes that may be asked for, and the suites of sums.
    """
    change = Amend(policy=policy)
    return _put_to_vote(party, change, change.kind, ("policy", policy))


def _put_to_vote(party: Membership, change: SetSection | Amend, about: str, part: tuple[str, object]) -> Done:
    """Propose a change of one part of the rulebook, checked here as it would be, or find the same proposal again."""
    (name, wanted), view = part, party.sync()
    before = party.rulebook.document
    if wanted == getattr(before, name):
        raise CreditError(Code.PROPOSAL_INVALID, f"{name}: the rulebook says that already")
    parse_rulebook(before.model_copy(update={name: wanted}).to_bytes())
    same = [one for one in view.motions_about(about) if one.proposal.change == change]
    motion = next((one for one in same if one.is_open(party.rulebook) and not one.ballot.is_too_old(party.now)), None)
    return _with_own_vote(party, motion or propose(party, change), f"{name} proposed")


def candidate_digest(motion: Motion) -> bytes:
    """Give the fingerprint of the version that a proposal makes: the same for every approver that built it."""
    return rulebook_digest(motion.ballot.raw)


def leave(party: Membership, reason: str) -> Own:
    """Post the notice that this member leaves; an approver puts it to the vote."""
    return party.post("leave", DocumentKind.LEAVE_NOTICE, lambda: _leave_notice(party, reason))


def suspension(party: Membership, member: MemberId, reason: str) -> Suspend:
    """Build a suspension, with a new epoch's key sealed to all who stay where the member is a lender."""
    found = party.rulebook.members.get(member)
    lender = found is not None and found.role is Role.LENDER
    return Suspend(member=member, reason=reason, offer=epoch_offer(party, member) if lender else None)


def new_epoch(party: Membership) -> NewEpoch:
    """Build the exchange of the sealing key without anybody's leaving."""
    return NewEpoch(offer=epoch_offer(party))


def epoch_offer(party: Membership, *without: MemberId) -> bytes:
    """Make the next epoch's key, keep it, and seal it to every lender that stays."""
    rulebook = party.rulebook
    secret: EpochSecret = new_epoch_secret(rulebook.document.epoch + 1, party.rng)
    return offer_epoch(rulebook, party.folder.member, frozenset(without), secret, party.signer, party.rng)


def rotate(party: Membership, kinds: frozenset[str]) -> Own:
    """
    Make new keys beside those in force (`identity`, `hpke`, `tls`) and post the request to exchange them.

    The new keys are used from the version on that pins them; until then everything is signed with the old ones.
    """
    folder = party.folder
    for kind, name in (("identity", IDENTITY), ("hpke", HPKE), ("tls", TLS)):
        if kind in kinds:
            fresh = new_tls_key() if kind == "tls" else party.rng(SEED_BYTES).hex().encode() + b"\n"
            create_private(folder.path(Path(f"{name}{NEXT}")), fresh)
    return party.post(
        f"rotation/{party.rulebook.document.version}/{'-'.join(sorted(kinds))}",
        DocumentKind.ROTATION,
        lambda: _rotation(party, kinds),
    )


def _application(party: Membership, terms: Terms) -> bytes:
    folder = party.folder
    application = Application(
        consortium=folder.file.consortium,
        member=folder.member,
        role=folder.file.role,
        **terms.fields(folder.file.role),
        **folder.public_keys(),
        nonce=party.rng(NONCE_BYTES),
        issued_at=party.now,
    )
    return sign_application(party.signer, application)


def _propose_admission(party: Membership, view: BoardView, member: MemberId) -> Done:
    found = view.application_of(member)
    if found is None:
        raise CreditError(Code.APPLICATION_INVALID, f"the board has no application of {member}")
    told, application = found
    if application.sponsor != party.folder.member:
        raise CreditError(Code.APPLICATION_INVALID, f"it names {application.sponsor} as its sponsor")
    for motion in view.motions_about(member):
        change = motion.proposal.change
        same = isinstance(change, Admit) and application_digest(change.application) == application_digest(told.signed)
        if same and motion.rejection() is not None and not motion.is_open(party.rulebook):
            raise CreditError(Code.APPLICATION_INVALID, "it was rejected: the applicant must apply again")
    motion = view.open_motion(member, party.rulebook) or propose(party, _admission(party, told.signed))
    return _with_own_vote(party, motion, "sponsored")


def _admission(party: Membership, application: bytes) -> Admit:
    found = check_application(application, party.rulebook, party.now)
    for key in found.keys:
        if key is not None and party.rulebooks is not None and party.rulebooks.trusted.key_is_used(key):
            raise CreditError(Code.KEY_REUSED, "one of the applicant's keys")
    return Admit(application=application)


def _propose_activation(party: Membership, view: BoardView, member: MemberId) -> Done:
    report = view.report_of(member)
    if report is not None and not report[1].passed:
        raise CreditError(Code.APPLICATION_INVALID, "its conformance run failed: it must run it again")
    change = Activate(member=member, report=report_digest(report[0].signed) if report is not None else None)
    open_ones = (one for one in view.motions_about(member) if one.is_open(party.rulebook))
    motion = next((one for one in open_ones if one.proposal.change == change), None) or propose(party, change)
    return _with_own_vote(party, motion, "activation proposed")


def _with_own_vote(party: Membership, motion: Motion, reason: str) -> Done:
    if party.folder.member not in motion.ballot.waiting_for:
        return Done(f"version {motion.ballot.next.version} is put to the vote", motion)
    return cast(party, motion, Decision.APPROVE, reason)


def _check(party: Membership, motion: Motion) -> None:
    """Check what no signature can vouch for: keys used before, transitions, and the report that activates."""
    if party.rulebooks is None:
        raise CreditError(Code.RULEBOOK_INVALID, "none is trusted yet")
    party.rulebooks.trusted.check_candidate(motion.ballot.next)
    change = motion.proposal.change
    if isinstance(change, Switch):
        _check_ready(party, change)
    if isinstance(change, NewShares | Announce):
        check_made_by_ceremony(party, change.oprf)
    if isinstance(change, Activate) and change.report is not None:
        reports = {report_digest(told.signed): report for told, report in party.view().reports}
        report = reports.get(change.report)
        if report is None or not report.passed or report.member != change.member:
            raise CreditError(Code.PROPOSAL_INVALID, "no passed conformance report with this digest is on the board")


def _check_ready(party: Membership, change: Switch) -> None:
    left = sorted(set(party.view().behind(party.rulebook)) - set(change.missing))
    if left:
        raise CreditError(Code.PROPOSAL_INVALID, f"not ready, and not named as left behind: {', '.join(left)}")


def check_made_by_ceremony(party: Membership, oprf: Oprf) -> None:
    """
    Rebuild share keys from the ceremony's messages on the board; an approver signs no others.

    Raises CreditError(CEREMONY_UNFINISHED) where no ceremony made them, (CEREMONY_FAULT), (CEREMONY_INVALID).
    """
    for transcript in transcripts(party.board.documents()):
        if transcript.phase is Phase.DONE and transcript.digest == oprf.transcript:
            check_plan_under(transcript.plan, party.rulebook)
            if transcript.oprf(oprf.secrets) != oprf:
                raise CreditError(Code.SHARE_KEYS_INCONSISTENT, "not what the ceremony made")
            return
    raise CreditError(Code.CEREMONY_UNFINISHED, "no finished ceremony on the board made these share keys")


def _wished(party: Membership, view: BoardView, member: MemberId) -> Change | None:
    """Give what a member asked for itself and what is not in force: to leave, or other keys."""
    found = party.rulebook.members.get(member)
    if found is None or found.status is MemberStatus.LEFT:
        return None
    if member in view.leaves:
        knows = found.role is Role.LENDER and found.status is not MemberStatus.SUSPENDED
        offer = epoch_offer(party, member) if knows else None
        return Leave(notice=view.leaves[member][0].signed, offer=offer)
    if member in view.rotations:
        told, request = view.rotations[member]
        wanted = {"identity_key": request.identity_key, "hpke_key": request.hpke_key, "tls_key": request.tls_key}
        if any(key is not None and getattr(found, name) != key for name, key in wanted.items()):
            return Rotate(request=told.signed)
    return None


def _leave_notice(party: Membership, reason: str) -> bytes:
    notice = LeaveNotice(
        consortium=party.folder.file.consortium,
        member=party.folder.member,
        reason=reason,
        nonce=party.rng(NONCE_BYTES),
        issued_at=party.now,
    )
    return sign_leave(party.signer, notice)


def _rotation(party: Membership, kinds: frozenset[str]) -> bytes:
    folder = party.folder
    following = {name: Path(f"{name}{NEXT}") for name in (IDENTITY, HPKE, TLS)}
    new = signer_in(folder.path(following[IDENTITY])) if "identity" in kinds else None
    request = RotationRequest(
        consortium=folder.file.consortium,
        member=folder.member,
        identity_key=new.public if new else None,
        hpke_key=folder.hpke_public(following[HPKE]) if "hpke" in kinds else None,
        tls_key=tls_key_digest(read_tls_key(folder.read_private(following[TLS])).public_key())
        if "tls" in kinds
        else None,
        nonce=party.rng(NONCE_BYTES),
        issued_at=party.now,
    )
    return sign_rotation(request, party.signer, new)
