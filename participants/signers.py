"""
Identity keys in a party's folder, behind the port `Signer`: whoever signs asks for one here and never sees the key.

A key in an HSM is one more class with `public` and `sign`, given out by `signer_in` in place of the file's.
"""

from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.signing import Ed25519Signer, Signer
from participants.private_files import read_private

SEED_BYTES = 32


def signer_in(path: Path) -> Signer:
    """Give the signer of a key file, under a passphrase or not; raises CreditError as `seed_in`."""
    return Ed25519Signer(seed_in(path))


def seed_in(path: Path) -> bytes:
    """
    Read a key file: 64 hex digits.

    Raises CreditError(SETTINGS_INVALID) where it holds something else, and as `read_private`.
    """
    return seed_of(read_private(path), path.name)


def seed_of(data: bytes, name: str) -> bytes:
    """Read a key file's 64 hex digits; raises CreditError(SETTINGS_INVALID)."""
    try:
        seed = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise CreditError(Code.SETTINGS_INVALID, f"{name}: holds no key")
    return seed
