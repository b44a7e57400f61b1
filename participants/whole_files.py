"""
Files that are there whole or not at all: written beside their place, made durable, then put into it.

Whatever the disk refuses is CreditError(STORAGE_FULL) or (STORAGE_BROKEN), and nothing is left beside the place.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from consortium.errors import Code, CreditError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What an OSError says where there is no room left."""
PIECE_BYTES = 1 << 20
Buffer: TypeAlias = bytes | memoryview


def write_public(path: Path, data: bytes) -> None:
    """Write a file that others may read (0644) atomically and durably, in place of one that is there."""
    write_whole(path, data, 0o644)


def write_new(path: Path, data: bytes) -> bool:
    """Write an owner-only file unless there is one, atomically and durably. Gives whether it was written."""
    return not path.exists() and create_whole(path, data)


def write_whole(path: Path, data: Buffer, mode: int) -> None:
    """Write a file with these permissions, in place of one that is there."""
    with _refusals(path):
        temporary = _beside(path, data, mode)
        temporary.replace(path)
        _settle(path.parent)


def create_whole(path: Path, data: bytes) -> bool:
    """Write an owner-only file; where somebody was faster, theirs stays. Gives whether it was written."""
    with _refusals(path):
        temporary = _beside(path, data, 0o600)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
            _settle(path.parent)
    return True


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """Give what the disk refuses a code, with the file's name."""
    try:
        yield
    except OSError as error:
        code = Code.STORAGE_FULL if error.errno in FULL else Code.STORAGE_BROKEN
        raise CreditError(code, f"{path.name}: {errno.errorcode.get(error.errno or 0, 'not written')}") from None


def _beside(path: Path, data: Buffer, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _fill(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), data)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _fill(descriptor: int, data: Buffer) -> None:
    """Write and make durable piece by piece: whoever commits something small meanwhile waits for a piece only."""
    with os.fdopen(descriptor, "wb") as file:
        octets = memoryview(data).cast("B")
        for start in range(0, max(1, len(octets)), PIECE_BYTES):
            file.write(octets[start : start + PIECE_BYTES])
            file.flush()
            os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make the folder's own entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
