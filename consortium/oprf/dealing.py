"""
Verifiable secret sharing over ristretto255: what one dealer makes, and what anybody can check of it.

A dealer commits to every coefficient of its polynomial (Feldman 1987); the receiver of a share checks it against
them, and everybody computes the share keys that follow. The dealer proves that it knows its constant term (Schnorr,
as in FROST's key generation, Komlo and Goldberg 2020, figure 1), so that no dealer can cancel another's.
Three uses differ in the constant term only: a new key (random), a refresh (zero, Herzberg et al. 1995), a re-sharing
(the dealer's own old share, Desmedt and Jajodia 1997).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import derive, encode_fields, uint
from consortium.labels import Label
from consortium.oprf import group
from consortium.oprf.sharing import evaluate_polynomial
from consortium.silent import Silent

PROOF_BYTES = group.ELEMENT_BYTES + group.SCALAR_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class Polynomial(Silent):
    """A dealer's secret polynomial: coefficients, constant term first."""

    coefficients: tuple[int, ...]

    def share(self, holder: int) -> int:
        """Give the value at a holder's index, 1 to 255."""
        return evaluate_polynomial(self.coefficients, holder)

    @property
    def commitments(self) -> tuple[bytes, ...]:
        """The generator multiplied by each coefficient; the identity for a constant term of zero."""
        return tuple(group.scale_base(one) if one else group.IDENTITY for one in self.coefficients)


def polynomial(seed: bytes, context: bytes, threshold: int, constant: int | None) -> Polynomial:
    """
    Derive a dealer's polynomial of degree threshold - 1 from its 32-byte seed: the same for the same context, always.

    `constant` fixes the constant term; None derives that too. Coefficients are uniform within 2^-250.
    """
    derived = [_scalar(seed, Label.DEALING_COEFFICIENT, context, uint(place, 2)) for place in range(threshold)]
    return Polynomial((derived[0] if constant is None else constant, *derived[1:]))


def check_commitments(commitments: Sequence[bytes], threshold: int, constant: bytes | None) -> None:
    """
    Refuse commitments unless there are `threshold` of them, elements other than the identity, with this constant term.

    `constant` is the share key of a re-sharing dealer or the identity for a refresh; None leaves it free. Raises
    CreditError(MALFORMED).
    """
    if len(commitments) != threshold:
        raise CreditError(Code.MALFORMED, f"{len(commitments)} commitments for a threshold of {threshold}")
    if constant is not None and commitments[0] != constant:
        raise CreditError(Code.MALFORMED, "the constant term is not the one that it has to be")
    for commitment in commitments if constant is None else commitments[1:]:
        group.check_element(commitment)


def share_key(commitments: Sequence[bytes], holder: int) -> bytes:
    """Give the generator multiplied by a holder's share, from the commitments alone."""
    total, power = commitments[0], 1
    for commitment in commitments[1:]:
        power = power * holder % group.ORDER
        total = group.add(total, group.scale(power, commitment))
    return total


def check_share(share: int, commitments: Sequence[bytes], holder: int) -> None:
    """Raise CreditError(PROOF_INVALID) unless a share lies on the polynomial that was committed to (Feldman 1987)."""
    own = group.scale_base(share) if share % group.ORDER else group.IDENTITY
    if own != share_key(commitments, holder):
        raise CreditError(Code.PROOF_INVALID, "a share off its dealer's polynomial")


def prove_possession(seed: bytes, context: bytes, secret: int) -> bytes:
    """
    Prove knowledge of a constant term under a context that names ceremony and dealer; 64 bytes, always the same ones.

    The nonce derives from seed, context and secret, so that a restart repeats the proof instead of making a second.
    """
    public = group.scale_base(secret)
    nonce = _scalar(seed, Label.DEALING_NONCE, context, public)
    commitment = group.scale_base(nonce)
    response = nonce + _challenge(context, public, commitment) * secret
    return commitment + group.encode_scalar(response)


def check_possession(public: bytes, proof: bytes, context: bytes) -> None:
    """Raise CreditError(PROOF_INVALID) unless the proof shows knowledge of the secret behind `public`."""
    commitment, encoded = proof[: group.ELEMENT_BYTES], proof[group.ELEMENT_BYTES :]
    try:
        group.check_element(commitment)
        left = group.scale_base(group.decode_scalar(encoded))
        right = group.add(commitment, group.scale(_challenge(context, public, commitment), public))
    except CreditError:
        raise CreditError(Code.PROOF_INVALID, "proof of possession") from None
    if left != right:
        raise CreditError(Code.PROOF_INVALID, "proof of possession")


def _challenge(context: bytes, public: bytes, commitment: bytes) -> int:
    fields = encode_fields(Label.DEALING_POSSESSION, context, public, commitment)
    return group.hash_to_scalar(fields, Label.DEALING_POSSESSION.value)


def _scalar(seed: bytes, label: Label, *context: bytes) -> int:
    return int.from_bytes(derive(seed, label, *context, length=group.UNIFORM_BYTES), "little") % group.ORDER
