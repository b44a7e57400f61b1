"""`credit-participant travel show | propose`: the rulebook's terms of travel checks."""

import json
from pathlib import Path
from typing import Annotated, cast

import typer
from pydantic import ValidationError
from rich.text import Text

from consortium.canonical import CanonicalValue, canonical_json
from consortium.errors import Code, CreditError
from consortium.model.rulebook import first_problem
from consortium.model.rulebook_document import SectionName
from consortium.travel.policy import DEFAULT_TRAVEL, TravelPolicy
from participants.cli.membership_options import FolderOption, party_in
from participants.cli.output import JsonOption, output
from participants.membership import actions

SECTION: SectionName = "travel"
MAXIMUM_BYTES = 1 << 20


def show(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show the terms of travel checks that are in force, or those to begin with where there are none."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        policy = party.rulebook.document.travel
        value = cast("dict[str, CanonicalValue]", (policy or DEFAULT_TRAVEL).model_dump(mode="json"))
        text = json.dumps(value, indent=2)
        head = "in force" if policy else "none in force; to begin with, save this in a file and `travel propose` it"
        shown.show({"in_force": policy is not None, "travel": value}, Text(head), Text(text))


def propose(
    node: FolderOption,
    file: Annotated[Path | None, typer.Argument(help="A JSON file with the terms, as `travel show` prints.")] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Have no travel checks any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose a next version of the rulebook with these terms of travel checks; approvers `approve travel`."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        if remove is (file is not None):
            raise CreditError(Code.SETTINGS_INVALID, "name a file, or --remove")
        content = canonical_json(read_policy(file).model_dump(mode="json")) if file else b""
        done = actions.propose_section(party, SECTION, content)
        version = done.motion.ballot.next.version if done.motion is not None else None
        value: dict[str, CanonicalValue] = {"done": done.what, "version": version}
        shown.show(value, Text(done.what), Text(f"next: credit-participant approve {SECTION} (by the approvers)"))


def read_policy(file: Path) -> TravelPolicy:
    """Read terms from a file; raises CreditError(SOURCE_UNREADABLE), or (SETTINGS_INVALID) naming the field."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAXIMUM_BYTES)
    except OSError:
        raise CreditError(Code.SOURCE_UNREADABLE, "the file with the terms") from None
    try:
        return TravelPolicy.model_validate_json(data)
    except ValidationError as error:
        raise CreditError(Code.SETTINGS_INVALID, first_problem(error)) from None
