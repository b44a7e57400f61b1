"""The client side of the OPRF: blind inputs, verify holders' answers, combine and finalize (RFC 9497, section 3.3)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.oprf import dleq, group
from consortium.oprf.elements import BlindedElement, EvaluatedElement, Evaluation
from consortium.oprf.sharing import ShareKey, ThresholdKey, lagrange
from consortium.oprf.suite import MAX_INPUT_BYTES, VOPRF, Suite, check_batch, prefixed
from consortium.silent import Silent


@dataclass(frozen=True, slots=True, repr=False)
class BlindedBatch(Silent):
    """The client's memory of a batch: inputs and blinds stay, `elements` are sent; all in one order."""

    inputs: tuple[bytes, ...]
    blinds: tuple[int, ...]
    elements: tuple[BlindedElement, ...]


@dataclass(frozen=True, slots=True, repr=False)
class VerifiedAnswer(Silent):
    """A holder's answer whose proof held against `share_key`; made by `verify_answer` only."""

    share_key: ShareKey
    blinded: tuple[BlindedElement, ...]
    evaluated: tuple[EvaluatedElement, ...]


def blind(inputs: Sequence[bytes], rng: Randomness, suite: Suite = VOPRF) -> BlindedBatch:
    """
    Hash each input to the group and multiply it by a fresh blind (Blind, RFC 9497, section 3.3.1).

    1 to MAX_BATCH inputs of at most 65535 bytes; one multiplication each. `rng` gives 64 bytes a blind. Raises
    CreditError(MALFORMED) for a batch or an input out of bounds.
    """
    check_batch(inputs)
    if max(map(len, inputs)) > MAX_INPUT_BYTES:
        raise CreditError(Code.MALFORMED, "an input of more than 65535 bytes")
    blinds = tuple(group.random_scalar(rng) for _ in inputs)
    elements = tuple(
        BlindedElement(group.scale(scalar, group.hash_to_group(data, suite.group_dst)))
        for scalar, data in zip(blinds, inputs, strict=True)
    )
    return BlindedBatch(tuple(inputs), blinds, elements)


def verify_answer(blinded: tuple[BlindedElement, ...], answer: Evaluation, share_key: ShareKey) -> VerifiedAnswer:
    """
    Check a holder's proof over the batch against its share key; two multiplications per element.

    Raises CreditError(PROOF_INVALID) naming the holder's index, CreditError(MALFORMED) for differing lengths.
    """
    dleq.verify(share_key.public, blinded, answer.elements, answer.proof, prover=f"key holder {share_key.holder}")
    return VerifiedAnswer(share_key, blinded, answer.elements)


def finalize(batch: BlindedBatch, evaluated: Sequence[EvaluatedElement]) -> list[bytes]:
    """
    Unblind a single key's answers, unproven or verified before, to 64-byte outputs (Finalize, RFC 9497, 3.3.1).

    Raises CreditError(MALFORMED) for differing lengths or a bad element.
    """
    check_batch(batch.elements, evaluated)
    return _outputs(batch, [1], [evaluated])


def finalize_verifiable(batch: BlindedBatch, answer: Evaluation, public: bytes) -> list[bytes]:
    """Verify a single key's proof, then finalize (RFC 9497, section 3.3.2); CreditError(PROOF_INVALID)."""
    dleq.verify(public, batch.elements, answer.elements, answer.proof)
    return finalize(batch, answer.elements)


def finalize_shared(batch: BlindedBatch, answers: Sequence[VerifiedAnswer], key: ThresholdKey) -> list[bytes]:
    """
    Combine t verified answers in the exponent and finalize: the very outputs that the undivided key would give.

    One multiplication per element and holder: the Lagrange coefficient and the inverse blind are one scalar. Of more
    than t answers the first t are used. Raises CreditError(TOO_FEW_HOLDERS) below the threshold and
    CreditError(MALFORMED) for a holder that occurs twice, an answer to another batch or under another key.
    """
    _check_answers(batch, answers, key)
    chosen = answers[: key.threshold]
    coefficients = lagrange([answer.share_key.holder for answer in chosen])
    return _outputs(batch, coefficients, [answer.evaluated for answer in chosen])


def _check_answers(batch: BlindedBatch, answers: Sequence[VerifiedAnswer], key: ThresholdKey) -> None:
    if len({answer.share_key.holder for answer in answers}) != len(answers):
        raise CreditError(Code.MALFORMED, "two answers of one key holder")
    for answer in answers:
        if answer.blinded != batch.elements or answer.share_key not in key.share_keys:
            raise CreditError(Code.MALFORMED, "an answer to another batch or under another key")
    if len(answers) < key.threshold:
        raise CreditError(Code.TOO_FEW_HOLDERS, f"{len(answers)} answered, {key.threshold} are needed")


def _outputs(
    batch: BlindedBatch, coefficients: Sequence[int], columns: Sequence[Sequence[EvaluatedElement]]
) -> list[bytes]:
    """Sum up the holders' columns, each times its coefficient over the blind, and hash with the inputs."""
    rows = zip(batch.inputs, group.invert_all(batch.blinds), *columns, strict=True)
    return [_output(data, _unblind(inverse, coefficients, evaluated)) for data, inverse, *evaluated in rows]


def _unblind(inverse: int, coefficients: Sequence[int], evaluated: Sequence[EvaluatedElement]) -> bytes:
    scalars = [coefficient * inverse for coefficient in coefficients]
    return group.linear_combination(scalars, [element.value for element in evaluated])


def _output(data: bytes, unblinded: bytes) -> bytes:
    return hashlib.sha512(prefixed(data) + prefixed(unblinded) + b"Finalize").digest()
