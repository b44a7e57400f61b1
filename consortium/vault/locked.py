"""
The format of secret files under a passphrase.

A folder has one key ring: a file with the folder's file keys, sealed with AES-256-GCM under a key that argon2id
(RFC 9106) makes from the passphrase. Every other secret file is sealed with AES-256-GCM under a file key, so that
opening a folder costs one argon2id, and a new passphrase is one new file. Headers are bound in as associated data.
"""

from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, encode_fields
from consortium.labels import Label
from consortium.membership.signed import parse_document
from consortium.model.document import Bytes, Document
from consortium.silent import Silent

FORM = "credit-key-ring/1"
KEY_BYTES, ID_BYTES, NONCE_BYTES, SALT_BYTES = 32, 8, 12, 16
LOCKED = b"credit-locked-file/1 "
_HEADER_BYTES = len(LOCKED) + 2 * ID_BYTES + 1 + 2 * NONCE_BYTES + 1
MINIMUM_PASSPHRASE = 12
"""Characters; a few random words are better than any rule."""
MAXIMUM_PASSPHRASE = 1024


@dataclass(frozen=True, slots=True)
class Costs:
    """What argon2id takes: memory in KiB, passes over it, lanes."""

    memory_kib: int
    iterations: int
    lanes: int


COSTS = Costs(64 * 1024, 3, 4)
"""RFC 9106, section 4, the second recommended option: 64 MiB, three passes, four lanes."""
INSECURE_TEST_COSTS = Costs(64, 1, 1)


class _Header(Document):
    """How a key ring was sealed; bounded, so that nobody's file takes a machine's memory."""

    form: str = Field(pattern=f"^{FORM}$")
    memory_kib: int = Field(ge=32, le=2**20)
    iterations: int = Field(ge=1, le=16)
    lanes: int = Field(ge=1, le=16)
    salt: Bytes
    nonce: Bytes


class _RingFile(_Header):
    sealed: Bytes


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing(Silent):
    """A folder's file keys by id, the one to seal with first; others are of a change that is under way."""

    keys: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def open(cls, data: bytes, passphrase: bytes) -> Self:
        """
        Open a key ring; takes the argon2id of its header.

        Raises CreditError(KEY_FILE_DAMAGED) for something else than a key ring, (PASSPHRASE_WRONG).
        """
        found = parse_document(_RingFile, data, Code.KEY_FILE_DAMAGED)
        header = _Header(**found.model_dump(exclude={"sealed"}))
        costs = Costs(header.memory_kib, header.iterations, header.lanes)
        plain = _opened(_stretched(passphrase, header.salt, costs), header.nonce, found.sealed, _ring_aad(header))
        if plain is None:
            raise CreditError(Code.PASSPHRASE_WRONG)
        width = ID_BYTES + KEY_BYTES
        parts = [plain[place : place + width] for place in range(0, len(plain), width)]
        return cls(tuple((part[:ID_BYTES], part[ID_BYTES:]) for part in parts))

    def seal(self, passphrase: bytes, rng: Randomness, costs: Costs = COSTS) -> bytes:
        """Seal under a passphrase; raises CreditError(PASSPHRASE_WEAK) for one that is too short or too long."""
        if not MINIMUM_PASSPHRASE <= len(passphrase.decode("utf-8", "replace")) <= MAXIMUM_PASSPHRASE:
            raise CreditError(Code.PASSPHRASE_WEAK, f"at least {MINIMUM_PASSPHRASE} characters")
        header = _Header(
            form=FORM,
            memory_kib=costs.memory_kib,
            iterations=costs.iterations,
            lanes=costs.lanes,
            salt=rng(SALT_BYTES),
            nonce=rng(NONCE_BYTES),
        )
        plain = b"".join(identity + key for identity, key in self.keys)
        key = _stretched(passphrase, header.salt, costs)
        sealed = AESGCM(key).encrypt(header.nonce, plain, _ring_aad(header))
        return _RingFile(**header.model_dump(), sealed=sealed).to_bytes()

    def with_new(self, rng: Randomness) -> "KeyRing":
        """Give the ring with a fresh key to seal with, the present ones kept for opening."""
        return KeyRing(((rng(ID_BYTES), rng(KEY_BYTES)), *self.keys))

    def newest_only(self) -> "KeyRing":
        """Give the ring with the key to seal with alone."""
        return KeyRing(self.keys[:1])

    def lock(self, plain: bytes, rng: Randomness) -> bytes:
        """Seal a file's content with the newest key."""
        (identity, key), nonce = self.keys[0], rng(NONCE_BYTES)
        header = LOCKED + identity.hex().encode() + b" " + nonce.hex().encode() + b"\n"
        return header + AESGCM(key).encrypt(nonce, plain, encode_fields(Label.LOCKED_FILE, header))

    def unlock(self, data: bytes) -> bytes:
        """Give what was sealed; raises CreditError(KEY_FILE_DAMAGED)."""
        header, identity = data[:_HEADER_BYTES], locked_by(data)
        key = dict(self.keys).get(identity)
        if key is None:
            raise CreditError(Code.KEY_FILE_DAMAGED, "locked by another key ring")
        nonce = bytes.fromhex(header[-1 - 2 * NONCE_BYTES : -1].decode("ascii"))
        plain = _opened(key, nonce, data[_HEADER_BYTES:], encode_fields(Label.LOCKED_FILE, header))
        if plain is None:
            raise CreditError(Code.KEY_FILE_DAMAGED, "it was changed")
        return plain


def is_locked(data: bytes) -> bool:
    """Say whether a file's bytes are sealed."""
    return data.startswith(LOCKED)


def locked_by(data: bytes) -> bytes:
    """Give the id of the key that sealed a file; raises CreditError(KEY_FILE_DAMAGED)."""
    header = data[:_HEADER_BYTES]
    try:
        identity, nonce = header[len(LOCKED) : -1].split(b" ")
        found = bytes.fromhex(identity.decode("ascii")), bytes.fromhex(nonce.decode("ascii"))
    except ValueError:
        found = b"", b""
    if tuple(map(len, found)) != (ID_BYTES, NONCE_BYTES) or header[-1:] != b"\n" or not is_locked(data):
        raise CreditError(Code.KEY_FILE_DAMAGED, "no header of a locked file")
    return found[0]


def _ring_aad(header: _Header) -> bytes:
    return encode_fields(Label.KEY_RING, header.to_bytes())


def _stretched(passphrase: bytes, salt: bytes, costs: Costs) -> bytes:
    if len(salt) != SALT_BYTES or costs.memory_kib < 8 * costs.lanes:
        raise CreditError(Code.KEY_FILE_DAMAGED, "a key ring with other parameters")
    stretching = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=costs.iterations, lanes=costs.lanes, memory_cost=costs.memory_kib
    )
    return stretching.derive(passphrase)


def _opened(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes | None:
    """Open, or give None: the exception would carry nothing that helps, and must carry nothing else."""
    if len(nonce) != NONCE_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        return None
