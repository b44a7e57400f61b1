"""`sponsor`, `approve`, `reject`, `rotate`, `leave`, `suspend`: what members decide about each other and themselves."""

from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.journey import journey
from consortium.membership.proposals import Reinstate
from consortium.membership.words import words_text
from consortium.model.rulebook import Role
from participants.cli.membership_options import (
    FolderOption,
    MemberArgument,
    journey_lines,
    party_in,
    show_journey,
)
from participants.cli.output import JsonOption, Output, output
from participants.membership import actions
from participants.membership.actions import Done
from participants.membership.member import Membership
from participants.membership.standing import facts_of, step_value
from participants.membership.view import Motion
from participants.settings import NodeSettings

SealOption = Annotated[bool, typer.Option("--seal", help="The step where the secrets are sealed.")]
ActivateOption = Annotated[bool, typer.Option("--activate", help="The step where activation is proposed.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="One line; a rejection's reaches the applicant.")]
KINDS = frozenset({"identity", "hpke", "tls"})
"""Keys that the rulebook pins."""
OWN_KINDS = frozenset({"mask", "query"})
"""Keys of a lender's node that its identity key certifies."""
EPOCH, NEW_EPOCH = "epoch", "new-epoch"


def sponsor(
    node: FolderOption,
    member: MemberArgument,
    seal: SealOption = False,  # noqa: ARG001, FBT002  `status` names the step; the command finds it by itself
    activate: ActivateOption = False,  # noqa: ARG001, FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Do what is the sponsor's turn: propose admission, seal the secrets, or propose activation."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        _show(shown, party, member, actions.sponsor(party, member))


def approve(
    node: FolderOption, member: MemberArgument, reason: ReasonOption = "in order", *, as_json: JsonOption = False
) -> None:
    """Build the next version from the proposal, check it, and sign it."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        _show(shown, party, member, actions.vote(party, member, Decision.APPROVE, reason))


def reject(node: FolderOption, member: MemberArgument, reason: ReasonOption, *, as_json: JsonOption = False) -> None:
    """Vote against it; the reason reaches the applicant."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        _show(shown, party, member, actions.vote(party, member, Decision.REJECT, reason))


def suspend(node: FolderOption, member: MemberArgument, reason: ReasonOption, *, as_json: JsonOption = False) -> None:
    """Propose to suspend a member, with a new epoch's key for those that stay, and vote for it."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        view = party.sync()
        motion = view.open_motion(member, party.rulebook)
        if motion is None:
            motion = actions.propose(party, actions.suspension(party, member, reason))
        _show(shown, party, member, actions.cast(party, motion, Decision.APPROVE, reason))


def reinstate(node: FolderOption, member: MemberArgument, *, as_json: JsonOption = False) -> None:
    """Propose to end a suspension, and vote for it; whose vote decides seals the secrets of now to the member."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        view = party.sync()
        motion = view.open_motion(member, party.rulebook) or actions.propose(party, Reinstate(member=member))
        _show(shown, party, member, actions.cast(party, motion, Decision.APPROVE, "reinstated"))


def rotate(
    node: FolderOption,
    kind: Annotated[list[str], typer.Argument(help="identity, hpke, tls, mask, query, epoch; several at once.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """
    Make new keys in place of those in use.

    identity, hpke, tls: the approvers must pin them, and the old ones are used until they do. mask, query: they are
    certified by the identity key, and the serving node takes them within a second or two. epoch: another sealing key
    for all lenders, made here and sealed to each of them; the approvers `approve new-epoch`.
    """
    with output(as_json=as_json) as shown, party_in(node) as party:
        wanted = set(kind)
        own = OWN_KINDS | {EPOCH} if party.folder.file.role is Role.LENDER else frozenset()
        if not wanted <= KINDS | own:
            raise CreditError(Code.SETTINGS_INVALID, f"kinds are {', '.join(sorted(KINDS | own))}")
        if wanted & OWN_KINDS:
            from participants.key_rotation import rotate_own_keys  # noqa: PLC0415  arithmetic that others do without

            rotate_own_keys(NodeSettings(node), party.rulebook, frozenset(wanted & OWN_KINDS), party.now, party.rng)
            shown.show(
                {"exchanged": sorted(wanted & OWN_KINDS)}, Text("exchanged; the serving node takes it by itself")
            )
        if EPOCH in wanted:
            party.sync()
            motion = party.view().open_motion(NEW_EPOCH, party.rulebook) or actions.propose(
                party, actions.new_epoch(party)
            )
            if party.folder.member in motion.ballot.waiting_for:
                actions.cast(party, motion, Decision.APPROVE, "another sealing key")
            shown.show({"proposed": motion.ballot.next.version}, Text(f"next: credit-participant approve {NEW_EPOCH}"))
        if wanted & KINDS:
            _ask_to_rotate(shown, party, frozenset(wanted & KINDS))


def _ask_to_rotate(shown: Output, party: Membership, kinds: frozenset[str]) -> None:
    party.sync()
    own, member = actions.rotate(party, kinds), party.folder.member
    value: dict[str, CanonicalValue] = {"member": member, "rotating": sorted(kinds), "sequence": own.sequence}
    shown.show(value, Text(f"asked for; next: credit-participant approve {member} (by the approvers)"))


def leave(node: FolderOption, reason: ReasonOption, *, as_json: JsonOption = False) -> None:
    """Give notice; an approver puts it to the vote, and the id is never used again."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        party.sync()
        actions.leave(party, reason)
        shown.show({}, Text(f"notice given; next: credit-participant approve {party.folder.member} (by the approvers)"))
        show_journey(shown, party, party.sync())


def _show(shown: Output, party: Membership, member: str, done: Done) -> None:
    view = party.view()
    steps = journey(facts_of(view, party.rulebook, member))
    value: dict[str, CanonicalValue] = {"member": member, "done": done.what, "journey": [*map(step_value, steps)]}
    lines = [Text(done.what), *journey_lines(member, steps)]
    if done.motion is not None:
        value |= _motion_value(done.motion)
        lines += _motion_lines(done.motion)
    shown.show(value, *lines)


def _motion_value(motion: Motion) -> dict[str, CanonicalValue]:
    ballot = motion.ballot
    return {
        "version": ballot.next.version,
        "outcome": ballot.outcome.value,
        "waiting_for": list(ballot.waiting_for),
        "fingerprint": actions.candidate_digest(motion).hex(),
        "words": words_text(actions.candidate_digest(motion)),
    }


def _motion_lines(motion: Motion) -> list[Text]:
    digest = actions.candidate_digest(motion)
    return [
        Text(f"version {motion.ballot.next.version} in words, for comparing with the other approvers:"),
        Text(words_text(digest)),
    ]
