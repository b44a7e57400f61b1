"""
A key holder's shares and ceremony states: owner-only files below `shares/`, one a generation and revision.

`share.json` is read as well, as the share of revision 1 of its generation. A share that a newer revision replaced is
overwritten and removed; those of retired generations stay for access reports.
"""

import json
import os
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf
from consortium.oprf.group import encode_scalar
from consortium.oprf.sharing import KeyShare
from participants.private_files import write_private
from participants.settings import Folder, ShareFile

FOLDER = Path("shares")


class ShareFiles:
    """A `Keeper` of `consortium.ceremony.driver` in a folder."""

    def __init__(self, folder: Folder, single: Path = Path("share.json")) -> None:
        self._folder = folder
        self._single = single

    def state(self, ceremony: bytes) -> bytes | None:
        """Give the state of a ceremony."""
        name = _state_name(ceremony)
        return self._folder.read_private(name) if self._folder.path(name).exists() else None

    def keep_state(self, ceremony: bytes, state: bytes) -> None:
        """Keep the state."""
        self._write(_state_name(ceremony), state)

    def destroy_state(self, ceremony: bytes) -> None:
        """Overwrite and remove the state."""
        destroy(self._folder.path(_state_name(ceremony)))

    def share(self, generation: int, revision: int) -> KeyShare | None:
        """Give a share."""
        name = _share_name(generation, revision)
        if self._folder.path(name).exists():
            return _share(self._folder.read_secret(name, ShareFile))
        if revision == 1 and self._folder.path(self._single).exists():
            kept = self._folder.read_secret(self._single, ShareFile)
            return _share(kept) if kept.generation == generation else None
        return None

    def keep_share(self, generation: int, revision: int, share: KeyShare) -> None:
        """Keep a new share beside the present one."""
        value = {"holder": share.holder, "generation": generation, "secret": encode_scalar(share.secret).hex()}
        self._write(_share_name(generation, revision), json.dumps(value, indent=2).encode() + b"\n")

    def pinned(self, oprf: Oprf, member: MemberId) -> KeyShare:
        """
        Give the share whose key the rulebook pins for this holder.

        Raises CreditError(SETTINGS_INVALID) where it is not here, (RULEBOOK_MISMATCH) for somebody who holds none.
        """
        keys = {holder.member: (holder.index, holder.share_key) for holder in oprf.holders}
        if member not in keys:
            raise CreditError(Code.RULEBOOK_MISMATCH, "this party holds no share of the key in force")
        for revision in range(oprf.revision, 0, -1):
            share = self.share(oprf.generation, revision)
            if share is not None and (share.holder, share.key.public) == keys[member]:
                return share
        raise CreditError(Code.SETTINGS_INVALID, "the share is not the one that the rulebook pins for this custodian")

    def destroy_before(self, oprf: Oprf) -> int:
        """Destroy the shares of earlier revisions of a generation; gives how many there were."""
        names = [_share_name(oprf.generation, revision) for revision in range(1, oprf.revision)]
        if oprf.revision > 1 and self._holds_single(oprf.generation):
            names.append(self._single)
        found = [self._folder.path(name) for name in names if self._folder.path(name).exists()]
        for path in found:
            destroy(path)
        return len(found)

    def destroy_all(self, oprf: Oprf) -> int:
        """Destroy every share of a generation that nobody asks about any more; gives how many there were."""
        found = [*self._folder.path(FOLDER).glob(_share_name(oprf.generation, 0).name.replace("000000", "*"))]
        if self._holds_single(oprf.generation):
            found.append(self._folder.path(self._single))
        for path in found:
            destroy(path)
        return len(found)

    def _holds_single(self, generation: int) -> bool:
        if not self._folder.path(self._single).exists():
            return False
        return self._folder.read_secret(self._single, ShareFile).generation == generation

    def _write(self, name: Path, data: bytes) -> None:
        path = self._folder.path(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, data)


def destroy(path: Path) -> None:
    """Overwrite a file and remove it; what the file system or the disk keeps beside that, it keeps."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _share(kept: ShareFile) -> KeyShare:
    return KeyShare(kept.holder, int.from_bytes(kept.secret, "little"))


def _share_name(generation: int, revision: int) -> Path:
    return FOLDER / f"generation-{generation:04d}-revision-{revision:06d}.json"


def _state_name(ceremony: bytes) -> Path:
    return FOLDER / f"ceremony-{ceremony.hex()[:32]}.json"
