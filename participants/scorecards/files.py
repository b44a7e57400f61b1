"""Scorecards in files of their own: JSON of the form that the rulebook has, laid out for people."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from consortium.errors import Code, CreditError
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_checks import CardTerms, Finding, Problem, check_cards
from participants.input_files import read_input

MAX_CARD_BYTES = 2**20


def write_card(path: Path, card: Scorecard) -> None:
    """Write a card; an existing file of the name is replaced."""
    path.write_text(json.dumps(card.model_dump(mode="json"), indent=1) + "\n", encoding="ascii")


def read_card(path: Path) -> Scorecard:
    """Read a card; raises CreditError(SCORECARD_INVALID) with its first problem, or (SOURCE_UNREADABLE)."""
    found = parse_card(_bytes_of(path))
    if isinstance(found, Scorecard):
        return found
    raise CreditError(Code.SCORECARD_INVALID, f"{path.name}, {found[0]}")


def check_files(paths: Sequence[Path], terms: CardTerms, others: Sequence[Scorecard] = ()) -> tuple[Finding, ...]:
    """
    Find every problem of some cards, each by itself, and together with `others` that are in force.

    Raises CreditError(SOURCE_UNREADABLE).
    """
    findings: list[Finding] = []
    cards: list[Scorecard] = []
    for path in paths:
        found = parse_card(_bytes_of(path))
        if isinstance(found, Scorecard):
            cards.append(found)
        else:
            findings += [Finding(one.problem, f"{path.name}.{one.place}".rstrip("."), one.message) for one in found]
    names = {card.name for card in cards}
    kept = [card for card in others if card.name not in names]
    return (*findings, *check_cards([*kept, *cards], terms))


def parse_card(data: bytes) -> Scorecard | tuple[Finding, ...]:
    """Read a card from JSON, or give everything that is wrong with its form."""
    try:
        return Scorecard.model_validate_json(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        return tuple(
            Finding(Problem.MALFORMED, ".".join(map(str, one["loc"])), f"{one['msg']}: see docs/scorecards.md")
            for one in problems
        )


def _bytes_of(path: Path) -> bytes:
    data = read_input(path, MAX_CARD_BYTES, path.name)
    if len(data) > MAX_CARD_BYTES:
        raise CreditError(Code.SCORECARD_INVALID, f"{path.name} is longer than one mebibyte")
    return data
