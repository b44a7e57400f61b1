"""`credit-participant book snapshot`: make what portfolios read of the book in force, before anybody needs it."""

import time

from rich.text import Text

from consortium.canonical import CanonicalValue
from participants.bootstrap import open_book
from participants.cli.output import JsonOption, NodeOption, output
from participants.settings import NodeSettings
from participants.storage.snapshots import snapshot_of


def snapshot(node: NodeOption, *, as_json: JsonOption = False) -> None:
    """Make the snapshot of the book in force; the first portfolio of a day makes it otherwise."""
    with output(as_json=as_json) as shown:
        start = time.monotonic()
        with open_book(NodeSettings(node)) as book:
            made, subjects = snapshot_of(book), book.status().book.size
        seconds = round(time.monotonic() - start, 1)
        value: dict[str, CanonicalValue] = {
            "root": made.state.root.hex(),
            "subjects": subjects,
            "milliseconds": round(seconds * 1000),
        }
        shown.show(value, Text(f"the snapshot of {subjects:,} subjects is there ({seconds} s)"))
