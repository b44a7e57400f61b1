"""
A folder's secret files, under a passphrase or not: read and written alike, and safe to stop at any point.

What touches the disk is behind `VaultFiles`. A passphrase comes in three steps: the key ring is there, with a new file
key beside the old ones, under the new passphrase; every file is sealed with the new key; the ring has the new key
alone. Between any two writes every file can be read, by the same passphrase as the ring; repeating goes on.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.silent import Silent
from consortium.vault.locked import COSTS, Costs, KeyRing, is_locked

RING = "key-ring.json"
Passphrase = Callable[[], bytes]


class VaultFiles(Protocol):
    """A folder's secret files by relative names; every one is readable by its owner only."""

    def names(self) -> Sequence[str]:
        """Give the secret files that there are, the key ring not among them."""
        ...

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes, None where there is none; raises CreditError(SETTINGS_INVALID) if others may read it."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Put a file in place, whole or not at all, durably."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Put a file in place unless there is one; gives whether it was."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def stamp(self, name: str) -> object:
        """Give what changes whenever a file is replaced; None where there is none."""
        ...

    def held(self, *, alone: bool) -> AbstractContextManager[None]:
        """Keep others from changing the passphrase meanwhile; `alone` from writing anything."""
        ...


class Vault(Silent):
    """
    The secret files of one folder; `passphrase` is called when a key ring has to be opened, and not before.

    It raises CreditError(PASSPHRASE_NEEDED) where nobody has said it.
    """

    def __init__(self, files: VaultFiles, passphrase: Passphrase, rng: Randomness, costs: Costs = COSTS) -> None:
        self._files, self._passphrase, self._rng, self._costs = files, passphrase, rng, costs
        self._known: tuple[object, KeyRing] | None = None

    def read(self, name: str) -> bytes | None:
        """
        Give a file's content, None where there is no file.

        Raises CreditError(PASSPHRASE_NEEDED), (PASSPHRASE_WRONG), (KEY_FILE_DAMAGED), and as `VaultFiles.read`.
        """
        data = self._files.read(name)
        if data is None:
            return None
        try:
            return self.opened(data)
        except CreditError:
            again = self._files.read(name)  # the passphrase may have been changed between file and key ring
            if again is None or again == data:
                raise
        return self.opened(again)

    def opened(self, data: bytes) -> bytes:
        """Give the content of a file's bytes; those that are not locked are their own content."""
        if not is_locked(data):
            return data
        ring = self._ring()
        if ring is None:
            raise CreditError(Code.KEY_FILE_DAMAGED, f"locked, and there is no {RING}")
        return ring.unlock(data)

    def write(self, name: str, plain: bytes) -> None:
        """Put a file in place, sealed where the folder is under a passphrase."""
        with self._files.held(alone=False):
            self._files.replace(name, self._sealed(plain))

    def create(self, name: str, plain: bytes) -> bool:
        """Put a file in place unless there is one: a key is never overwritten. Gives whether it was."""
        if self._files.stamp(name) is not None:
            return False
        with self._files.held(alone=False):
            return self._files.create(name, self._sealed(plain))

    @property
    def under_passphrase(self) -> bool:
        """Whether the folder has a key ring."""
        return self._files.stamp(RING) is not None

    def states(self) -> dict[str, bool]:
        """Give every secret file with whether it is locked."""
        found = {name: self._files.read(name) for name in self._files.names()}
        return {name: is_locked(data) for name, data in found.items() if data is not None}

    def set_passphrase(self, new: bytes) -> int:
        """
        Put every secret file under a passphrase, or under another one; gives how many files were sealed.

        Stopped at any point, it is repeated with the same words: the present passphrase may be the new one already.
        Raises CreditError(PASSPHRASE_WEAK), (PASSPHRASE_WRONG), (PASSPHRASE_NEEDED); nothing has changed then.
        """
        with self._files.held(alone=True):
            present = self._files.read(RING)
            before = self._opened_by_either(present, new) if present is not None else KeyRing(())
            ring = before.with_new(self._rng)
            self._files.replace(RING, ring.seal(new, self._rng, self._costs))
            names = self._files.names()
            for name in names:
                self._files.replace(name, ring.lock(_plain(ring, self._files.read(name)), self._rng))
            self._files.replace(RING, ring.newest_only().seal(new, self._rng, self._costs))
            self._known = None
        return len(names)

    def remove_passphrase(self) -> int:
        """Open every secret file again, then take the key ring away; gives how many files. Raises as `read`."""
        with self._files.held(alone=True):
            ring = self._ring()
            if ring is None:
                return 0
            names = self._files.names()
            for name in names:
                self._files.replace(name, _plain(ring, self._files.read(name)))
            self._files.remove(RING)
            self._known = None
        return len(names)

    def _sealed(self, plain: bytes) -> bytes:
        ring = self._ring()
        return plain if ring is None else ring.lock(plain, self._rng)

    def _ring(self) -> KeyRing | None:
        """Give the key ring, opened once; anew where its file was replaced."""
        stamp = self._files.stamp(RING)
        if stamp is None:
            return None
        if self._known is None or self._known[0] != stamp:
            data = self._files.read(RING)
            if data is None:
                return None
            self._known = stamp, KeyRing.open(data, self._passphrase())
        return self._known[1]

    def _opened_by_either(self, ring: bytes, new: bytes) -> KeyRing:
        """Open with the new passphrase first: a change that was stopped has sealed the ring with it already."""
        try:
            return KeyRing.open(ring, new)
        except CreditError as error:
            if error.code is not Code.PASSPHRASE_WRONG:
                raise
        return KeyRing.open(ring, self._passphrase())


def _plain(ring: KeyRing, data: bytes | None) -> bytes:
    """Give the content of a file of the folder's own listing."""
    if data is None:
        raise CreditError(Code.KEY_FILE_DAMAGED, "a file went away meanwhile")
    return ring.unlock(data) if is_locked(data) else data
