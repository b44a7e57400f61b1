"""The rulebook in force at a participant: its first version by fingerprint, each next one verified and kept."""

import logging
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_from_text, signatures_name, signatures_to_text
from consortium.membership.in_effect import EffectiveView
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import SignedRulebook
from participants.whole_files import write_public

LOG = logging.getLogger("participants.rulebooks")


class TrustedRulebooks:
    """Holds the newest trusted version; what was received is kept in `folder`, so that a restart needs nobody."""

    def __init__(self, first: Rulebook, folder: Path) -> None:
        self._trusted = TrustedSet(first)
        self._view = EffectiveView(self._trusted)
        self._folder = folder
        self._by_digest = {first.digest: first}
        self._unwritten: list[tuple[int, SignedRulebook]] = []
        self.load_new()

    def load_new(self) -> int:
        """Take every next version that lies in the folder, also one that another process put there; gives how many."""
        self._write()
        before = self.version
        while (self._folder / document_name(self.version + 1)).exists():
            if not self._trusted.update(self._read(self.version + 1)):
                raise CreditError(Code.RULEBOOK_INVALID, "a file holds another version than its name says")
            self._remember()
        return self.version - before

    def with_digest(self, digest: bytes) -> Rulebook | None:
        """Give the trusted version with this digest, None for one from before the first, or from nowhere."""
        return self._by_digest.get(digest)

    @property
    def kept(self) -> bool:
        """Whether the folder has every version that is in force here: not while its disk is full."""
        return not self._unwritten

    @property
    def history(self) -> tuple[Rulebook, ...]:
        """Every version that was trusted here, in order."""
        return tuple(self._by_digest.values())

    def current(self) -> Rulebook:
        """Give the rulebook in force, as its approvers signed it."""
        return self._trusted.current

    def usable(self, now: int) -> Rulebook:
        """
        Give the rulebook to judge others by, with the emergency suspensions that hold at `now`, Unix seconds.

        Raises CreditError as `TrustedSet.check_usable`: RULEBOOK_FROZEN above all, before anybody is answered by it.
        """
        self._trusted.check_usable(now)
        return self._view.at(now)

    @property
    def trusted(self) -> TrustedSet:
        """Give the trusted set: statuses in effect, emergency suspensions, sightings."""
        return self._trusted

    @property
    def version(self) -> int:
        """Give its version."""
        return self._trusted.version

    def take(self, signed: SignedRulebook) -> bool:
        """
        Verify a received version as the next one, put it into force and keep it; False for one that is not newer.

        Where it cannot be written it is in force all the same, and `load_new` tries again. Raises as
        `TrustedSet.update`; the old one stays.
        """
        if not self._trusted.update(signed):
            return False  # another replica was faster
        self._remember()
        self._unwritten.append((self.version, signed))
        self._write()
        return True

    def _remember(self) -> None:
        current = self._trusted.current
        self._by_digest[current.digest] = current

    def _read(self, version: int) -> SignedRulebook:
        try:
            document = (self._folder / document_name(version)).read_bytes()
            text = (self._folder / signatures_name(version)).read_text("ascii")
        except (OSError, ValueError):
            raise CreditError(Code.RULEBOOK_INVALID, f"version {version} cannot be read") from None
        return SignedRulebook(document, signatures_from_text(text))

    def _write(self) -> None:
        """
        Write what is not in the folder yet, in order, so that no version is missing before a later one.

        The signatures come first: a document that is there is complete. Other processes may do the same.
        """
        try:
            while self._unwritten:
                version, signed = self._unwritten[0]
                self._folder.mkdir(mode=0o700, exist_ok=True)
                write_public(self._folder / signatures_name(version), signatures_to_text(signed.signatures).encode())
                write_public(self._folder / document_name(version), signed.document)
                self._unwritten.pop(0)
        except (CreditError, OSError) as error:
            code = error.code if isinstance(error, CreditError) else Code.STORAGE_BROKEN
            LOG.error("rulebook-not-kept", extra={"code": code, "version": version})  # noqa: TRY400
