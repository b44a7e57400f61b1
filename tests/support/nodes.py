"""Node folders for tests: the foundation is made once, a folder in milliseconds."""

import secrets
import time
from functools import cache
from pathlib import Path

from demo.consortium import Foundation, Terms, found
from demo.folders import LENDERS, write_node_folder

LENDER = LENDERS[0]


@cache
def foundation() -> Foundation:
    return found(LENDERS, int(time.time()), secrets.token_bytes, Terms())


def node_folder(parent: Path, name: str = "node") -> Path:
    folder = parent / name
    write_node_folder(foundation(), LENDER, folder)
    return folder
