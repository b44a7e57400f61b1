"""
A witness: remembers the newest checkpoint of a log and cosigns only what grew from it (C2SP tlog-witness).

Pure: `judge` takes what the witness knows and what the log shows, and gives what to remember. The shell stores that
durably *before* it cosigns, so that no crash makes a witness sign two histories. What is refused is evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.transparency.checkpoints import SignedCheckpoint, open_checkpoint
from consortium.transparency.notes import NoteSignature, NoteSigner, VerifierKey
from consortium.transparency.tree import verify_consistency


@dataclass(frozen=True, slots=True)
class WitnessState:
    """The newest checkpoint that a witness has accepted of one log."""

    newest: SignedCheckpoint

    def to_bytes(self) -> bytes:
        """Give what is stored: the note."""
        return self.newest.note.to_bytes()


def witness_state_from_bytes(data: bytes, log: VerifierKey) -> WitnessState:
    """Read a stored state; raises CreditError(CHECKPOINT_INVALID)."""
    return WitnessState(open_checkpoint(data, log))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints that one log signed and that do not go together, and why."""

    code: Code
    known: bytes
    offered: bytes
    proof: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Give a file for a third party: canonical JSON with both notes."""
        return canonical_json(
            {
                "kind": "log-evidence",
                "code": self.code.value,
                "known": self.known.hex(),
                "offered": self.offered.hex(),
                "proof": [node.hex() for node in self.proof],
            }
        )


class WitnessRefusedError(CreditError):
    """A tree that shrank or forked; `evidence` is to be kept."""

    def __init__(self, code: Code, cause: str, evidence: Evidence) -> None:
        super().__init__(code, cause)
        self.evidence = evidence


def judge(state: WitnessState | None, offered: SignedCheckpoint, proof: Sequence[bytes]) -> WitnessState:
    """
    Give the state to store before cosigning `offered`, whose log signature was verified.

    `proof` is the consistency proof from the known size; empty where nothing is known, where the known tree was empty,
    or where the size is the same. Raises WitnessRefusedError: LOG_BEHIND for a smaller tree, LOG_FORKED for another
    root of the same size or a proof that does not hold.
    """
    if state is None or state.newest.size == 0:
        return WitnessState(offered)
    known = state.newest
    if offered.size < known.size:
        raise _refused(Code.LOG_BEHIND, f"{offered.size} after {known.size} entries", known, offered, proof)
    try:
        verify_consistency(known.size, offered.size, proof, known.root, offered.root)
    except CreditError as error:
        raise _refused(Code.LOG_FORKED, error.cause, known, offered, proof) from error
    return WitnessState(offered)


def cosign(signer: NoteSigner, state: WitnessState, now: int) -> NoteSignature:
    """Cosign what is stored; `now` is Unix seconds."""
    return signer.cosign(state.newest.note.text, now)


def check_evidence(data: bytes, log: VerifierKey) -> tuple[str, bool]:
    """
    Say what a file of evidence shows to somebody who knows the log's key only, and whether that is proof.

    Raises CreditError(MALFORMED) or (CHECKPOINT_INVALID) where it shows nothing.
    """
    first, second = two_checkpoints(data, log)
    if first.size == second.size and first.root != second.root:
        return "the log signed two roots for one size", True
    if first.root == second.root:
        raise CreditError(Code.MALFORMED, "two checkpoints that agree")
    return "the log signed both; whether one grew from the other it must show by a consistency proof", False


def two_checkpoints(data: bytes, log: VerifierKey) -> tuple[SignedCheckpoint, SignedCheckpoint]:
    """Read what was known and what was offered; raises CreditError(MALFORMED) or (CHECKPOINT_INVALID)."""
    match parse_canonical(data):
        case {"kind": "log-evidence", "known": str(known), "offered": str(offered)}:
            return open_checkpoint(_bytes(known), log), open_checkpoint(_bytes(offered), log)
        case _:
            raise CreditError(Code.MALFORMED, "not evidence about a log")


def _refused(
    code: Code, cause: str, known: SignedCheckpoint, offered: SignedCheckpoint, proof: Sequence[bytes]
) -> WitnessRefusedError:
    evidence = Evidence(code, known.note.to_bytes(), offered.note.to_bytes(), tuple(proof))
    return WitnessRefusedError(code, cause, evidence)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CreditError(Code.MALFORMED, "not hexadecimal") from None
