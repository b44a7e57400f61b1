"""What a witness must not forget: the newest note that it accepted, and everything that it refused, in files."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.transparency.witness import Evidence
from participants.failpoints import failpoint


class WitnessFiles:
    """A folder with the state of one log; whoever changes the state holds its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def state(self) -> Iterator[tuple[bytes | None, Callable[[bytes], None]]]:
        """Give the stored note, None before the first, and what stores a new one durably; nobody else comes between."""
        with (self._folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.read(), lambda note: _write(self._path, note)

    def read(self) -> bytes | None:
        """Give the stored note without the lock; raises CreditError(STORAGE_BROKEN)."""
        try:
            return self._path.read_bytes() if self._path.exists() else None
        except OSError as error:
            raise CreditError(Code.STORAGE_BROKEN, type(error).__name__) from None

    @property
    def _path(self) -> Path:
        return self._folder / "checkpoint"

    def keep(self, evidence: Evidence) -> Path:
        """Keep evidence, once; gives its file."""
        data = evidence.to_bytes()
        path = self._folder / f"evidence-{transcript_hash(Label.BODY, data).hex()[:16]}.json"
        if not path.exists():
            _write(path, data)
        return path


def _write(path: Path, data: bytes) -> None:
    """Replace a file durably."""
    temporary = path.with_suffix(".new")
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoint("witness.before-replace")
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise CreditError(Code.STORAGE_FULL, type(error).__name__) from None
