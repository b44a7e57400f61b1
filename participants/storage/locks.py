"""A lock over all processes of a node, held by an open file; a process that dies lets it go."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError
from participants.storage.database import storage_errors

PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.01


@contextmanager
def exclusive(path: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock; raises CreditError(STORAGE_BUSY) when another process keeps it longer than `patience` seconds."""
    with storage_errors():
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, patience)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, patience: float) -> None:
    give_up = time.monotonic() + patience
    while not _taken(descriptor):
        if time.monotonic() > give_up:
            raise CreditError(Code.STORAGE_BUSY, "another process of this node")
        time.sleep(_PAUSE_SECONDS)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
