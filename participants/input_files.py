"""Files that somebody names on a command line, read up to a bound."""

import sys
from pathlib import Path

from consortium.errors import Code, CreditError


def read_input(file: Path | None, most: int, what: str) -> bytes:
    """
    Read a file, or standard input where none is named: all of it, or `most` + 1 bytes where it is longer.

    Raises CreditError(SOURCE_UNREADABLE) with `what` it should have been.
    """
    try:
        if file is None:
            return sys.stdin.buffer.read(most + 1)
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError:
        raise CreditError(Code.SOURCE_UNREADABLE, what) from None
