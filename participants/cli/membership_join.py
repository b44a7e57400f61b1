"""`init`, `apply`, `certificate`, `invitation`: how a party comes in, each step safe to repeat."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.errors import Code, CreditError
from consortium.membership.words import words_text
from consortium.model.rulebook import Role
from participants.cli.membership_options import FolderOption, party_in, show_journey, synced
from participants.cli.output import JsonOption, output
from participants.failpoints import failpoint
from participants.membership.actions import apply as apply_for
from participants.membership.folder import CA, Invitation, invitation_toml, make_folder
from participants.membership.member import Membership
from participants.membership.terms import read_terms
from participants.settings import Folder
from participants.whole_files import write_public

FINGERPRINT = Path("fingerprint.txt")
_WAIT = frozenset({Code.MEMBER_NOT_ACTIVE, Code.SIGNATURE_INVALID, Code.UNREACHABLE, Code.DEADLINE})
"""Why the rulebook cannot be fetched yet: the gateway does not know us before the application."""

InvitationOption = Annotated[Path, typer.Option("--invitation", help="The file that the sponsor gave you.")]
FingerprintOption = Annotated[
    str, typer.Option("--fingerprint", help="The rulebook's words (or hex digits), heard from the sponsor.")
]
LocalOption = Annotated[str, typer.Option("--listen", help="Where the local service (or the custodian) listens.")]
TermsOption = Annotated[Path | None, typer.Option("--from", help="A TOML file with what is asked below.")]
AgainOption = Annotated[bool, typer.Option("--again", help="A new application after a rejection.")]
ResendOption = Annotated[bool, typer.Option("--resend", help="Send the same application again.")]
TierOption = Annotated[list[str] | None, typer.Option("--tier", help="defaults-only, full; may be repeated.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What `init` is told of a party besides who invites it: role, id, where it listens, and whether it witnesses."""

    role: Role
    member: str
    local: str = ""
    witness: bool = False


def init_as(wish: Wish, folder: Path, invitation: Path, fingerprint: str) -> Membership:
    """Make folder and keys, and trust the rulebook if the gateway gives it already."""
    invited = Folder(invitation.parent).table(invitation.name, Invitation)
    made = make_folder(folder, wish.member, wish.role, invited, wish.local, witness=wish.witness)
    if fingerprint:
        write_public(folder / FINGERPRINT, fingerprint.encode())
    failpoint("init.keys-made")
    party = Membership(made)
    if party.board.mark("keys-made") is None:
        party.board.set_mark("keys-made", party.now)
    trust_if_possible(party)
    return party


def trust_if_possible(party: Membership) -> None:
    """Trust the rulebook by the fingerprint that was given; where the gateway does not give it yet, later."""
    path = party.folder.path(FINGERPRINT)
    if party.rulebooks is not None or not path.exists():
        return
    try:
        party.trust(path.read_text("utf-8"))
    except CreditError as error:
        if error.code not in _WAIT:
            raise


def show_init(wish: Wish, folder: Path, invitation: Path, fingerprint: str, *, as_json: bool) -> None:
    """Run `init` of any role, and show the journey that begins with it."""
    with output(as_json=as_json) as shown, closing(init_as(wish, folder, invitation, fingerprint)) as party:
        show_journey(shown, party, party.view())


def init(
    node: FolderOption,
    member: Annotated[str, typer.Option("--member", help="The id that you want: a-z, 0-9, hyphens.")],
    invitation: InvitationOption,
    fingerprint: FingerprintOption = "",
    listen: LocalOption = "127.0.0.1:7501",
    witness: Annotated[bool, typer.Option("--witness", help="Witness the gateway's log, too.")] = False,  # noqa: FBT002
    observer: Annotated[bool, typer.Option("--observer", help="Observe: ask for statistics alone.")] = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Make the folder and its keys; nothing leaves this machine."""
    role = Role.OBSERVER if observer else Role.LENDER
    show_init(Wish(role, member, listen, witness), node, invitation, fingerprint, as_json=as_json)


def trust(
    node: FolderOption,
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="The rulebook's words, heard out of band.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Trust the rulebook with this fingerprint, and every version that follows from it."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        party.trust(fingerprint)
        show_journey(shown, party, party.view())


def apply(
    node: FolderOption,
    terms: TermsOption = None,
    legal_name: Annotated[str, typer.Option(help="As registered.")] = "",
    licence: Annotated[str, typer.Option(help="The licence's number.")] = "",
    lei: Annotated[str, typer.Option(help="Legal entity identifier, 20 characters.")] = "",
    group: Annotated[str, typer.Option(help="Id of the controlling group.")] = "",
    contact: Annotated[str, typer.Option(help="Telephone or e-mail that answers at any hour.")] = "",
    sponsor: Annotated[str, typer.Option(help="The active lender that sponsors you.")] = "",
    book_size: Annotated[int | None, typer.Option(help="Persons in the book.")] = None,
    tier: TierOption = None,
    again: AgainOption = False,  # noqa: FBT002
    resend: ResendOption = False,  # noqa: ARG001, FBT002  what is there is sent again in any case
    *,
    as_json: JsonOption = False,
) -> None:
    """Sign the application, hand it in, and fetch the rulebook."""
    given: dict[str, object] = {
        "legal_name": legal_name,
        "licence": licence,
        "lei": lei,
        "group": group,
        "contact": contact,
    }
    given |= {"sponsor": sponsor, "book_size": book_size, "tiers": tuple(tier or ())}
    with output(as_json=as_json) as shown, party_in(node) as party:
        known = party.board.own("application")
        terms_given = terms is not None or any(value not in ("", None, ()) for value in given.values())
        if known is None or again or terms_given:
            file = party.folder.file
            sponsored = sponsor or file.sponsor or (file.member if file.founding else "")  # founders sponsor themselves
            options: dict[str, object] = {**given, "sponsor": sponsored}
            apply_for(party, read_terms(terms, options), again=again)
        trust_if_possible(party)
        show_journey(shown, party, synced(party, shown))


def certificate(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Get a certificate for the TLS key; the serving node renews it by itself."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        party.follow()
        party.certify()
        show_journey(shown, party, party.sync())


def invitation(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Print what a newcomer needs: addresses and CA. Tell it the fingerprint's words by another way."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        folder, file = party.folder, party.folder.file
        invited = Invitation(
            consortium=file.consortium,
            join=file.join,
            gateways=file.gateways,
            holders=file.holders,
            sponsor=folder.member,
            ca=folder.read(CA).decode("ascii"),
        )
        digest = party.rulebook.digest
        value = {"invitation": invitation_toml(invited), "fingerprint": digest.hex(), "words": words_text(digest)}
        shown.show({**value}, Text(value["invitation"]))
        if not as_json:
            shown.warn(f"the fingerprint, to be told by another way:\n{value['words']}")
