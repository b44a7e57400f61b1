"""Files that are there whole or not at all: written beside their place, made durable, then put into it."""

import os
import secrets
from pathlib import Path


def write_public(path: Path, data: bytes) -> None:
    """Write a file that others may read (0644) atomically and durably, in place of one that is there."""
    write_whole(path, data, 0o644)


def write_new(path: Path, data: bytes) -> bool:
    """Write an owner-only file unless there is one, atomically and durably. Gives whether it was written."""
    return not path.exists() and create_whole(path, data)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Write a file with these permissions, in place of one that is there."""
    temporary = _beside(path, data, mode)
    temporary.replace(path)
    _settle(path.parent)


def create_whole(path: Path, data: bytes) -> bool:
    """Write an owner-only file; where somebody was faster, theirs stays. Gives whether it was written."""
    temporary = _beside(path, data, 0o600)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
        _settle(path.parent)
    return True


def _beside(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _settle(folder: Path) -> None:
    """Make the folder's own entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
