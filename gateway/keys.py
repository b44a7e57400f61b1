"""What lies in the gateway's own key files."""

import json
from contextlib import suppress
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.changeover import generations_held
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf, RulebookDocument
from consortium.model.signing import Ed25519Signer, Signer
from consortium.oprf.sharing import KeyShare
from gateway.private_files import destroy, read_private, write_private

SEED_BYTES = 32


def read_signer(path: Path) -> Signer:
    """Give the signer of an Ed25519 identity key: 64 hex digits in a file. A key in an HSM would be given here."""
    return Ed25519Signer(read_seed(path))


def read_seed(path: Path) -> bytes:
    """Read the 32 bytes of an Ed25519 key: 64 hex digits."""
    try:
        seed = bytes.fromhex(_read_private(path).strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} holds no Ed25519 key")
    return seed


def read_key_share(path: Path) -> KeyShare:
    """Read a share of the OPRF key: JSON with `holder` and `secret` (hex)."""
    try:
        share = json.loads(_read_private(path))
        return KeyShare(int(share["holder"]), int(share["secret"], 16))
    except (ValueError, KeyError, TypeError):
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} holds no key share") from None


def read_ca_key(path: Path) -> bytes:
    """Read the CA's private key, PEM."""
    return _read_private(path).encode("ascii")


class ShareKeeper:
    """
    The gateway's shares and ceremony states, a `Keeper` of `consortium.ceremony.driver`: owner-only files.

    The share in use lies in the settings' `key_share`; new ones lie beside it until the rulebook pins them.
    """

    def __init__(self, key_share: Path) -> None:
        self._single = key_share
        self._folder = key_share.parent / "shares"

    def state(self, ceremony: bytes) -> bytes | None:
        """Give the state of a ceremony."""
        path = self._state_path(ceremony)
        return _read_private(path).encode("ascii") if path.exists() else None

    def keep_state(self, ceremony: bytes, state: bytes) -> None:
        """Keep the state, durably."""
        self._write(self._state_path(ceremony), state)

    def destroy_state(self, ceremony: bytes) -> None:
        """Overwrite and remove the state."""
        destroy(self._state_path(ceremony))

    def share(self, generation: int, revision: int) -> KeyShare | None:
        """Give a share; the single file counts as revision 1 of generation 1."""
        path = self._share_path(generation, revision)
        if path.exists():
            return read_key_share(path)
        first = (generation, revision) == (1, 1) and self._single.exists()
        return read_key_share(self._single) if first else None

    def keep_share(self, generation: int, revision: int, share: KeyShare) -> None:
        """Keep a new share beside the present one."""
        value = json.dumps({"holder": share.holder, "secret": f"{share.secret:x}"})
        self._write(self._share_path(generation, revision), value.encode("ascii"))

    def pinned(self, oprf: Oprf, member: MemberId) -> KeyShare:
        """Give the share that the rulebook pins for the gateway; raises CreditError(SETTINGS_INVALID) without it."""
        wanted = {holder.member: (holder.index, holder.share_key) for holder in oprf.holders}.get(member)
        files = [self._share_path(oprf.generation, revision) for revision in range(oprf.revision, 0, -1)]
        for path in (*files, self._single):
            if path.exists():
                share = read_key_share(path)
                if (share.holder, share.key.public) == wanted:
                    return share
        raise CreditError(Code.SETTINGS_INVALID, "the gateway's share is not the one that the rulebook pins")

    def in_use(self, document: RulebookDocument, member: MemberId, now: int) -> dict[int, KeyShare]:
        """
        Give the shares by generation: of the one in force, the one announced, and retired ones that are asked about.

        Raises CreditError(SETTINGS_INVALID) where the share in force is not here; others may be missing.
        """
        found = {document.oprf.generation: self.pinned(document.oprf, member)}
        for other in generations_held(document, now)[1:]:
            with suppress(CreditError):
                found[other.generation] = self.pinned(other, member)
        return found

    def destroy_over(self, document: RulebookDocument, member: MemberId, now: int) -> None:
        """Destroy what the rulebook has replaced: earlier revisions, and generations that nobody asks about."""
        self.destroy_before(document.oprf, member)
        held = [one.generation for one in generations_held(document, now)]
        for retired in document.retired:
            if retired.generation not in held:
                self._destroy_all(retired, member)

    def _destroy_all(self, oprf: Oprf, member: MemberId) -> None:
        with suppress(CreditError):
            share = self.pinned(oprf, member)
            if self._single.exists() and read_key_share(self._single) == share:
                destroy(self._single)
        for path in self._folder.glob(self._share_path(oprf.generation, 0).name.replace("000000", "*")):
            destroy(path)

    def destroy_before(self, oprf: Oprf, member: MemberId) -> None:
        """Destroy shares of earlier revisions of this generation; call it once the rulebook pins the new one."""
        for revision in range(1, oprf.revision):
            destroy(self._share_path(oprf.generation, revision))
        if self._single.exists() and oprf.revision > 1 and self._share_path(oprf.generation, oprf.revision).exists():
            keys = {holder.share_key for holder in oprf.holders if holder.member == member}
            if read_key_share(self._single).key.public not in keys:
                destroy(self._single)

    def _write(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_private(path, data)

    def _share_path(self, generation: int, revision: int) -> Path:
        return self._folder / f"generation-{generation:04d}-revision-{revision:06d}.json"

    def _state_path(self, ceremony: bytes) -> Path:
        return self._folder / f"ceremony-{ceremony.hex()[:32]}.json"


def _read_private(path: Path) -> str:
    try:
        return read_private(path).decode("ascii")
    except UnicodeDecodeError:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} cannot be read: UnicodeDecodeError") from None
