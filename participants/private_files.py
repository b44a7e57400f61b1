"""
Secret files of a party's folder, under a passphrase or not: the one way to read and to write them.

A file belongs to the folder that it lies in, those below `secrets/`, `shares/` and `audit-keys/` to the one above.
The passphrase is read from the file that the environment variable CREDIT_PASSPHRASE_FILE names (an owner-only file, or
a descriptor as /dev/fd/3), when a key ring has to be opened and not before; it is no argument of any command.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.vault.locked import COSTS, MAXIMUM_PASSPHRASE
from consortium.vault.vault import Vault
from participants.failpoints import failpoint
from participants.whole_files import create_whole, write_whole

VARIABLE = "CREDIT_PASSPHRASE_FILE"
LOCK = ".key-ring.lock"
MAX_FILE_BYTES = 16 * 2**20
SUBFOLDERS = frozenset({"audit-keys", "secrets", "shares"})
PATTERNS = (
    *("*.key", "*.key.next", "*.key.before", "own-keys.json", "lenders-secrets.json", "mask-secrets.json"),
    *("query-key.bin", "query-key.bin.before", "share.json", "secrets/*.json", "shares/*.json", "audit-keys/*.key"),
)
"""What a passphrase covers; `local-token` is for the lender's own applications, and databases need disk encryption."""
_OTHERS = 0o077
_said: dict[str, bytes] = {}


class FolderFiles:
    """A `VaultFiles` on a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Sequence[str]:
        """Give the secret files of the folder."""
        found = {path for pattern in PATTERNS for path in self._root.glob(pattern) if path.is_file()}
        return sorted(str(path.relative_to(self._root)) for path in found)

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes; raises CreditError(SETTINGS_INVALID) if others may read it, or if it is too long."""
        path = self._root / name
        try:
            with path.open("rb") as file:
                data, mode = file.read(MAX_FILE_BYTES + 1), os.fstat(file.fileno()).st_mode
        except FileNotFoundError:
            return None
        except OSError:
            raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: not readable") from None
        if mode & _OTHERS:
            raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: others may read it; chmod 600")
        if len(data) > MAX_FILE_BYTES:
            raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: too long")
        return data

    def replace(self, name: str, data: bytes) -> None:
        """Put a file in place."""
        failpoint("private.before-replace")
        write_whole(self._root / name, data, 0o600)

    def create(self, name: str, data: bytes) -> bool:
        """Put a file in place unless there is one."""
        return create_whole(self._root / name, data)

    def remove(self, name: str) -> None:
        """Remove a file."""
        failpoint("private.before-remove")
        (self._root / name).unlink(missing_ok=True)

    def stamp(self, name: str) -> object:
        """Give inode, time of change and size."""
        try:
            found = (self._root / name).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        """Hold the folder's lock, shared or alone; a process that dies lets it go."""
        descriptor = os.open(self._root / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)


def read_private(path: Path) -> bytes:
    """
    Read a secret file's content; raises CreditError(SETTINGS_INVALID) where there is none or others may read it.

    Raises (PASSPHRASE_NEEDED), (PASSPHRASE_WRONG) or (KEY_FILE_DAMAGED) where it is under a passphrase.
    """
    vault, name = _of(path)
    found = vault.read(name)
    if found is None:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: no such file, or not readable")
    return found


def write_private(path: Path, data: bytes) -> None:
    """Write a secret file, owner-only, whole and durably, in place of one that is there; raises as `read_private`."""
    vault, name = _of(path)
    vault.write(name, data)


def create_private(path: Path, data: bytes) -> bool:
    """Write a secret file unless there is one: a key is never overwritten. Gives whether it was written."""
    vault, name = _of(path)
    return vault.create(name, data)


@cache
def vault_of(folder: Path) -> Vault:
    """Give the vault of a folder, one for the whole process."""
    return Vault(FolderFiles(folder), said_passphrase, secrets.token_bytes, COSTS)


def use_passphrase_file(path: Path | None) -> None:
    """Take the passphrase from this file in place of the one that the environment names; None changes nothing."""
    if path is not None:
        os.environ[VARIABLE] = str(path.absolute())


def said_passphrase() -> bytes:
    """Give the passphrase that the environment names; raises CreditError(PASSPHRASE_NEEDED)."""
    name = os.environ.get(VARIABLE, "")
    if not name:
        raise CreditError(Code.PASSPHRASE_NEEDED)
    return _said[name] if name in _said else read_passphrase(Path(name))


def read_passphrase(path: Path) -> bytes:
    """
    Read a passphrase from a file or descriptor: one line. What can be read only once is remembered.

    Raises CreditError(SETTINGS_INVALID) for a file that others may read, or that is empty or too long.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno()).st_mode
            data = file.read(4 * MAXIMUM_PASSPHRASE + 2)
    except OSError:
        raise CreditError(Code.SETTINGS_INVALID, f"{VARIABLE}: {path.name} cannot be read") from None
    regular = stat.S_ISREG(found)
    if regular and found & _OTHERS:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: others may read the passphrase; chmod 600")
    passphrase = data.removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase or len(passphrase) > 4 * MAXIMUM_PASSPHRASE:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: no passphrase in it")
    if not regular:
        _said[str(path)] = passphrase
    return passphrase


def _of(path: Path) -> tuple[Vault, str]:
    absolute = path.absolute()
    root = absolute.parent.parent if absolute.parent.name in SUBFOLDERS else absolute.parent
    return vault_of(root), str(absolute.relative_to(root))
