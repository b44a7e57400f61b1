"""`credit-participant found ...`: what founding lenders do before there is a rulebook, and right after."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.membership.words import words_text
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, output
from participants.membership.charter import read_charter
from participants.membership.founding import propose_first, seal_to_founders, sign_first
from participants.membership.offers import Offer

app = typer.Typer(help="Found a consortium: version 1 by lenders of two groups.", no_args_is_help=True)
CharterOption = Annotated[Path, typer.Option("--charter", help="The terms agreed on: charter.toml.")]
WordsOption = Annotated[str, typer.Option("--fingerprint", help="The words of version 1, heard from who built it.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Another first version in place of the one before.")]


@app.command()
def propose(
    node: FolderOption,
    charter: CharterOption,
    again: AgainOption = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Make the lenders' secrets, build version 1 from applications, ceremony and charter, and sign it."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        offer = propose_first(party, read_charter(charter), again=again)
        shown.show(_value(offer), *_lines(offer, "read these words to the other founders; next, by one of them:"))
        if not as_json:
            shown.warn(
                f'credit-participant found sign --fingerprint "{" ".join(words_text(offer.fingerprint).split())}"'
            )


@app.command()
def sign(node: FolderOption, fingerprint: WordsOption, *, as_json: JsonOption = False) -> None:
    """Build version 1 again from our own copy of the board, compare it, and sign it."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        offer = sign_first(party, fingerprint)
        shown.show(_value(offer), *_lines(offer, "signed; every party goes on with: trust --fingerprint WORDS"))


@app.command()
def seal(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Seal the lenders' secrets to every other founding lender; for the founder that proposed version 1."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        party.sync()
        lenders = seal_to_founders(party)
        value: list[CanonicalValue] = [*lenders]
        shown.show({"sealed_to": value}, Text(f"sealed to {', '.join(lenders)}"))


def _value(offer: Offer) -> dict[str, CanonicalValue]:
    members: list[CanonicalValue] = [
        {"member": one.id, "legal_name": one.legal_name, "group": one.group, "role": one.role.value}
        for one in offer.document.members
    ]
    digest = offer.fingerprint
    value: dict[str, CanonicalValue] = {"fingerprint": digest.hex(), "words": words_text(digest), "members": members}
    return value | {"approvers": [*offer.document.approvers.members], "threshold": offer.document.approvers.threshold}


def _lines(offer: Offer, following: str) -> list[Text]:
    document = offer.document
    lines = [Text(f"{document.consortium}, version 1", style="bold")]
    lines += [
        Text(f"  {one.role.value.ljust(10)} {one.id.ljust(24)} {one.legal_name} ({one.group})")
        for one in document.members
    ]
    approvers = document.approvers
    lines.append(Text(f"  approvers  {approvers.threshold} groups of {', '.join(approvers.members)}"))
    return [*lines, Text(following), Text(words_text(offer.fingerprint))]
