"""
Checkpoints (C2SP tlog-checkpoint): what a log says of itself at one size, signed.

    origin              the log's name, which is also the name of its key
    size                number of leaves, decimal
    root                RFC 6962 tree hash, base64

Extension lines are read and kept; this project's log writes none.
"""

import base64
import re
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.transparency.notes import Note, NoteSigner, VerifierKey, decode_base64, parse_note, verify_signed
from consortium.transparency.tree import EMPTY_ROOT

MAXIMUM_SIZE = 2**53 - 1
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's size and root under the log's name."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line for line in lines) or len(self.root) != DIGEST_BYTES:
            raise _invalid("a line of the checkpoint")
        if not 0 <= self.size <= MAXIMUM_SIZE or (self.size == 0 and self.root != EMPTY_ROOT):
            raise _invalid("size of the checkpoint")

    @property
    def text(self) -> str:
        """The note's text."""
        root = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose log's signature was verified, with the note that may carry cosignatures."""

    checkpoint: Checkpoint
    note: Note

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return self.checkpoint.root


def sign_checkpoint(signer: NoteSigner, size: int, root: bytes) -> SignedCheckpoint:
    """Sign a checkpoint with the log's key; its name is the origin."""
    checkpoint = Checkpoint(signer.name, size, root)
    return SignedCheckpoint(checkpoint, Note(checkpoint.text, (signer.sign(checkpoint.text),)))


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a note's text; raises CreditError(CHECKPOINT_INVALID)."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise _invalid("three lines and their newlines are needed")
    origin, size, root, *extensions = lines
    if not _DECIMAL.fullmatch(size):
        raise _invalid("size of the checkpoint")
    return Checkpoint(origin, int(size), decode_base64(root), tuple(extensions))


def open_checkpoint(data: bytes, log: VerifierKey) -> SignedCheckpoint:
    """Parse a note and verify it as a checkpoint of this log; raises CreditError(CHECKPOINT_INVALID)."""
    return check_signed(parse_note(data), log)


def check_signed(note: Note, log: VerifierKey) -> SignedCheckpoint:
    """Verify a parsed note as a checkpoint of this log; raises CreditError(CHECKPOINT_INVALID)."""
    verify_signed(note, log)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log.name:
        raise _invalid("the checkpoint of another log")
    return SignedCheckpoint(checkpoint, note)


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.CHECKPOINT_INVALID, cause)
