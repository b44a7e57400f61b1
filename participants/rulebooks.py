"""The rulebook in force at a participant: its first version by fingerprint, each next one verified and kept."""

import json
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook, parse_rulebook, verify_rulebook
from consortium.wire.gateway import SignedRulebook

DOCUMENT = "rulebook-{version:06d}.json"
SIGNATURES = "rulebook-{version:06d}.signatures.json"


class TrustedRulebooks:
    """Holds the newest trusted version; what was received is kept in `folder`, so that a restart needs nobody."""

    def __init__(self, first: Rulebook, folder: Path) -> None:
        self._current = first
        self._folder = folder
        while (folder / DOCUMENT.format(version=self.version + 1)).exists():
            self._current = self._verified(self._read(self.version + 1))

    def current(self) -> Rulebook:
        """Give the rulebook in force."""
        return self._current

    @property
    def version(self) -> int:
        """Give its version."""
        return self._current.document.version

    def take(self, signed: SignedRulebook) -> bool:
        """
        Verify a received version as the next one, keep it and put it into force; False for one that is not newer.

        Raises CreditError(RULEBOOK_INVALID), (SIGNATURE_INVALID) or (SHARE_KEYS_INCONSISTENT); the old one stays.
        """
        if signed.document == self._current.raw or parse_rulebook(signed.document).version < self.version:
            return False  # another replica was faster
        rulebook = self._verified(signed)
        self._write(signed, rulebook.document.version)
        self._current = rulebook
        return True

    def _verified(self, signed: SignedRulebook) -> Rulebook:
        return verify_rulebook(signed.document, signed.signatures, trusted=self._current)

    def _read(self, version: int) -> SignedRulebook:
        try:
            document = (self._folder / DOCUMENT.format(version=version)).read_bytes()
            text = (self._folder / SIGNATURES.format(version=version)).read_text("ascii")
            return SignedRulebook(document, {name: bytes.fromhex(value) for name, value in json.loads(text).items()})
        except (OSError, ValueError, AttributeError):
            raise CreditError(Code.RULEBOOK_INVALID, f"version {version} cannot be read") from None

    def _write(self, signed: SignedRulebook, version: int) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        signatures = {member: signature.hex() for member, signature in signed.signatures.items()}
        (self._folder / SIGNATURES.format(version=version)).write_text(json.dumps(signatures), encoding="ascii")
        target = self._folder / DOCUMENT.format(version=version)
        temporary = target.with_suffix(".new")
        temporary.write_bytes(signed.document)
        temporary.replace(target)
