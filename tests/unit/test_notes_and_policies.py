"""Signed notes, checkpoints, cosignatures, policies and proofs, against the examples of the C2SP specifications."""

import hashlib
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.transparency.checkpoints import open_checkpoint, parse_checkpoint, sign_checkpoint
from consortium.transparency.notes import (
    KeyType,
    Note,
    NoteSigner,
    VerifierKey,
    parse_note,
    parse_vkey,
    verify_cosigned,
    verify_signed,
)
from consortium.transparency.policy import parse_policy
from consortium.transparency.proofs import LogProof, log_proof_from_bytes
from consortium.transparency.ranges import RangeProof, range_proof, verify_range
from consortium.transparency.tree import EMPTY_ROOT, inclusion_proof, leaf_hash, tree_root
from tests.support.codes import refused
from tests.support.logs import LOG_SIGNER, SECOND, WITNESS, changed_byte, policy_text

DASH = "\N{EM DASH}"
LOG_LINE = "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
WITNESS_LINE = (
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
)
COSIGNED = f"""\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

{DASH} example.com/behind-the-sofa {LOG_LINE}
{DASH} witness.example.com/w1 {WITNESS_LINE}
"""
LOG_KEY = LOG_SIGNER.verifier(KeyType.ED25519)
WITNESS_KEY = WITNESS.verifier(KeyType.COSIGNATURE)


def test_the_example_of_the_specification_is_read_and_written_back() -> None:
    note = parse_note(COSIGNED.encode())
    assert note.to_bytes() == COSIGNED.encode()
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == note.text
    log, witness = note.signatures
    assert (log.name, log.key_id.hex(), len(log.signature)) == ("example.com/behind-the-sofa", "033de0ae", 64)
    assert int.from_bytes(witness.signature[:8], "big") == 1_679_315_147  # the time that the specification names
    assert len(witness.signature) == 72


def test_the_key_id_is_that_of_the_formula() -> None:
    expected = hashlib.sha256(LOG_SIGNER.name.encode() + b"\n\x01" + LOG_SIGNER.public).digest()[:4]
    assert LOG_KEY.id == expected
    assert parse_vkey(LOG_KEY.vkey) == LOG_KEY
    assert LOG_KEY.vkey.startswith(f"{LOG_SIGNER.name}+{expected.hex()}+")


def test_a_vkey_of_the_go_tools() -> None:
    key = parse_vkey(
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )  # golang.org/x/mod/sumdb/note
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    line = f"{DASH} PeterNeumann {signature}\n"
    verify_signed(parse_note(f"{text}\n{line}".encode()), key)
    with refused(Code.CHECKPOINT_INVALID):
        verify_signed(parse_note(f"{text.replace('think', 'thank')}\n{line}".encode()), key)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text[:-1],
        lambda text: text.replace("\n", "\r\n", 1),
        lambda text: text.replace(DASH, "-"),
        lambda text: text.replace("IZniMp", "IZniM"),
        lambda text: text.replace("YQ8=", "YQ9="),
        lambda text: text + "\n",
        lambda text: text.replace(f"{DASH} ", f"{DASH}  "),
        lambda text: text.replace("sofa Az", "so+fa Az"),
        lambda _: "",
        lambda _: "x" * 70_000,
    ],
)
def test_malformed_notes_are_refused(change: Callable[[str], str]) -> None:
    changed = change(COSIGNED)
    assert changed != COSIGNED
    with refused(Code.CHECKPOINT_INVALID):
        parse_checkpoint(parse_note(changed.encode()).text)


@pytest.mark.parametrize(
    "text",
    ["a\n1\n", "a\n01\nx\n", "a\n-1\nx\n", "\n1\nx\n", "a\n1\nAAAA\n", "a\n0\n" + "A" * 43 + "=\n", "a\n9e1\nx\n"],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with refused(Code.CHECKPOINT_INVALID):
        parse_checkpoint(text)


def test_cosignatures_carry_their_time_and_fit_one_text_and_key() -> None:
    signed = sign_checkpoint(LOG_SIGNER, 3, b"r" * 32)
    note = signed.note.signed_by([WITNESS.cosign(signed.note.text, 1_790_000_000)])
    assert verify_cosigned(note, WITNESS_KEY) == 1_790_000_000
    assert open_checkpoint(note.to_bytes(), LOG_KEY).checkpoint == signed.checkpoint
    later = note.signed_by([WITNESS.cosign(signed.note.text, 1_790_000_009)])
    assert verify_cosigned(later, WITNESS_KEY) == 1_790_000_009
    other = Note(sign_checkpoint(LOG_SIGNER, 4, b"r" * 32).note.text, note.signatures)
    for wrong, key in ((other, WITNESS_KEY), (note, SECOND.verifier(KeyType.COSIGNATURE)), (note, LOG_KEY)):
        with refused(Code.CHECKPOINT_INVALID):
            verify_cosigned(wrong, key)
    impostor = NoteSigner(WITNESS.name, b"i" * 32)  # the same name: another id, so it is ignored
    assert verify_cosigned(note.signed_by([impostor.cosign(note.text, 5)]), WITNESS_KEY) == 1_790_000_000


@settings(max_examples=60)
@given(st.data())
def test_no_changed_byte_of_a_signed_checkpoint_verifies(data: st.DataObject) -> None:
    signed = sign_checkpoint(LOG_SIGNER, 3, b"r" * 32)
    whole = signed.note.signed_by([WITNESS.cosign(signed.note.text, 1_790_000_000)]).to_bytes()
    changed = changed_byte(whole, data.draw(st.integers(0, len(whole) - 1)))
    with refused(Code.CHECKPOINT_INVALID, Code.QUORUM_MISSING):
        parse_policy(policy_text().encode()).open(changed)


def key(name: str, kind: KeyType = KeyType.COSIGNATURE) -> str:
    return VerifierKey(name, kind, hashlib.sha256(name.encode()).digest()).vkey


GROUPS = "".join(
    [
        f"  # two levels, as in the specification\nlog {key('log', KeyType.ED25519)} https://log.example/\n\n",
        *(f"witness {name}\t{key(name)}\n" for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")),
        "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n",
        "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    ]
)


@pytest.mark.parametrize(
    ("names", "enough"),
    [("X1 X2 Y1", True), ("X1 X2 X3", False), ("X1 Y1 Y2 Y3", False), ("X2 X3 Y3", True), ("", False)],
)
def test_quorums_of_groups(names: str, enough: bool) -> None:  # noqa: FBT001  a row of the table
    policy = parse_policy(GROUPS.encode())
    assert policy._holds(policy.quorum, dict.fromkeys(names.split(), 1)) is enough


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none",
        "quorum none\nquorum none\n",
        "quorum X\n",
        "something else\n",
        f"log {key('a')}\nquorum none\n",
        f"witness none {key('a')}\nquorum none\n",
        f"witness a {key('a', KeyType.ED25519)}\nquorum none\n",
        f"witness a {key('a')}\nwitness b {key('a')}\nquorum none\n",
        f"witness a {key('a')}\nwitness a {key('b')}\nquorum none\n",
        f"witness a {key('a')}\ngroup g 2 a\nquorum g\n",
        f"witness a {key('a')}\ngroup g 0 a\nquorum g\n",
        f"witness a {key('a')}\ngroup g any a a\nquorum g\n",
        f"witness a {key('a')}\ngroup g any a\ngroup h any a\nquorum h\n",
        f"witness a {key('a')}\ngroup g any b\nquorum g\n",
        f"quorum a\nwitness a {key('a')}\n",
        "quorum none\r\n",
        "log a+00000000+AQ==\nquorum none\n",
        "quorum none extra\n",
    ],
)
def test_malformed_policies_are_refused(text: str) -> None:
    with refused(Code.POLICY_INVALID):
        parse_policy(text.encode())


def test_a_policy_is_enforced() -> None:
    signed = sign_checkpoint(LOG_SIGNER, 3, b"r" * 32)
    with refused(Code.QUORUM_MISSING):
        parse_policy(policy_text().encode()).open(signed.note.to_bytes())
    assert parse_policy(policy_text("none").encode()).open(signed.note.to_bytes()).witnessed == {}
    with refused(Code.CHECKPOINT_INVALID):
        stranger = sign_checkpoint(NoteSigner(LOG_SIGNER.name, b"z" * 32), 3, b"r" * 32)
        parse_policy(policy_text("none").encode()).open(stranger.note.to_bytes())


def test_a_proof_of_one_line_is_a_file_that_stands_alone() -> None:
    lines = [b'{"line":%d}' % number for number in range(21)]
    hashes = [leaf_hash(line) for line in lines]
    signed = sign_checkpoint(LOG_SIGNER, 21, tree_root(lines))
    note = signed.note.signed_by([WITNESS.cosign(signed.note.text, 1_790_000_000)]).to_bytes()
    policy = parse_policy(policy_text().encode())
    for extra in (None, b"", b"more"):
        proof = LogProof(7, tuple(inclusion_proof(hashes, 7)), note, extra)
        assert log_proof_from_bytes(proof.to_bytes()) == proof
        assert proof.verify(lines[7], policy).witnessed == {"regulator": 1_790_000_000}
    with refused(Code.TREE_PROOF_INVALID):
        proof.verify(lines[8], policy)
    for changed in (b"", b"c2sp.org/tlog-proof@v2", proof.to_bytes().replace(b"index 7", b"index 07")):
        with refused(Code.TREE_PROOF_INVALID):
            log_proof_from_bytes(changed)


@settings(max_examples=80)
@given(st.integers(0, 70), st.data())
def test_ranges_verify_and_no_changed_one_does(size: int, data: st.DataObject) -> None:
    lines = [secrets.token_bytes(3) for _ in range(size)]
    first = data.draw(st.integers(0, size))
    end = data.draw(st.integers(first, size))
    proof, root = range_proof([leaf_hash(line) for line in lines], first, end), tree_root(lines)
    chosen = lines[first:end]
    verify_range(proof, chosen, root)
    wrong = [[*chosen, b"x"], chosen[:-1], chosen[::-1], [b"other", *chosen[1:]], [*chosen[1:], *chosen[:1]]]
    for changed in wrong:
        if changed != chosen:
            with refused(Code.TREE_PROOF_INVALID):
                verify_range(proof, changed, root)
    if proof.left:
        with refused(Code.TREE_PROOF_INVALID):
            verify_range(RangeProof(first, end, size, (bytes(32), *proof.left[1:]), proof.right), chosen, root)
    with refused(Code.TREE_PROOF_INVALID):
        verify_range(proof, chosen, EMPTY_ROOT if root != EMPTY_ROOT else bytes(32))
    for bounds in ((first + 1, end, size), (end, first - 1, size)):  # the size itself is the checkpoint's word
        with refused(Code.TREE_PROOF_INVALID):
            verify_range(RangeProof(*bounds, proof.left, proof.right), chosen, root)
