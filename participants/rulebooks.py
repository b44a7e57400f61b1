"""The rulebook in force at a participant: its first version by fingerprint, each next one verified and kept."""

from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_from_text, signatures_name, signatures_to_text
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import Rulebook
from consortium.wire.gateway import SignedRulebook


class TrustedRulebooks:
    """Holds the newest trusted version; what was received is kept in `folder`, so that a restart needs nobody."""

    def __init__(self, first: Rulebook, folder: Path) -> None:
        self._trusted = TrustedSet(first)
        self._folder = folder
        while (folder / document_name(self.version + 1)).exists():
            if not self._trusted.update(self._read(self.version + 1)):
                raise CreditError(Code.RULEBOOK_INVALID, "a file holds another version than its name says")

    def current(self) -> Rulebook:
        """Give the rulebook in force."""
        return self._trusted.current

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

        Raises as `TrustedSet.update`; the old one stays.
        """
        if not self._trusted.update(signed):
            return False  # another replica was faster
        self._write(signed)
        return True

    def _read(self, version: int) -> SignedRulebook:
        try:
            document = (self._folder / document_name(version)).read_bytes()
            text = (self._folder / signatures_name(version)).read_text("ascii")
        except (OSError, ValueError):
            raise CreditError(Code.RULEBOOK_INVALID, f"version {version} cannot be read") from None
        return SignedRulebook(document, signatures_from_text(text))

    def _write(self, signed: SignedRulebook) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / signatures_name(self.version)).write_text(signatures_to_text(signed.signatures), "ascii")
        target = self._folder / document_name(self.version)
        temporary = target.with_suffix(".new")
        temporary.write_bytes(signed.document)
        temporary.replace(target)
