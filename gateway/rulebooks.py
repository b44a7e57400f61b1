"""The rulebook in force at the gateway: loaded from its file, verified as a successor, and told to whoever watches."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_from_text, signatures_name, signatures_to_text
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import SignedRulebook

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
        first = _read(folder, 1)
        self._trusted = TrustedSet.begin(first, fingerprint.hex())
        self._versions = [Version(self._trusted.current, first)]
        self._changed = asyncio.Event()
        self.load_new()

    def current(self) -> Rulebook:
        """Give the rulebook in force."""
        return self._trusted.current

    @property
    def trusted(self) -> TrustedSet:
        """Give the trusted set: statuses in effect, emergency suspensions, sightings."""
        return self._trusted

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
        while (self._folder / document_name(len(self._versions) + 1)).exists():
            signed = _read(self._folder, len(self._versions) + 1)
            if not self._trusted.update(signed):
                raise CreditError(Code.RULEBOOK_INVALID, "a file holds another version than its name says")
            self._versions.append(Version(self._trusted.current, signed))
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
    (folder / signatures_name(version)).write_text(signatures_to_text(signed.signatures), encoding="ascii")
    target = folder / document_name(version)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(signed.document)
    temporary.replace(target)


def _read(folder: Path, number: int) -> SignedRulebook:
    try:
        raw = (folder / document_name(number)).read_bytes()
        text = (folder / signatures_name(number)).read_text("ascii")
    except (OSError, ValueError) as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"version {number} cannot be read") from error
    return SignedRulebook(raw, signatures_from_text(text))
