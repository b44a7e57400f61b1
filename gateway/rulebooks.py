"""The rulebook in force at the gateway: loaded from its file, verified as a successor, and told to whoever watches."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook, verify_rulebook
from consortium.wire.gateway import SignedRulebook

DOCUMENT = "rulebook-{version:06d}.json"
SIGNATURES = "rulebook-{version:06d}.signatures.json"
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Version:
    """A trusted rulebook with the bytes and signatures to hand on."""

    rulebook: Rulebook
    signed: SignedRulebook


class Rulebooks:
    """
    A folder of rulebook versions, numbered without gaps from 1.

    The first is trusted by its fingerprint; each next one is verified by the one before. A file that fails is
    refused, and the version in force stays.
    """

    def __init__(self, folder: Path, fingerprint: bytes) -> None:
        self._folder = folder
        self._versions = [_load(folder, 1, fingerprint=fingerprint, trusted=None)]
        self._changed = asyncio.Event()
        self.load_new()

    def current(self) -> Rulebook:
        """Give the rulebook in force."""
        return self._versions[-1].rulebook

    def version(self, number: int) -> Version:
        """Give one version; raises CreditError(RULEBOOK_INVALID) for one that is not here."""
        if not 1 <= number <= len(self._versions):
            raise CreditError(Code.RULEBOOK_INVALID, f"there is no version {number}")
        return self._versions[number - 1]

    @property
    def newest(self) -> Version:
        """Give the newest version."""
        return self._versions[-1]

    def load_new(self) -> int:
        """Take every next version that is in the folder; gives how many. Raises for one that fails verification."""
        before = len(self._versions)
        while (self._folder / DOCUMENT.format(version=len(self._versions) + 1)).exists():
            number = len(self._versions) + 1
            self._versions.append(_load(self._folder, number, fingerprint=None, trusted=self.current()))
        if len(self._versions) > before:
            self._changed.set()
            self._changed = asyncio.Event()
        return len(self._versions) - before

    async def watch(self, after: int) -> AsyncIterator[Version]:
        """Give every version after one, then each new one as it comes."""
        while True:
            changed = self._changed
            while after < len(self._versions):
                after += 1
                yield self._versions[after - 1]
            await changed.wait()

    async def poll(self, on_change: Callable[[], None], on_refused: Callable[[CreditError], None]) -> None:
        """Look for new versions for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                if self.load_new():
                    on_change()
            except CreditError as error:
                on_refused(error)


def write_version(folder: Path, signed: SignedRulebook, version: int) -> None:
    """Write one version: the signatures first, so that a document that is there is complete."""
    signatures = {member: signature.hex() for member, signature in signed.signatures.items()}
    (folder / SIGNATURES.format(version=version)).write_text(json.dumps(signatures, indent=2), encoding="ascii")
    target = folder / DOCUMENT.format(version=version)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(signed.document)
    temporary.replace(target)


def _load(folder: Path, number: int, *, fingerprint: bytes | None, trusted: Rulebook | None) -> Version:
    try:
        raw = (folder / DOCUMENT.format(version=number)).read_bytes()
        text = (folder / SIGNATURES.format(version=number)).read_text("ascii")
        signatures = {str(member): bytes.fromhex(value) for member, value in json.loads(text).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"version {number} cannot be read") from error
    rulebook = verify_rulebook(raw, signatures, fingerprint=fingerprint, trusted=trusted)
    return Version(rulebook, SignedRulebook(raw, signatures))
