"""What travels between client and key holder: blinded and evaluated elements and the proof; none of them prints."""

from dataclasses import dataclass
from typing import Self

from consortium.errors import Code, CreditError
from consortium.oprf import group
from consortium.silent import Silent

PROOF_BYTES = 2 * group.SCALAR_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class _Element(Silent):
    """An encoded element; built directly only from what a group operation gave, from the wire by `decode`."""

    value: bytes

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode 32 bytes; CreditError(MALFORMED) for a non-canonical encoding or the identity."""
        group.check_element(data)
        return cls(data)


class BlindedElement(_Element):
    """The client's input, hashed to the group and blinded; uniform, whatever the input."""

    __slots__ = ()


class EvaluatedElement(_Element):
    """A blinded element multiplied by the holder's secret."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, repr=False)
class Proof(Silent):
    """A proof that one secret links the key to a whole batch: challenge and response (RFC 9497, section 2.2)."""

    challenge: int
    response: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode 64 bytes; CreditError(MALFORMED) unless both scalars are canonical."""
        if len(data) != PROOF_BYTES:
            raise CreditError(Code.MALFORMED, "a proof of the wrong length")
        return cls(group.decode_scalar(data[: group.SCALAR_BYTES]), group.decode_scalar(data[group.SCALAR_BYTES :]))

    def encode(self) -> bytes:
        """Encode in 64 bytes, challenge first."""
        return group.encode_scalar(self.challenge) + group.encode_scalar(self.response)


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Silent):
    """A holder's answer to a batch: the evaluated elements in the order of the question, and one proof for all."""

    elements: tuple[EvaluatedElement, ...]
    proof: Proof
