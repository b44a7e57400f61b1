"""Batched proofs of discrete-logarithm equality: one secret made every answer of a batch (RFC 9497, section 2.2)."""

import hashlib
from collections.abc import Sequence

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement, EvaluatedElement, Proof
from consortium.oprf.suite import VOPRF, check_batch, prefixed

_ELEMENT_PREFIX = prefixed(group.IDENTITY)[:2]


def prove(
    secret: int,
    public: bytes,
    blinded: Sequence[BlindedElement],
    evaluated: Sequence[EvaluatedElement],
    rng: Randomness,
) -> Proof:
    """
    Prove that every evaluated element is `secret` times its blinded element and `public` that of the generator.

    One multiplication per element (ComputeCompositesFast and GenerateProof, RFC 9497, section 2.2.1). `rng` must be
    fresh for every proof: two proofs with one nonce give the secret away.
    """
    check_batch(blinded, evaluated)
    weights = _weights(public, blinded, evaluated)
    composite = group.linear_combination(weights, (element.value for element in blinded))
    image = group.scale(secret, composite)
    nonce = group.random_scalar(rng)
    challenge = _challenge(public, composite, image, group.scale_base(nonce), group.scale(nonce, composite))
    return Proof(challenge, (nonce - challenge * secret) % group.ORDER)


def verify(
    public: bytes,
    blinded: Sequence[BlindedElement],
    evaluated: Sequence[EvaluatedElement],
    proof: Proof,
    prover: str = "the key holder",
) -> None:
    """
    Verify a batched proof; two multiplications per element (VerifyProof, RFC 9497, section 2.2.2).

    Raises CreditError(PROOF_INVALID) naming `prover`, also where elements or scalars are degenerate, and
    CreditError(MALFORMED) for an empty batch, one over the limit or of differing lengths.
    """
    check_batch(blinded, evaluated)
    try:
        expected = _expected_challenge(public, blinded, evaluated, proof)
    except CreditError:
        raise CreditError(Code.PROOF_INVALID, prover) from None
    if expected != proof.challenge:
        raise CreditError(Code.PROOF_INVALID, prover)


def _expected_challenge(
    public: bytes, blinded: Sequence[BlindedElement], evaluated: Sequence[EvaluatedElement], proof: Proof
) -> int:
    weights = _weights(public, blinded, evaluated)
    composite = group.linear_combination(weights, (element.value for element in blinded))
    image = group.linear_combination(weights, (element.value for element in evaluated))
    commitment = group.add(group.scale_base(proof.response), group.scale(proof.challenge, public))
    shifted = group.linear_combination((proof.response, proof.challenge), (composite, image))
    return _challenge(public, composite, image, commitment, shifted)


def _weights(public: bytes, blinded: Sequence[BlindedElement], evaluated: Sequence[EvaluatedElement]) -> list[int]:
    """Hash key and batch to one weight per pair (the first half of ComputeComposites, RFC 9497, section 2.2.1)."""
    seed = hashlib.sha512(prefixed(public) + prefixed(VOPRF.seed_dst)).digest()
    start = prefixed(seed)
    return [
        group.hash_to_scalar(
            b"".join(
                (start, place.to_bytes(2, "big"), _ELEMENT_PREFIX, c.value, _ELEMENT_PREFIX, d.value, b"Composite")
            ),
            VOPRF.scalar_dst,
        )
        for place, (c, d) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _challenge(*elements: bytes) -> int:
    return group.hash_to_scalar(b"".join(map(prefixed, elements)) + b"Challenge", VOPRF.scalar_dst)
