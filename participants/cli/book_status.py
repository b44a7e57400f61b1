"""`credit-participant book status`: the book in force and where its journal stands."""

import datetime as dt

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from participants.bootstrap import open_book
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.ports import BookStatus
from participants.settings import NodeSettings


def status(node: NodeOption, *, as_json: JsonOption = False) -> None:
    """Show the book in force: its day, the number of subjects, what was committed to, and the journal."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        with open_book(settings) as book:
            found = book.status()
        shown.show(status_value(settings.file.member, found), status_view(settings.file.member, found))


def status_value(member: str, found: BookStatus) -> dict[str, CanonicalValue]:
    """Give a status as a JSON value."""
    return {
        "member": member,
        "book": {
            "day": _date(found.book.day),
            "subjects": found.book.size,
            "root": found.book.root.hex(),
            "salt_digest": found.book.salt_digest.hex(),
        },
        "journal": {"size": found.journal.size, "head": found.journal.head.hex()},
    }


def status_view(member: str, found: BookStatus) -> RenderableType:
    """Render a status."""
    table = Table.grid(padding=(0, 2))
    rows = {
        "member": member,
        "day of the book": _date(found.book.day) if found.book.day else "none loaded yet",
        "subjects": f"{found.book.size:,}",
        "root": found.book.root.hex(),
        "journal entries since": f"{found.journal.size:,}",
        "journal head": found.journal.head.hex(),
    }
    for name, text in rows.items():
        table.add_row(Text(name, style="bold"), Text(text, overflow="fold"))
    return table


def _date(day: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
