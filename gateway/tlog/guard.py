"""A guard in a file of its own: compare-and-swap under a lock, durable before it answers."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError


class FileGuard:
    """A `CheckpointGuard` in a file; its folder should lie on another volume than the data."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """Give the newest note; raises CreditError(LOG_GUARD_LOST) where the folder is not there or not readable."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            if not self._path.parent.is_dir():
                raise CreditError(Code.LOG_GUARD_LOST, "the guard's folder is not there") from None
            return None
        except OSError as error:
            raise CreditError(Code.LOG_GUARD_LOST, type(error).__name__) from None

    def swap(self, expected: bytes | None, new: bytes) -> bool:
        """Put `new` in place of `expected`."""
        try:
            with self._locked():
                if self.read() != expected:
                    return False
                self._write(new)
        except OSError as error:
            raise CreditError(Code.LOG_GUARD_LOST, type(error).__name__) from None
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._path.with_name(f"{self._path.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, new: bytes) -> None:
        temporary = self._path.with_name(f"{self._path.name}.new")
        with temporary.open("wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
