"""Every vector of RFC 9497, appendix A.1 (ristretto255-SHA512), modes OPRF and VOPRF, whole and through shares."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from consortium.hashing import Randomness
from consortium.oprf import evaluation, group
from consortium.oprf.blinding import (
    BlindedBatch,
    VerifiedAnswer,
    blind,
    finalize,
    finalize_shared,
    finalize_verifiable,
    verify_answer,
)
from consortium.oprf.elements import Evaluation, Proof
from consortium.oprf.sharing import lagrange
from consortium.oprf.suite import OPRF, VOPRF, KeyPair, Suite, derive_key_pair
from tests.conftest import SHARED
from tests.support.dealer import deal
from tests.support.randomness import scripted, seeded

SUITE_NAME = "ristretto255-SHA512"
FILE = SHARED / "vectors" / "rfc9497" / "allVectors.json"
SUITES = {0: OPRF, 1: VOPRF}
SHARINGS = [(1, 1), (1, 3), (2, 2), (2, 3), (3, 5)]


@dataclass(frozen=True)
class Vector:
    mode: int
    seed: bytes
    key_info: bytes
    secret: bytes
    public: bytes | None
    inputs: list[bytes]
    blinds: list[bytes]
    blinded: list[bytes]
    evaluated: list[bytes]
    outputs: list[bytes]
    proof: bytes
    nonce: bytes

    @property
    def suite(self) -> Suite:
        return SUITES[self.mode]

    @property
    def keys(self) -> KeyPair:
        return derive_key_pair(self.suite, self.seed, self.key_info)

    def blind(self) -> BlindedBatch:
        return blind(self.inputs, scripted(self.blinds), self.suite)


def _column(vector: dict[str, Any], name: str) -> list[bytes]:
    return [bytes.fromhex(item) for item in vector[name].split(",")]


@cache
def _load(path: Path) -> list[Vector]:
    if not path.exists():
        return []
    return [
        _vector(suite, vector)
        for suite in json.loads(path.read_text())
        if suite["identifier"] == SUITE_NAME and suite["mode"] in SUITES
        for vector in suite["vectors"]
    ]


def _vector(suite: dict[str, Any], vector: dict[str, Any]) -> Vector:
    proof = vector.get("Proof", {})
    return Vector(
        mode=int(suite["mode"]),
        seed=bytes.fromhex(suite["seed"]),
        key_info=bytes.fromhex(suite["keyInfo"]),
        secret=bytes.fromhex(suite["skSm"]),
        public=bytes.fromhex(suite["pkSm"]) if "pkSm" in suite else None,
        inputs=_column(vector, "Input"),
        blinds=_column(vector, "Blind"),
        blinded=_column(vector, "BlindedElement"),
        evaluated=_column(vector, "EvaluationElement"),
        outputs=_column(vector, "Output"),
        proof=bytes.fromhex(proof.get("proof", "")),
        nonce=bytes.fromhex(proof.get("r", "")),
    )


VECTORS = _load(FILE)
VERIFIABLE = [vector for vector in VECTORS if vector.mode == 1]

pytestmark = pytest.mark.skipif(not VECTORS, reason=f"no vectors: set CREDIT_SHARED (looked in {FILE})")


def _randomness(vector: Vector) -> Randomness:
    return scripted([vector.nonce])


def test_all_vectors_of_both_modes_are_there() -> None:
    assert [(vector.mode, len(vector.inputs)) for vector in VECTORS] == [(0, 1), (0, 1), (1, 1), (1, 1), (1, 2)]


@pytest.mark.parametrize("vector", VECTORS)
def test_key_derivation(vector: Vector) -> None:
    assert group.encode_scalar(vector.keys.secret) == vector.secret
    if vector.public is not None:
        assert vector.keys.public == vector.public


@pytest.mark.parametrize("vector", VECTORS)
def test_blinded_elements(vector: Vector) -> None:
    assert [element.value for element in vector.blind().elements] == vector.blinded


@pytest.mark.parametrize("vector", VECTORS)
def test_evaluated_elements_and_outputs(vector: Vector) -> None:
    batch = vector.blind()
    evaluated = evaluation.blind_evaluate(vector.keys.secret, batch.elements)
    assert [element.value for element in evaluated] == vector.evaluated
    assert finalize(batch, evaluated) == vector.outputs


@pytest.mark.parametrize("vector", VERIFIABLE)
def test_proof_and_verified_outputs(vector: Vector) -> None:
    batch = vector.blind()
    keys = vector.keys
    answer = evaluation.blind_evaluate_verifiable(keys.secret, keys.public, batch.elements, _randomness(vector))
    assert answer.proof.encode() == vector.proof
    assert finalize_verifiable(batch, answer, keys.public) == vector.outputs


@pytest.mark.parametrize("vector", VERIFIABLE)
def test_given_proof_verifies(vector: Vector) -> None:
    batch = vector.blind()
    evaluated = evaluation.blind_evaluate(vector.keys.secret, batch.elements)
    answer = Evaluation(evaluated, Proof.decode(vector.proof))
    assert finalize_verifiable(batch, answer, vector.keys.public) == vector.outputs


def _combined(answers: Sequence[VerifiedAnswer]) -> list[bytes]:
    """The evaluated elements of the undivided key, by Lagrange in the exponent."""
    coefficients = lagrange([answer.share_key.holder for answer in answers])
    columns = zip(*(answer.evaluated for answer in answers), strict=True)
    return [group.linear_combination(coefficients, [element.value for element in column]) for column in columns]


@pytest.mark.parametrize("vector", VERIFIABLE)
@pytest.mark.parametrize(("threshold", "holders"), SHARINGS)
def test_every_subset_of_holders_gives_the_single_key_values(vector: Vector, threshold: int, holders: int) -> None:
    shares, key = deal(vector.keys.secret, threshold, holders, seeded(f"{threshold} of {holders}"))
    assert key.public == vector.public
    batch = vector.blind()
    assert [element.value for element in batch.elements] == vector.blinded
    answers = [
        verify_answer(
            batch.elements,
            evaluation.blind_evaluate_verifiable(share.secret, share.key.public, batch.elements, seeded("proof")),
            share.key,
        )
        for share in shares
    ]
    for subset in combinations(answers, threshold):
        assert _combined(subset) == vector.evaluated
        assert finalize_shared(batch, subset, key) == vector.outputs
        assert finalize_shared(batch, subset[::-1], key) == vector.outputs
