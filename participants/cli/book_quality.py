"""`credit-participant book quality`: how good the data of the book in force are, and saying so to the others."""

import time
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.supervision.documents import FilingKind, QualityStatement
from consortium.transparency.books import BookRoot
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from participants.bootstrap import open_book
from participants.cli.filing_desk import filing_desk
from participants.cli.output import JsonOption, LateProgress, NodeOption, output
from participants.lender.ports import day_text
from participants.quality import Judged, judged, percent, shares_value
from participants.settings import NodeSettings

StateOption = Annotated[bool, typer.Option("--state", help="Sign it and put it into the log, for all lenders.")]


def quality(node: NodeOption, state: StateOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """Judge the files of the book in force: shares of what is complete and current, in thousandths."""
    with output(as_json=as_json) as shown:
        with (
            open_book(NodeSettings(node)) as book,
            LateProgress([], hidden=as_json) as progress,
            book.committed() as (root, files),
        ):
            found = judged(files, root.day, progress)
        value: dict[str, CanonicalValue] = {
            "day": day_text(root.day),
            "people": found.people,
            "thousandths": shares_value(found.shares),
        }
        shown.show(value, _table(found, root))
        if state:
            entry = _stated(node, root, found)
            shown.show({"entry": entry}, Text(f"stated in entry {entry} of the log; every lender can read it"))


def _stated(node: NodeOption, root: BookRoot, found: Judged) -> int:
    with filing_desk(node) as desk:
        statement = QualityStatement(
            consortium=desk.consortium,
            member=desk.member,
            day=root.day,
            root=root.root,
            stated_at=int(time.time()),
            **found.shares,
        )
        return desk.file(FilingKind.QUALITY, statement)


def _table(found: Judged, root: BookRoot) -> Table:
    title = f"Data of {found.people:,} people, book of {day_text(root.day) or 'no day'}"
    table = Table(title=title, title_justify="left")
    table.add_column("share")
    table.add_column("", justify="right")
    table.add_column("of")
    for name, meaning in QUALITY_SHARES.items():
        table.add_row(name, percent(found.shares[name]), meaning)
    return table
