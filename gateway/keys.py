"""The gateway's own key files: refused unless only their owner can read them."""

import json
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.signing import Ed25519Signer
from consortium.oprf.sharing import KeyShare

SEED_BYTES = 32


def read_signer(path: Path) -> Ed25519Signer:
    """Read an Ed25519 identity key: 64 hex digits."""
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


def _read_private(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise CreditError(Code.SETTINGS_INVALID, f"{path.name} can be read by others: chmod 600")
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} cannot be read: {type(error).__name__}") from None
