"""The node's Paillier key: made once, kept in an owner-only file, certified anew for each day, exchanged at will."""

from pathlib import Path

from consortium.sums.profiles import Profile
from consortium.sums.secret import SecretKey
from participants.private_files import create_private, read_private, write_private

BEFORE = ".before"


class QueryKeyFiles:
    """The key in use and the one before it, in two files; read again where they have changed."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self._path, self._profile = path, profile
        self._known: tuple[Stamp, list[SecretKey]] | None = None

    def read(self) -> list[SecretKey]:
        """
        Give the key in use, then the one before it; makes the first one (about two seconds at 3072 bits).

        Raises CreditError(SETTINGS_INVALID) where a file can be read by others or holds no key of the profile.
        """
        if not self._path.exists():
            create_private(self._path, SecretKey.generate(self._profile).to_bytes())
        stamp = stamp_of(self._path)
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, [self._key(path) for path in (self._path, self._before) if path.exists()]
        return self._known[1]

    def rotate(self) -> None:
        """Make another key and put it into the place of the one in use, which stays beside it for what was asked."""
        new = SecretKey.generate(self._profile).to_bytes()
        if self._path.exists():
            write_private(self._before, read_private(self._path))
        write_private(self._path, new)

    @property
    def _before(self) -> Path:
        return self._path.with_name(f"{self._path.name}{BEFORE}")

    def _key(self, path: Path) -> SecretKey:
        return SecretKey.from_bytes(read_private(path), self._profile)


Stamp = tuple[int, int]


def stamp_of(path: Path) -> Stamp:
    """Give what changes when a file is replaced: its inode and time of change, (0, 0) where there is none."""
    if not path.exists():
        return 0, 0
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
