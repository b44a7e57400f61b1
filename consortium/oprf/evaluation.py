"""The server side of the OPRF: a key holder evaluates blinded elements and proves it (RFC 9497, section 3.3)."""

from collections.abc import Sequence

from consortium.hashing import Randomness
from consortium.oprf import dleq, group
from consortium.oprf.elements import BlindedElement, EvaluatedElement, Evaluation
from consortium.oprf.suite import check_batch


def blind_evaluate(secret: int, blinded: Sequence[BlindedElement]) -> tuple[EvaluatedElement, ...]:
    """
    Multiply 1 to MAX_BATCH blinded elements by the secret, in order (BlindEvaluate, RFC 9497, section 3.3.1).

    Raises CreditError(MALFORMED) for a batch out of bounds or an element that is not one.
    """
    check_batch(blinded)
    return tuple(EvaluatedElement(group.scale(secret, element.value)) for element in blinded)


def blind_evaluate_verifiable(
    secret: int, public: bytes, blinded: Sequence[BlindedElement], rng: Randomness
) -> Evaluation:
    """
    Evaluate a batch and prove it against `public`, the secret times the generator (RFC 9497, section 3.3.2).

    A key or a share of one alike; two multiplications per element. `rng` as in `dleq.prove`.
    """
    elements = blind_evaluate(secret, blinded)
    return Evaluation(elements, dleq.prove(secret, public, blinded, elements, rng))
