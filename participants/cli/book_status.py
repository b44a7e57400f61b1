"""`credit-participant book status`: the book in force and where its journal stands."""

from consortium.canonical import CanonicalValue
from participants.bootstrap import open_book
from participants.cli.output import JsonOption, NodeOption, output
from participants.lender.ports import BookStatus, day_text
from participants.settings import NodeSettings


def status(node: NodeOption, *, as_json: JsonOption = False) -> None:
    """Show the book in force: its day, the number of subjects, what was committed to, and the journal."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        with open_book(settings) as book:
            found = book.status()
        shown.show_fields(status_value(settings.file.member, found), status_fields(settings.file.member, found))


def status_value(member: str, found: BookStatus) -> dict[str, CanonicalValue]:
    """Give a status as a JSON value; the day is null where no book has been loaded."""
    return {
        "member": member,
        "book": {
            "day": day_text(found.book.day),
            "subjects": found.book.size,
            "root": found.book.root.hex(),
            "salt_digest": found.book.salt_digest.hex(),
        },
        "journal": {"size": found.journal.size, "head": found.journal.head.hex()},
    }


def status_fields(member: str, found: BookStatus) -> dict[str, str]:
    """Give a status for people."""
    return {
        "member": member,
        "day of the book": day_text(found.book.day) or "none loaded yet",
        "subjects": f"{found.book.size:,}",
        "journal entries since": f"{found.journal.size:,}",
        "root": found.book.root.hex(),
        "journal head": found.journal.head.hex(),
    }
