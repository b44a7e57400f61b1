"""
Offline proof that a line is in the log (C2SP tlog-proof), as one text file `*.tlog-proof`.

    c2sp.org/tlog-proof@v1
    [extra <base64>]
    index <decimal>
    <base64 of a hash>          the RFC 6962 inclusion path, from the leaf's sibling upwards
    ...
                                (an empty line)
    <the checkpoint, with its signatures>
"""

import base64
import re
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.transparency.notes import decode_base64
from consortium.transparency.policy import Judged, Policy
from consortium.transparency.tree import leaf_hash, verify_inclusion

MAGIC = "c2sp.org/tlog-proof@v1"
MAXIMUM_PROOF_BYTES = 1 << 17
MAXIMUM_PATH = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class LogProof:
    """A leaf's index, its inclusion path and the checkpoint's note; `extra` is authenticated by nothing."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def to_bytes(self) -> bytes:
        """Give the file's bytes."""
        extra = [] if self.extra is None else [f"extra {_base64(self.extra)}"]
        lines = [MAGIC, *extra, f"index {self.index}", *map(_base64, self.path), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    def verify(self, line: bytes, policy: Policy) -> Judged:
        """
        Verify that a line is in a log that the policy accepts, and give when who witnessed it.

        Raises CreditError(CHECKPOINT_INVALID), (QUORUM_MISSING) or (TREE_PROOF_INVALID).
        """
        judged = policy.open(self.checkpoint)
        signed = judged.signed
        verify_inclusion(leaf_hash(line), self.index, signed.size, self.path, signed.root)
        return judged


def log_proof_from_bytes(data: bytes) -> LogProof:
    """Parse a proof; raises CreditError(TREE_PROOF_INVALID) or (CHECKPOINT_INVALID). Nothing is verified yet."""
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or len(data) > MAXIMUM_PROOF_BYTES or not head.isascii():
        raise _invalid("no proof followed by a checkpoint")
    magic, *lines = head.decode("ascii").split("\n")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if magic != MAGIC or index is None or len(lines) > MAXIMUM_PATH + 1:
        raise _invalid("first lines of the proof")
    return LogProof(int(index.group(1)), tuple(map(decode_base64, lines[1:])), checkpoint, extra)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.TREE_PROOF_INVALID, cause)
