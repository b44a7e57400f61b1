"""What the node's mask keys derive from since it was exchanged: `mask-secrets.json`, owner-only, oldest first."""

import json
from pathlib import Path

from consortium.hashing import Randomness
from consortium.model.identifiers import Secret
from participants.keys.query_key import Stamp, stamp_of
from participants.lender.identity import MaskSecret
from participants.private_files import write_private
from participants.settings import Folder, Key32, Table

NAME = Path("mask-secrets.json")
KEPT = 4
SECRET_BYTES = 32


class _Entry(Table):
    secret: Key32
    since: int

    def __repr__(self) -> str:
        return "<MaskSecret>"

    __str__ = __repr__


class _File(Table):
    secrets: tuple[_Entry, ...] = ()

    def __repr__(self) -> str:
        return "<MaskSecrets>"

    __str__ = __repr__


class MaskSecretFile:
    """The file in a node's folder; without it, mask keys derive from the audit secret."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @property
    def stamp(self) -> Stamp:
        """What changes when a secret is added."""
        return stamp_of(self._folder.path(NAME))

    def read(self) -> list[MaskSecret]:
        """Give the secrets that took the audit secret's place, oldest first; raises CreditError(SETTINGS_INVALID)."""
        if not self._folder.path(NAME).exists():
            return []
        found = self._folder.read_secret(NAME, _File).secrets
        return [MaskSecret(Secret(entry.secret), entry.since) for entry in found]

    def rotate(self, now: int, rng: Randomness) -> None:
        """Add a fresh secret that is in force from `now`, Unix seconds; the last few are kept."""
        secrets = [*self.read(), MaskSecret(Secret(rng(SECRET_BYTES)), now)][-KEPT:]
        value = {"secrets": [{"secret": one.secret.value.hex(), "since": one.since} for one in secrets]}
        write_private(self._folder.path(NAME), json.dumps(value, indent=2).encode() + b"\n")
