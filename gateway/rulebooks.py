"""The rulebook in force at the gateway: loaded from its file, verified as a successor, and told to whoever watches."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_from_text, signatures_name, signatures_to_text
from consortium.membership.in_effect import EffectiveView
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import SignedRulebook

POLL_SECONDS = 0.5
FINGERPRINT_FILE = "fingerprint"
EXCHANGE_SECONDS = 60
"""How long a key that a new version exchanged is still good for a connection, so that nobody loses a request."""


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

    def __init__(self, folder: Path, fingerprint: bytes, clock: Callable[[], int] = lambda: int(time.time())) -> None:
        self._folder = folder
        self._clock = clock
        self._exchanged_at = float("-inf")
        first = _read(folder, 1)
        self._trusted = TrustedSet.begin(first, fingerprint.hex())
        self._view = EffectiveView(self._trusted)
        self._versions = [Version(self._trusted.current, first)]
        self._changed = asyncio.Event()
        self.load_new()
        self._exchanged_at = float("-inf")  # who starts with several versions exchanges nothing

    def current(self) -> Rulebook:
        """Give the rulebook in force, with the emergency suspensions that hold at this moment."""
        return self._view.at(self._clock())

    @property
    def folder(self) -> Path:
        """Give where the versions lie."""
        return self._folder

    @property
    def versions(self) -> dict[int, Rulebook]:
        """Give every version that was trusted here."""
        return {number: version.rulebook for number, version in enumerate(self._versions, start=1)}

    @property
    def earlier(self) -> Rulebook | None:
        """Give the version before while its keys are still good for connections: a minute after it was replaced."""
        recent = time.monotonic() - self._exchanged_at < EXCHANGE_SECONDS
        return self._versions[-2].rulebook if recent and len(self._versions) > 1 else None

    def suspend(self, signed: bytes, now: int) -> bool:
        """Put an emergency suspension into force; False for a known one. Raises as `TrustedSet.take_emergency`."""
        taken = self._trusted.take_emergency(signed, now)
        self.wake()
        return taken

    def wake(self) -> None:
        """Have everybody who watches look again."""
        self._changed.set()
        self._changed = asyncio.Event()

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
            self._exchanged_at = time.monotonic()
            self.wake()
        return len(self._versions) - before

    async def watch(self, after: int) -> AsyncIterator[Version | None]:
        """Give every version after one, then each new one as it comes; None after every change, to look at statuses."""
        while True:
            changed = self._changed
            while after < len(self._versions):
                after += 1
                yield self._versions[after - 1]
            await changed.wait()
            yield None

    async def poll(self, on_change: Callable[[], None], on_refused: Callable[[CreditError], None]) -> None:
        """Look for new versions for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                if self.load_new():
                    on_change()
            except CreditError as error:
                on_refused(error)


def first_fingerprint(folder: Path, fingerprint: str) -> bytes:
    """Give version 1's fingerprint: that of the settings, or the one that a founding left beside the versions."""
    try:
        return bytes.fromhex(fingerprint or (folder / FINGERPRINT_FILE).read_text("ascii").strip())
    except (OSError, ValueError):
        raise CreditError(Code.SETTINGS_INVALID, "fingerprint: there is none of the first rulebook") from None


def write_version(folder: Path, signed: SignedRulebook, version: int) -> None:
    """
    Write one version: the signatures first, so that a document that is there is complete.

    Raises CreditError(STORAGE_FULL) or (STORAGE_BROKEN).
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / signatures_name(version), signatures_to_text(signed.signatures).encode("ascii"))
        _write(folder / document_name(version), signed.document)
    except OSError as error:
        code = Code.STORAGE_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else Code.STORAGE_BROKEN
        cause = errno.errorcode.get(error.errno or 0, type(error).__name__)
        raise CreditError(code, f"the folder of rulebook versions: {cause}") from None


def _write(target: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, also after a power cut."""
    temporary = target.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)


def _read(folder: Path, number: int) -> SignedRulebook:
    try:
        raw = (folder / document_name(number)).read_bytes()
        text = (folder / signatures_name(number)).read_text("ascii")
    except (OSError, ValueError) as error:
        raise CreditError(Code.RULEBOOK_INVALID, f"version {number} cannot be read") from error
    return SignedRulebook(raw, signatures_from_text(text))
