"""`credit-participant book retokenise`: make the book of the next generation beside the one in use."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.model.rulebook import Oprf, Rulebook, RulebookDocument
from participants.bootstrap import open_books, open_tokeniser, written
from participants.cli.book_check import show_reports
from participants.cli.book_load import warn_of_holder
from participants.cli.membership_options import party_in
from participants.cli.output import JsonOption, NodeOption, Output, output
from participants.cli.source_options import DEFAULT_PERCENTAGE, AsideOption, RefusedOption, SourceOption, prepare
from participants.failpoints import failpoint
from participants.generations import Books
from participants.lender.loading import BookLoad, link_people
from participants.lender.tokens import Tokenises
from participants.membership.folder import FILE_NAME
from participants.membership.generations import say_ready
from participants.settings import NodeSettings
from participants.storage.succession import Linked, Succession

PeopleOption = Annotated[
    list[Path] | None,
    typer.Option("--mapping", help="A mapping of a source that names the people of the book; once for each source."),
]
LeaveOption = Annotated[
    bool, typer.Option("--leave-out", help="Go on without the people of the book that no source names.")
]


def retokenise(
    node: NodeOption,
    mapping: PeopleOption = None,
    source: SourceOption = None,
    max_refused: RefusedOption = DEFAULT_PERCENTAGE,
    set_aside: AsideOption = None,
    leave_out: LeaveOption = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """
    Give everybody in the book a tag of the next generation, and make its book beside the one in use.

    Files and journal stay what they are, live events included. Safe to stop and to repeat at any time.
    """
    with output(as_json=as_json) as shown:
        settings, loads = NodeSettings(node), prepare(mapping or [], source, max_refused, set_aside, node=node)
        with open_books(settings) as (books, rulebook):
            succession = books.succession(rulebook)
            if succession is None:
                raise CreditError(
                    Code.PROPOSAL_INVALID, "no generation is announced, and the book is of the present one"
                )
            try:
                people = _link(shown, settings, rulebook, loads, succession)
            finally:
                show_reports(shown, loads)
            if leave_out:
                succession.leave_out()
            found, ready = succession.linked(), _make(books, rulebook)
        _say(node, ready=ready and rulebook.document.upcoming is not None)
        _show(shown, people, found, ready=ready)


def _link(
    shown: Output, settings: NodeSettings, rulebook: Rulebook, loads: list[BookLoad], succession: Succession
) -> int:
    people = 0
    with ExitStack() as stack:
        if not loads:
            return 0
        beside = partial(_beside, behind=rulebook.document.upcoming is None)
        tokens: Tokenises = stack.enter_context(open_tokeniser(settings, warn_of_holder(shown), beside=beside))
        for load in loads:
            with load.reading() as batches:
                people += link_people(batches, tokens, succession.link_known)[0]
                failpoint("retokenise.linked")
    return people


def _beside(document: RulebookDocument, now: int, *, behind: bool) -> tuple[Oprf, ...]:
    """Give the generation that the book is of where it fell behind, or the one announced."""
    return document.retired[-1:] if behind else tuple(written(document, now))


def _make(books: Books, rulebook: Rulebook) -> bool:
    return books.prepare(rulebook) if rulebook.document.upcoming is not None else books.change_over(rulebook)


def _say(node: Path, *, ready: bool) -> None:
    """Say on the board that this lender is ready, where the folder is a member's."""
    if ready and (node / FILE_NAME).exists():
        with party_in(node) as party:
            party.sync()
            say_ready(party)


def _show(shown: Output, people: int, found: Linked, *, ready: bool) -> None:
    value: dict[str, CanonicalValue] = {
        "identifiers": people,
        "subjects": found.subjects,
        "unlinked": found.unlinked,
        "left_out": found.left_out,
        "ready": ready,
    }
    lines = [
        f"{people:,} identifiers evaluated for both generations",
        f"{found.subjects:,} people in the book, {found.unlinked:,} named by no source, {found.left_out:,} left out",
        "the next book is ready" if ready else "not ready: name the others by a further --mapping, or --leave-out",
    ]
    shown.show(value, *map(Text, lines))
