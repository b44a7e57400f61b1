"""`credit-participant generation ...`: another key for everybody, from its announcement to the switch."""

from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.membership.ballots import Decision
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, Output, output
from participants.membership import generations
from participants.membership.actions import cast
from participants.membership.member import Membership
from participants.membership.view import Motion

app = typer.Typer(help="Another OPRF key: announce, status, switch.", no_args_is_help=True)
AnywayOption = Annotated[bool, typer.Option("--anyway", help="Leave the lenders behind that are not ready.")]
AgainOption = Annotated[bool, typer.Option("--again", help="With other secrets, in place of what was announced.")]


@app.command()
def announce(node: FolderOption, again: AgainOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """After `credit-custodian ceremony --begin new`: make the new secrets, seal them to all, and propose the key."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        _vote(shown, party, generations.announce(party, again=again), generations.NEW_KEY)


@app.command()
def status(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show which lenders can answer under the announced key."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        found = generations.readiness(party, party.sync())
        value: dict[str, CanonicalValue] = {
            "generation": found.generation,
            "ready": [*found.ready],
            "missing": [*found.missing],
        }
        lines = [Text(f"generation {found.generation}", style="bold")]
        lines += [Text(f" + {one}") for one in found.ready] + [Text(f" > {one}") for one in found.missing]
        shown.show(value, *lines)


@app.command()
def switch(node: FolderOption, anyway: AnywayOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """Propose to put the announced key into force, once everybody is ready."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        _vote(shown, party, generations.switch(party, anyway=anyway), generations.SWITCH)


def _vote(shown: Output, party: Membership, motion: Motion, about: str) -> None:
    if party.folder.member in motion.ballot.waiting_for:
        cast(party, motion, Decision.APPROVE, "another key")
    shown.show(
        {"proposed": motion.ballot.next.version}, Text(f"next, by another approver: credit-participant approve {about}")
    )
