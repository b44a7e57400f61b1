"""What the membership commands share: the folder, the party in it, and a journey on a screen of 80 columns."""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.journey import Step, StepState, next_step
from participants.cli.output import Output
from participants.membership.folder import MemberFolder
from participants.membership.member import Membership
from participants.membership.standing import own_steps, step_value
from participants.membership.view import BoardView

FOLDER_VARIABLE = "CREDIT_NODE"
FolderOption = Annotated[Path, typer.Option("--node", "--folder", envvar=FOLDER_VARIABLE, help="The party's folder.")]
MemberArgument = Annotated[str, typer.Argument(help="The member's id.")]
_SIGNS = {StepState.DONE: "+", StepState.NOW: ">", StepState.LATER: " ", StepState.FAILED: "!"}
_NOT_NOW = frozenset({Code.UNREACHABLE, Code.DEADLINE, Code.OVERLOADED, Code.DRAINING})


@contextmanager
def party_in(folder: Path) -> Iterator[Membership]:
    """Open the party of a folder."""
    party = Membership(MemberFolder(folder))
    try:
        yield party
    finally:
        party.close()


def synced(party: Membership, shown: Output) -> BoardView:
    """Read the board if the gateway can be reached; say so if it cannot, and show what is known."""
    try:
        view = party.sync()
    except CreditError as error:
        if error.code not in _NOT_NOW:
            raise
        shown.warn(f"the gateway cannot be reached ({error.code}); this is what was known last")
        view = party.view()
    return view


def show_journey(shown: Output, party: Membership, view: BoardView) -> None:
    """Show the own journey."""
    steps = own_steps(party, view)
    lines: list[CanonicalValue] = [step_value(step) for step in steps]
    value: dict[str, CanonicalValue] = {"member": party.folder.member, "journey": lines}
    shown.show(value, *journey_lines(party.folder.member, steps, in_folder(party)))


def in_folder(party: Membership) -> str:
    """Give what makes a command one in this party's folder; nothing where the environment names it."""
    return "" if os.environ.get(FOLDER_VARIABLE) else f" --node {party.folder.folder}"


def journey_lines(member: str, steps: list[Step], own: str = "") -> list[Text]:
    """
    Give a journey as lines: what is done, whose turn it is, since when, and the exact next command.

    `own` ends a command that is this party's own.
    """
    lines = [Text(f"{member}", style="bold")]
    lines += [Text(_line(step), style="" if step.state is not StepState.FAILED else "red") for step in steps]
    following = next_step(steps)
    if following is None:
        return [*lines, Text("everything is done")]
    whose = f"turn: {following.turn}" if following.turn else ""
    command = following.command + (own if following.turn == member else "")
    since = f" since {moment(following.since)}" if following.since else ""
    return [*lines, Text(f"{whose}{since}"), Text(f"next: {command}", style="bold")]


def _line(step: Step) -> str:
    when = moment(step.since) if step.state is StepState.DONE else ""
    return f" {_SIGNS[step.state]} {step.name.ljust(36)} {when.ljust(17)} {step.note}".rstrip()


def moment(when: int | None) -> str:
    """Give a Unix second as the screens show it, UTC; nothing for an unknown one."""
    if not when:
        return ""
    return dt.datetime.fromtimestamp(when, dt.UTC).strftime("%Y-%m-%d %H:%MZ")
