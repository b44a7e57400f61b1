"""A witness against a log that grows, shrinks and forks, with crashes between every two steps of both."""

from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consortium.errors import Code
from consortium.transparency.checkpoints import SignedCheckpoint, open_checkpoint, sign_checkpoint
from consortium.transparency.notes import KeyType
from consortium.transparency.tree import consistency_proof, leaf_hash, tree_root, verify_consistency
from consortium.transparency.witness import (
    WitnessRefusedError,
    WitnessState,
    check_evidence,
    cosign,
    judge,
    witness_state_from_bytes,
)
from participants.storage.witness import WitnessFiles
from tests.support.codes import refused
from tests.support.logs import LOG_SIGNER, WITNESS

KEY = LOG_SIGNER.verifier(KeyType.ED25519)


class WitnessMachine(RuleBasedStateMachine):
    """The histories that a lying log may show; what the witness ever cosigned must be one history."""

    @initialize()
    def begin(self) -> None:
        self.files = WitnessFiles(Path(mkdtemp(prefix="witness-")))
        self.histories: list[list[bytes]] = [[]]
        self.cosigned: list[tuple[SignedCheckpoint, list[bytes]]] = []

    @rule(history=st.integers(0, 3), count=st.integers(1, 9))
    def grow(self, history: int, count: int) -> None:
        lines = self.histories[history % len(self.histories)]
        lines += [b"%d/%d" % (history, len(lines) + n) for n in range(count)]

    @rule(history=st.integers(0, 3), keep=st.integers(0, 20))
    def fork(self, history: int, keep: int) -> None:
        if len(self.histories) < 4:
            lines = self.histories[history % len(self.histories)]
            self.histories.append([*lines[: min(keep, len(lines))], b"fork %d" % len(self.histories)])

    @rule(history=st.integers(0, 3), cut=st.integers(0, 5), honest=st.booleans(), crash=st.sampled_from("-bs"))
    def offer(self, history: int, cut: int, honest: bool, crash: str) -> None:  # noqa: FBT001  drawn
        """Show a checkpoint with a proof; the witness may stop before it stores (b) or before it signs (s)."""
        lines = self.histories[history % len(self.histories)]
        lines = lines[: max(0, len(lines) - cut)]
        offered = sign_checkpoint(LOG_SIGNER, len(lines), tree_root(lines))
        with self.files.state() as (note, store):
            known = witness_state_from_bytes(note, KEY) if note else None
            try:
                state = judge(known, offered, self._proof(lines, known, honest=honest))
            except WitnessRefusedError as error:
                path = self.files.keep(error.evidence)
                assert known is not None
                self._check_evidence(path.read_bytes(), known.newest, offered)
                return
            if crash == "b":
                return
            store(state.to_bytes())
        if crash != "s":
            cosign(WITNESS, state, 1_790_000_000)
            self.cosigned.append((offered, lines))

    def _proof(self, lines: list[bytes], known: WitnessState | None, *, honest: bool) -> list[bytes]:
        size = known.newest.size if known else 0
        if not 0 < size < len(lines):
            return []
        proof = consistency_proof([leaf_hash(line) for line in lines], size)
        return proof if honest else [bytes(32), *proof[1:]]

    def _check_evidence(self, data: bytes, known: SignedCheckpoint, offered: SignedCheckpoint) -> None:
        if known.size == offered.size:
            assert check_evidence(data, KEY)[1]
        elif known.root != offered.root:
            assert not check_evidence(data, KEY)[1]

    @invariant()
    def everything_cosigned_is_one_history(self) -> None:
        for (first, _), (second, lines) in zip(self.cosigned, self.cosigned[1:], strict=False):
            assert first.size <= second.size
            if first.size:
                proof = consistency_proof([leaf_hash(line) for line in lines], first.size)
                verify_consistency(first.size, second.size, proof, first.root, second.root)

    @invariant()
    def the_state_is_never_behind_what_was_cosigned(self) -> None:
        if self.cosigned:
            with self.files.state() as (note, _):
                assert note is not None
                assert open_checkpoint(note, KEY).size >= self.cosigned[-1][0].size


TestWitness = WitnessMachine.TestCase
TestWitness.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_evidence_that_proves_nothing_is_told_apart() -> None:
    same = sign_checkpoint(LOG_SIGNER, 3, b"r" * 32)
    for data in (b"{}", b"no", b'{"kind":"log-evidence","known":"zz","offered":"zz"}'):
        with refused(Code.MALFORMED):
            check_evidence(data, KEY)
    assert judge(None, same, ()) == WitnessState(same)
    assert judge(WitnessState(same), same, ()) == WitnessState(same)
