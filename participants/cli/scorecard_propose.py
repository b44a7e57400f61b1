"""`credit-participant scorecard propose`: put cards into the rulebook, or take them out, by a vote of its approvers."""

from pathlib import Path
from typing import Annotated

import typer

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.model.rulebook_document import SectionName
from consortium.model.scorecard import Scorecard
from consortium.rules.scorecards import check_room
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, output
from participants.cli.sections import show_proposal
from participants.membership import actions
from participants.scorecards.files import read_card

SECTION: SectionName = "scorecards"


def propose(
    node: FolderOption,
    card: Annotated[list[Path] | None, typer.Argument(help="Card files; a known id and version: replaced.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A card to take out, as id/version.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these cards beside those in force; approvers `approve scorecards`."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        party.sync()
        cards = following(party.rulebook.document.scorecards, [*map(read_card, card or ())], remove or [])
        check_room(cards, party.rulebook)
        content = canonical_json([one.model_dump(mode="json") for one in cards]) if cards else b""
        shown.show({"cards": [one.name for one in cards]})
        show_proposal(shown, SECTION, actions.propose_section(party, SECTION, content))


def following(now: tuple[Scorecard, ...], new: list[Scorecard], removed: list[str]) -> list[Scorecard]:
    """Give the cards of the next version; raises CreditError(SETTINGS_INVALID) where one to take out is not there."""
    unknown = set(removed) - {one.name for one in now}
    if unknown or not (new or removed):
        cause = f"no card {', '.join(sorted(unknown))} in the rulebook" if unknown else "name card files, or --remove"
        raise CreditError(Code.SETTINGS_INVALID, cause)
    replaced = {*removed, *(one.name for one in new)}
    return [*(one for one in now if one.name not in replaced), *new]
