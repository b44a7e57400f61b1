"""The node's Paillier key: made once, kept in an owner-only file, certified anew for each day."""

from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.sums.profiles import Profile
from consortium.sums.secret import SecretKey


def load_or_make(path: Path, profile: Profile) -> SecretKey:
    """
    Read the key, or make one (about two seconds at 3072 bits) and keep it; never overwrites.

    Raises CreditError(SETTINGS_INVALID) where the file can be read by others or holds no key of the profile.
    """
    if not path.exists():
        key = SecretKey.generate(profile)
        temporary = path.with_name(f"{path.name}.new")
        temporary.touch(mode=0o600)
        temporary.write_bytes(key.to_bytes())
        temporary.replace(path)
        return key
    if path.stat().st_mode & 0o077:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: others may read it; chmod 600")
    return SecretKey.from_bytes(path.read_bytes(), profile)
