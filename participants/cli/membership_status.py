"""`credit-participant status`: where this party stands, whose turn it is, and how its serving node is."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.journey import journey, next_step
from consortium.membership.proposals import Activate
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Rulebook
from participants.cli.membership_options import (
    FolderOption,
    in_folder,
    journey_lines,
    party_in,
    show_journey,
    synced,
)
from participants.cli.output import JsonOption, Output, field_lines, output
from participants.cli.query import status_fields
from participants.membership.folder import FILE_NAME
from participants.membership.member import Membership
from participants.membership.standing import facts_of, step_value
from participants.membership.view import BoardView
from participants.rpc.local_client import LocalClient
from participants.settings import FILE_NAME as NODE_FILE
from participants.settings import NodeSettings

MAXIMUM_PENDING = 5


OtherArgument = Annotated[str, typer.Argument(help="Another member: show where it stands, by the board.")]


def status(node: FolderOption, other: OtherArgument = "", *, as_json: JsonOption = False) -> None:
    """Show what is done, what is missing, whose turn it is, and how the serving node is."""
    with output(as_json=as_json) as shown:
        if other:
            _show_other(shown, node, other)
            return
        member = (node / FILE_NAME).exists()
        if not member and not (node / NODE_FILE).exists():
            text = f"{node} is no node's folder: credit-participant init makes one"
            raise CreditError(Code.SETTINGS_INVALID, text)
        if member:
            with party_in(node) as party:
                view = synced(party, shown)
                show_journey(shown, party, view)
                _show_pending(shown, party, view)
                _show_outbox(shown, party)
        if (node / NODE_FILE).exists():
            _show_node(shown, node, alone=not member)


def _show_other(shown: Output, node: Path, other: str) -> None:
    """Show another party's journey: the same that it sees itself, but for what happens in its folder only."""
    with party_in(node) as party:
        steps = journey(facts_of(synced(party, shown), party.rulebook, other))
        value: list[CanonicalValue] = [step_value(step) for step in steps]
        shown.show({"member": other, "journey": value}, *journey_lines(other, steps))


def _show_node(shown: Output, node: Path, *, alone: bool) -> None:
    """Show the serving node; a party on its way needs none yet."""
    try:
        with LocalClient(NodeSettings(node)) as client:
            value = client.status()
    except CreditError as error:
        if alone or error.code not in (Code.UNREACHABLE, Code.SETTINGS_INVALID, Code.DEADLINE):
            raise
        shown.show({"serving": False}, Text("the node is not serving"))
        return
    shown.show({"serving": True, **value}, Text(), *field_lines(dict(status_fields(value))))


def _show_pending(shown: Output, party: Membership, view: BoardView) -> None:
    """Show what waits for this party's vote or for it as a sponsor."""
    if party.rulebooks is None:
        return
    me, rulebook = party.folder.member, party.rulebook
    motions = [one for one in view.motions.values() if one.is_open(rulebook) and me in one.ballot.waiting_for]
    waiting: list[CanonicalValue] = []
    for motion in motions:
        if isinstance(motion.proposal.change, Activate):
            waiting.append(f"credit-participant conformance {motion.about} --show")
        waiting.append(f"credit-participant approve {motion.about}")
    known = {one.about for one in motions}
    waiting += [command for member, command in _sponsored(view, me, rulebook) if member not in known]
    lines = [Text(f"waits for you: {one}{in_folder(party)}", style="bold") for one in waiting[:MAXIMUM_PENDING]]
    shown.show({"waiting": waiting}, *lines)


def _sponsored(view: BoardView, me: MemberId, rulebook: Rulebook) -> list[tuple[MemberId, CanonicalValue]]:
    """Give what is due from a sponsor: the next step of each newcomer that named it."""
    due: dict[MemberId, CanonicalValue] = {}
    for _, application in view.applications.values():
        pinned = rulebook.members.get(application.member)
        if application.sponsor != me or (pinned is not None and pinned.status is not MemberStatus.ADMITTED):
            continue
        facts = facts_of(view, rulebook, application.member)
        facts = replace(facts, certificate_issued=facts.certificate_issued or facts.admitted)  # nothing waits for it
        step = next_step(journey(facts))
        if step is not None and step.turn == me and step.command.startswith("credit-participant sponsor "):
            due[application.member] = step.command
    return list(due.items())


def _show_outbox(shown: Output, party: Membership) -> None:
    """Show the own documents that are not delivered, with the reason."""
    held = [one for one in party.board.outbox() if one.sequence is None]
    value: list[CanonicalValue] = [
        {"kind": one.kind.name.lower(), "made_at": one.made_at, "problem": one.problem} for one in held
    ]
    lines = [Text(f"not delivered: {one.kind.name.lower()} {one.problem}", style="red") for one in held]
    shown.show({"undelivered": value, "delivered": len(party.board.outbox()) - len(held)}, *lines)
