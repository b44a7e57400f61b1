"""`credit-participant status`: where this party stands, whose turn it is, and how its serving node is."""

from pathlib import Path

from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.cli.membership_options import FolderOption, in_folder, party_in, show_journey, synced
from participants.cli.output import JsonOption, Output, field_lines, output
from participants.cli.query import status_fields
from participants.membership.folder import FILE_NAME
from participants.membership.member import Membership
from participants.membership.standing import facts_of
from participants.membership.view import BoardView
from participants.rpc.local_client import LocalClient
from participants.settings import FILE_NAME as NODE_FILE
from participants.settings import NodeSettings

MAXIMUM_PENDING = 5


def status(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show what is done, what is missing, whose turn it is, and how the serving node is."""
    with output(as_json=as_json) as shown:
        member = (node / FILE_NAME).exists()
        if member:
            with party_in(node) as party:
                view = synced(party, shown)
                show_journey(shown, party, view)
                _show_pending(shown, party, view)
                _show_outbox(shown, party)
        if (node / NODE_FILE).exists():
            _show_node(shown, node, alone=not member)


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
    mine = [a for _, a in view.applications.values() if a.sponsor == me and a.member not in rulebook.members]
    waiting: list[CanonicalValue] = [f"credit-participant approve {one.about}" for one in motions if one.about]
    known = {one.about for one in motions}
    for application in mine:
        rejected = facts_of(view, rulebook, application.member).rejected
        if application.member not in known and rejected is None:
            waiting.append(f"credit-participant sponsor {application.member}")
    lines = [Text(f"waits for you: {one}{in_folder(party)}", style="bold") for one in waiting[:MAXIMUM_PENDING]]
    shown.show({"waiting": waiting}, *lines)


def _show_outbox(shown: Output, party: Membership) -> None:
    """Show the own documents that are not delivered, with the reason."""
    held = [one for one in party.board.outbox() if one.sequence is None]
    value: list[CanonicalValue] = [
        {"kind": one.kind.name.lower(), "made_at": one.made_at, "problem": one.problem} for one in held
    ]
    lines = [Text(f"not delivered: {one.kind.name.lower()} {one.problem}", style="red") for one in held]
    shown.show({"undelivered": value, "delivered": len(party.board.outbox()) - len(held)}, *lines)
