"""What the commands for a section of the rulebook share: show it, and put another one to the vote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from rich.text import Text

from consortium.canonical import CanonicalValue, canonical_json
from consortium.errors import Code, CreditError
from consortium.model.rulebook import first_problem
from consortium.model.rulebook_document import SectionName
from participants.cli.membership_options import party_in
from participants.cli.output import Output, output
from participants.input_files import read_input
from participants.membership import actions

MAXIMUM_BYTES = 1 << 20
ModelT = TypeVar("ModelT", bound=BaseModel)


def show_section(node: Path, section: SectionName, default: Callable[[], BaseModel], *, as_json: bool) -> None:
    """Show the section that is in force, or one to begin with where there is none."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        found: BaseModel | None = getattr(party.rulebook.document, section)
        value = cast("dict[str, CanonicalValue]", (found or default()).model_dump(mode="json"))
        head = "in force" if found else f"none in force; to begin with, save this in a file and `{section} propose` it"
        shown.show({"in_force": found is not None, section: value}, Text(head), Text(json.dumps(value, indent=2)))


def propose_section(
    node: Path, section: SectionName, kind: type[BaseModel], file: Path | None, *, remove: bool, as_json: bool
) -> None:
    """Propose a next version of the rulebook with the section that a file has, or without one."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        if remove is (file is not None):
            raise CreditError(Code.SETTINGS_INVALID, "name a file, or --remove")
        content = canonical_json(read_section_file(kind, file).model_dump(mode="json")) if file else b""
        show_proposal(shown, section, actions.propose_section(party, section, content))


def show_proposal(shown: Output, section: str, done: actions.Done) -> None:
    """Show what became of a proposal, and who is next; it is approved by the name of the section, or of the change."""
    version = done.motion.ballot.next.version if done.motion is not None else None
    value: dict[str, CanonicalValue] = {"done": done.what, "version": version}
    shown.show(value, Text(done.what), Text(f"next: credit-participant approve {section} (by the approvers)"))


def read_section_file(kind: type[ModelT], file: Path) -> ModelT:
    """Read a section from a file; raises CreditError(SOURCE_UNREADABLE), or (SETTINGS_INVALID) naming the field."""
    data = read_input(file, MAXIMUM_BYTES, f"the file {file.name}")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise CreditError(Code.SETTINGS_INVALID, first_problem(error)) from None
