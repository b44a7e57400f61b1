"""Files that are there whole or not at all: written beside their place, made durable, then put into it."""

import os
import secrets
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Write an owner-only file (0600) atomically and durably, in place of one that is there."""
    _write(path, data, 0o600)


def write_public(path: Path, data: bytes) -> None:
    """Write a file that others may read (0644) atomically and durably."""
    _write(path, data, 0o644)


def write_new(path: Path, data: bytes) -> bool:
    """Write an owner-only file unless there is one: a key is never overwritten. Gives whether it was written."""
    if path.exists():
        return False
    write_private(path, data)
    return True


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
