"""`credit-participant scorecard check | show`: what is wrong with cards, and what one of them says."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.genesis import DEFAULT_FAMILIES, default_policy
from consortium.model.attributes import DEFAULT_ATTRIBUTES
from consortium.model.catalogue import Family
from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import Characteristic, Scorecard
from consortium.model.scorecard_checks import CardTerms, Finding
from consortium.rules.scorecards import room_of
from consortium.scoring.asking import card_attributes
from participants.cli.membership_options import party_in
from participants.cli.output import JsonOption, output
from participants.scorecards.files import check_files, read_card
from participants.scorecards.values import values_of

CardsArgument = Annotated[list[Path], typer.Argument(help="Card files (JSON).", show_default=False)]
NodeOption = Annotated[
    Path | None, typer.Option("--node", envvar="CREDIT_NODE", help="A member's folder: its rulebook's terms count.")
]
FamiliesOption = Annotated[
    list[Family] | None, typer.Option("--family", help="Another family that the profile is to permit; several.")
]


def check(
    cards: CardsArgument, node: NodeOption = None, family: FamiliesOption = None, *, as_json: JsonOption = False
) -> None:
    """Say every problem of cards: against a rulebook with --node, else against the terms that consortia start with."""
    with output(as_json=as_json) as shown:
        rulebook = rulebook_of(node)
        terms, others = _terms(rulebook, family), rulebook.document.scorecards if rulebook else ()
        findings = check_files(cards, terms, others)
        shown.show({"problems": [*map(_finding_value, findings)]}, *(Text(str(one)) for one in findings))
        if findings:
            raise CreditError(Code.SCORECARD_INVALID, f"{len(findings)} found")
        roster = rulebook.policy.roster_maximum if rulebook else default_policy().roster_maximum
        lines = [(card.name, room_of((card,), terms.catalogue, roster)) for card in map(read_card, cards)]
        value: dict[str, CanonicalValue] = {"cards": [{"card": name, "bits": bits} for name, bits in lines]}
        shown.show(value, *(Text(f"{name}: in order; {bits} bits of an answer's 3071") for name, bits in lines))


def show(
    card: Annotated[Path | None, typer.Argument(help="A card file; without one the cards of the rulebook.")] = None,
    node: NodeOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a card, or those of the rulebook in force: dimensions, bins, points, and what a query asks for."""
    with output(as_json=as_json) as shown:
        rulebook = rulebook_of(node) if card is None else None
        if card is None and rulebook is None:
            raise CreditError(Code.SETTINGS_INVALID, "name a card file, or a member's folder by --node")
        found = (read_card(card),) if card is not None else rulebook.document.scorecards if rulebook else ()
        value: dict[str, CanonicalValue] = {"cards": [{**_card_value(one)} for one in found]}
        tables = [table for one in found for table in _card_tables(one)]
        shown.show(value, *(tables or [Text("the rulebook has no scorecards")]))


def rulebook_of(node: Path | None) -> Rulebook | None:
    """Give the rulebook that a member's folder trusts."""
    if node is None:
        return None
    with party_in(node) as party:
        return party.rulebook


def _terms(rulebook: Rulebook | None, families: list[Family] | None) -> CardTerms:
    if rulebook is None:
        return CardTerms(DEFAULT_ATTRIBUTES, frozenset((*DEFAULT_FAMILIES, *(families or ()))))
    catalogue = {one.id: one for one in rulebook.document.attributes}
    return CardTerms(catalogue, frozenset((*rulebook.policy.families, *(families or ()))))


def _finding_value(one: Finding) -> dict[str, CanonicalValue]:
    return {"problem": one.problem.value, "place": one.place, "message": one.message}


def _card_value(card: Scorecard) -> dict[str, CanonicalValue]:
    document: dict[str, CanonicalValue] = card.model_dump(mode="json")
    return document | {"asks_for": list(card_attributes(card))}


def _card_tables(card: Scorecard) -> list[Table | Text]:
    until = "" if card.effective_until is None else f" until {card.effective_until}"
    scale = card.scale
    shown: list[Table | Text] = [
        Text(f"{card.name} ({card.role}): {card.title}", style="bold"),
        Text(f"in effect from {card.effective_from}{until} (Unix seconds)"),
        Text(f"base {card.base}; at {scale.score} points {scale.odds} good to one bad, doubled by {scale.pdo} more"),
    ]
    for dimension in card.dimensions:
        table = Table(
            title=f"{dimension.id}: {dimension.minimum} of {len(dimension.characteristics)} needed",
            title_justify="left",
        )
        for name in ("characteristic", "values", "reason"):
            table.add_column(name)
        table.add_column("points", justify="right")
        for one in dimension.characteristics:
            for number, line in enumerate(_lines(one)):
                table.add_row(one.id if number == 0 else "", *line)
        shown.append(table)
    return [*shown, Text(f"asks for {len(card_attributes(card))} numbers")]


def _lines(one: Characteristic) -> list[tuple[str, str, str]]:
    lines = [(values_of(each), one.reason, str(each.points)) for each in one.bins]
    codes = f"missing ({', '.join(map(str, one.missing.codes))})" if one.missing.codes else "missing"
    return [*lines, (codes, one.reason, str(one.missing.points))]
