r"""
Signed notes (C2SP signed-note) and witness cosignatures (C2SP tlog-cosignature): a text and who signed it.

    key id       = SHA-256(name || "\n" || type || public key)[:4]
    vkey         = name "+" hex(key id) "+" base64(type || public key)
    log          signs the text (type 0x01)
    witness      signs "cosignature/v1\ntime T\n" || text; its signature begins with T in 8 bytes (type 0x04)

Only Ed25519 (RFC 8032) is here. A signature of an unknown key is ignored, one of a known key must verify.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consortium.errors import Code, CreditError
from consortium.hashing import uint
from consortium.silent import Silent

KEY_BYTES = 32
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
TIME_BYTES = 8
MAXIMUM_NOTE_BYTES = 1 << 16
MAXIMUM_SIGNATURES = 256
MAXIMUM_TIME = 2**63 - 1
_DASH = "\N{EM DASH} "
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class KeyType(IntEnum):
    """What a key signs: the type byte of C2SP signed-note."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key with the kind of signature that it makes."""

    name: str
    type: KeyType
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.public) != KEY_BYTES:
            raise _invalid("name or length of a verifier key")

    @property
    def id(self) -> bytes:
        """The key id, 4 bytes."""
        return hashlib.sha256(self.name.encode() + b"\n" + uint(self.type, 1) + self.public).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as one word, as policies and configurations name it."""
        return f"{self.name}+{self.id.hex()}+{_base64(uint(self.type, 1) + self.public)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name and id, and what the key made."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line with its newline."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Give the note as it is sent."""
        return f"{self.text}\n{''.join(one.line for one in self.signatures)}".encode()

    def signed_by(self, more: Iterable[NoteSignature]) -> "Note":
        """Give the note with more signatures; those that it has are not added twice."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))


class NoteSigner(Silent):
    """A named private key in memory: a log's or a witness's, never one key for both."""

    __slots__ = ("_key", "name", "public")

    def __init__(self, name: str, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.name = name

    def verifier(self, kind: KeyType) -> VerifierKey:
        """Give the public key for one kind of signature."""
        return VerifierKey(self.name, kind, self.public)

    def sign(self, text: str) -> NoteSignature:
        """Sign a text as a log does."""
        return NoteSignature(self.name, self.verifier(KeyType.ED25519).id, self._key.sign(text.encode()))

    def cosign(self, text: str, time: int) -> NoteSignature:
        """Sign a checkpoint's text as a witness does, at a time in Unix seconds."""
        signature = self._key.sign(_cosigned(text, time))
        return NoteSignature(self.name, self.verifier(KeyType.COSIGNATURE).id, uint(time, TIME_BYTES) + signature)


def parse_vkey(text: str) -> VerifierKey:
    """Parse a vkey; raises CreditError(CHECKPOINT_INVALID)."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    data = decode_base64(encoded)
    if not data or data[0] not in [*KeyType]:
        raise _invalid("a type of key that is not known here")
    key = VerifierKey(name, KeyType(data[0]), data[1:])
    if not _KEY_ID.fullmatch(key_id) or bytes.fromhex(key_id) != key.id:
        raise _invalid("the id of a verifier key is not that of its content")
    return key


def parse_note(data: bytes) -> Note:
    """Parse a signed note; raises CreditError(CHECKPOINT_INVALID). Nothing is verified yet."""
    if len(data) > MAXIMUM_NOTE_BYTES:
        raise _invalid("too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise _invalid("not UTF-8") from None
    if any(char < " " and char != "\n" for char in whole):
        raise _invalid("a control character")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise _invalid("no signature lines")
    return Note(text + "\n", parse_signatures(signatures))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Parse signature lines, each with its newline; raises CreditError(CHECKPOINT_INVALID)."""
    *found, rest = lines.split("\n")
    if rest or not 1 <= len(found) <= MAXIMUM_SIGNATURES:
        raise _invalid("signature lines")
    return tuple(_parse_signature(line) for line in found)


def verify_signed(note: Note, key: VerifierKey) -> None:
    """Verify that a log's key signed the note; raises CreditError(CHECKPOINT_INVALID)."""
    for signature in _of_key(note, key, KeyType.ED25519):
        _verify(key, signature.signature, note.text.encode())


def verify_cosigned(note: Note, key: VerifierKey) -> int:
    """Verify a witness's cosignature and give its newest time; raises CreditError(CHECKPOINT_INVALID)."""
    return max(_cosignature_time(note.text, key, one) for one in _of_key(note, key, KeyType.COSIGNATURE))


def has_signature(note: Note, key: VerifierKey) -> bool:
    """Say whether the note claims a signature of a key, by name and id; it may be false."""
    return any((one.name, one.key_id) == (key.name, key.id) for one in note.signatures)


def decode_base64(text: str) -> bytes:
    """Decode standard Base 64 (RFC 4648, section 4) in its one form; raises CreditError(CHECKPOINT_INVALID)."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise _invalid("not Base 64") from None
    if _base64(data) != text:
        raise _invalid("Base 64 in another form than the canonical one")
    return data


def _of_key(note: Note, key: VerifierKey, kind: KeyType) -> list[NoteSignature]:
    if key.type is not kind:
        raise _invalid("a key of another type")
    found = [one for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]
    if not found:
        raise _invalid("a signature is missing")
    return found


def _cosignature_time(text: str, key: VerifierKey, signed: NoteSignature) -> int:
    time, signature = int.from_bytes(signed.signature[:TIME_BYTES], "big"), signed.signature[TIME_BYTES:]
    if time > MAXIMUM_TIME:
        raise _invalid("the time of a cosignature")
    _verify(key, signature, _cosigned(text, time))
    return time


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _verify(key: VerifierKey, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise _invalid("a signature of a known key does not fit") from None


def _parse_signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = decode_base64(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or len(data) <= KEY_ID_BYTES:
        raise _invalid("a signature line")
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    return bool(name) and not any(char.isspace() or char == "+" or char < " " for char in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.CHECKPOINT_INVALID, cause)
