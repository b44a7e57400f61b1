"""`credit-regulator init`: a regulator's folder with its keys, its audit key and its witness key among them."""

from typing import Annotated

import typer

from consortium.model.rulebook import Role
from participants.cli.membership_join import FingerprintOption, InvitationOption, Wish, show_init
from participants.cli.membership_options import FolderOption
from participants.cli.output import JsonOption


def init(
    folder: FolderOption,
    member: Annotated[str, typer.Option("--member", help="The id that you want: a-z, 0-9, hyphens.")],
    invitation: InvitationOption,
    fingerprint: FingerprintOption = "",
    only_witness: Annotated[bool, typer.Option("--only-witness", help="A witness, and no regulator.")] = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Make the folder and its keys; nothing leaves this machine."""
    role = Role.WITNESS if only_witness else Role.REGULATOR
    show_init(Wish(role, member, witness=True), folder, invitation, fingerprint, as_json=as_json)
