"""RFC 6962 trees against published vectors: 98 inclusion and 98 consistency proofs, good and bad."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.transparency.tree import EMPTY_ROOT, tree_root, verify_consistency, verify_inclusion
from tests.support.codes import refused

# Good by the vectors' own verifier, but its roots are 12 bytes long: no tree has such a root, so we refuse it.
SHORT_ROOTS = "sizes are equal (one) and proof is empty"

RFC_LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243")] + [
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]
RFC_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def vectors(shared: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    folder = shared / "vectors" / "merkle" / kind
    if not folder.is_dir():
        pytest.skip(f"no Merkle vectors under {shared}")
    return [(str(path.relative_to(folder)), json.loads(path.read_text())) for path in sorted(folder.rglob("*.json"))]


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def test_inclusion_proofs(shared: Path) -> None:
    found = vectors(shared, "inclusion")
    assert len(found) == 98
    outcomes = []
    for name, vector in found:
        proof = [decoded(node) for node in vector["proof"] or []]
        arguments = (decoded(vector["leafHash"]), vector["leafIdx"], vector["treeSize"], proof, decoded(vector["root"]))
        if vector["wantErr"]:
            with refused(Code.TREE_PROOF_INVALID):
                verify_inclusion(*arguments)
        else:
            verify_inclusion(*arguments)
        outcomes.append((name, vector["wantErr"]))
    assert 0 < sum(bad for _, bad in outcomes) < 98


def test_consistency_proofs(shared: Path) -> None:
    found = vectors(shared, "consistency")
    assert len(found) == 98
    short = 0
    for _, vector in found:
        proof = [decoded(node) for node in vector["proof"] or []]
        first, second = decoded(vector["root1"]), decoded(vector["root2"])
        too_short = vector["desc"] == SHORT_ROOTS and len(first) == 12 and not vector["wantErr"]
        short += too_short
        if vector["wantErr"] or too_short:
            with refused(Code.TREE_PROOF_INVALID):
                verify_consistency(vector["size1"], vector["size2"], proof, first, second)
        else:
            verify_consistency(vector["size1"], vector["size2"], proof, first, second)
    assert short == 1


def test_roots_of_the_reference_tree() -> None:
    assert hashlib.sha256().digest() == EMPTY_ROOT == tree_root([])
    for size, root in enumerate(RFC_ROOTS, start=1):
        assert tree_root(RFC_LEAVES[:size]).hex() == root
