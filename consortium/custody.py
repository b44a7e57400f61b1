"""
A key holder's work as a state machine: a signed request in, a proven answer out; gateway and custodians drive it.

A request is 64 bytes of signature and the body that it signs; bodies have a fixed binary layout, so that there is
one way to write each. Counters are gapless for each member, holder and generation: a holder that answers more than
it was asked for, or a lender whose key somebody else uses, shows in them.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, transcript_hash
from consortium.labels import Label
from consortium.model.members import MemberId, check_member_id
from consortium.model.signing import SIGNATURE_BYTES, Signer, verify_signature
from consortium.oprf.elements import PROOF_BYTES, BlindedElement, EvaluatedElement, Evaluation, Proof
from consortium.oprf.evaluation import blind_evaluate_verifiable
from consortium.oprf.group import ELEMENT_BYTES
from consortium.oprf.sharing import KeyShare
from consortium.oprf.suite import MAX_BATCH, check_batch
from consortium.silent import Silent

LAYOUT = 1
_HEADER = struct.Struct(">BBIQHB")  # layout, holder, generation, counter, elements, bytes of the member id
MAX_REQUEST_BYTES = SIGNATURE_BYTES + _HEADER.size + 255 + MAX_BATCH * ELEMENT_BYTES
MAX_ANSWER_BYTES = _HEADER.size + PROOF_BYTES + MAX_BATCH * ELEMENT_BYTES


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message stands: the holder it is for or from, the key's generation, the counter (from 1)."""

    holder: int
    generation: int
    counter: int

    def __post_init__(self) -> None:
        if not (1 <= self.holder < 2**8 and 0 <= self.generation < 2**32 and 1 <= self.counter < 2**64):
            raise CreditError(Code.MALFORMED, "holder, generation or counter out of range")


@dataclass(frozen=True, slots=True, repr=False)
class EvaluationRequest(Silent):
    """A member's batch of 1 to MAX_BATCH blinded elements for one holder."""

    member: MemberId
    position: Position
    elements: tuple[BlindedElement, ...]

    def sign(self, signer: Signer) -> bytes:
        """Encode and sign; the bytes that travel."""
        check_batch(self.elements)
        body = _encode(self.position, self.member, [element.value for element in self.elements])
        return signer.sign(Label.EVALUATION_REQUEST, body) + body


def resigned(signed: bytes, signer: Signer) -> bytes:
    """
    Sign a request anew: the same bytes under the same key, and a good request still where the key was exchanged.

    A holder knows a repeat by its body, so that this counts as one.
    """
    body = signed[SIGNATURE_BYTES:]
    return signer.sign(Label.EVALUATION_REQUEST, body) + body


@dataclass(frozen=True, slots=True, repr=False)
class EvaluationAnswer(Silent):
    """A holder's evaluation and proof for the request at the same position; the proof is its authentication."""

    position: Position
    evaluation: Evaluation

    def encode(self) -> bytes:
        """Encode; the bytes that travel and are stored for a repeat."""
        elements = [element.value for element in self.evaluation.elements]
        return _encode(self.position, "", elements) + self.evaluation.proof.encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode; CreditError(MALFORMED) for anything but the one encoding of a valid answer."""
        position, member, elements = _decode(data[:-PROOF_BYTES])
        if member:
            raise CreditError(Code.MALFORMED, "an answer that names a member")
        proof = Proof.decode(data[-PROOF_BYTES:])
        return cls(position, Evaluation(tuple(map(EvaluatedElement.decode, elements)), proof))


@dataclass(frozen=True, slots=True, repr=False)
class Answered(Silent):
    """What a holder remembers of a member's last request: counter, digest of the body, the answer's bytes."""

    counter: int
    request_digest: bytes
    answer: bytes


class Members(Protocol):
    """What a holder knows of the members from the rulebook."""

    def identity_key(self, member: MemberId) -> bytes:
        """Give the member's Ed25519 identity key; CreditError(MEMBER_NOT_ACTIVE) for anybody but an active lender."""
        ...

    def evaluation_quota(self, member: MemberId) -> int:
        """
        Give how many elements this holder evaluates for the member in one period.

        Every person takes t of the n holders, so that with a quota q at each a member reaches n * q / t persons.
        """
        ...


class EvaluationLedger(Protocol):
    """A holder's durable memory of what it evaluated for whom; it owns the clock of the quota's period."""

    def last(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer of this member and generation."""
        ...

    def spent(self, member: MemberId) -> int:
        """Give how many elements were committed for the member in the current period, over all generations."""
        ...

    def commit(self, member: MemberId, generation: int, answered: Answered, elements: int) -> None:
        """
        Record the answer and spend the quota in one durable step, before the answer is sent.

        Raises CreditError(COUNTER_GAP) and records nothing unless the counter follows that of `last`: of two
        requests handled at the same time one is lost.
        """
        ...


class KeyHolder(Silent):
    """One share of one generation's key, with the rules under which it evaluates."""

    __slots__ = ("_generation", "_ledger", "_members", "_share")

    def __init__(self, share: KeyShare, generation: int, members: Members, ledger: EvaluationLedger) -> None:
        self._share = share
        self._generation = generation
        self._members = members
        self._ledger = ledger

    def answer(self, signed: bytes, rng: Randomness) -> bytes:
        """
        Check a request, evaluate it with the share and prove it; the last request again gives the same bytes again.

        Raises CreditError: MALFORMED, MEMBER_NOT_ACTIVE, SIGNATURE_INVALID, RULEBOOK_MISMATCH (another generation),
        COUNTER_GAP, QUOTA_EXCEEDED. A refused request is not counted. `rng` as in `dleq.prove`.
        """
        request, digest = self._open(signed)
        last = self._ledger.last(request.member, self._generation)
        if last is not None and (last.counter, last.request_digest) == (request.position.counter, digest):
            return last.answer
        self._check_counter(request, last)
        self._check_quota(request)
        evaluation = blind_evaluate_verifiable(self._share.secret, self._share.key.public, request.elements, rng)
        answer = EvaluationAnswer(request.position, evaluation).encode()
        answered = Answered(request.position.counter, digest, answer)
        self._ledger.commit(request.member, self._generation, answered, len(request.elements))
        return answer

    def _open(self, signed: bytes) -> tuple[EvaluationRequest, bytes]:
        """Authenticate before any element costs a decoding."""
        if len(signed) > MAX_REQUEST_BYTES:
            raise CreditError(Code.MALFORMED, "a request over the size limit")
        signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        position, member, elements = _decode(body)
        identity_key = self._members.identity_key(check_member_id(member))
        verify_signature(identity_key, signature, Label.EVALUATION_REQUEST, body)
        self._check_address(position)
        blinded = tuple(map(BlindedElement.decode, elements))
        return EvaluationRequest(member, position, blinded), transcript_hash(Label.EVALUATION_REQUEST, body)

    def _check_address(self, position: Position) -> None:
        if position.holder != self._share.holder:
            raise CreditError(Code.MALFORMED, "a request to another key holder")
        if position.generation != self._generation:
            raise CreditError(Code.RULEBOOK_MISMATCH, "a request under another generation")

    def _check_counter(self, request: EvaluationRequest, last: Answered | None) -> None:
        expected = last.counter + 1 if last else 1
        if request.position.counter != expected:
            raise CreditError(Code.COUNTER_GAP, f"counter {request.position.counter} instead of {expected}")

    def _check_quota(self, request: EvaluationRequest) -> None:
        spent = self._ledger.spent(request.member)
        if spent + len(request.elements) > self._members.evaluation_quota(request.member):
            raise CreditError(Code.QUOTA_EXCEEDED, f"{spent} elements were evaluated in this period")


class KeyHolders(Silent):
    """The shares of one holder, one a generation: the one in force, the one announced, and retired ones."""

    __slots__ = ("_holders",)

    def __init__(self, holders: Mapping[int, KeyHolder]) -> None:
        self._holders = dict(holders)

    def answer(self, signed: bytes, rng: Randomness) -> bytes:
        """Answer with the share of the request's generation; raises as `KeyHolder.answer`."""
        holder = self._holders.get(requested_generation(signed))
        if holder is None:
            raise CreditError(Code.RULEBOOK_MISMATCH, "a request under another generation")
        return holder.answer(signed, rng)


def requested_generation(signed: bytes) -> int:
    """Give the generation that a signed request names, unverified; raises CreditError(MALFORMED)."""
    if len(signed) < SIGNATURE_BYTES + _HEADER.size:
        raise CreditError(Code.MALFORMED, "a message that ends early")
    generation: int = _HEADER.unpack_from(signed, SIGNATURE_BYTES)[2]
    return generation


def _encode(position: Position, member: MemberId, elements: list[bytes]) -> bytes:
    name = member.encode("ascii")
    header = _HEADER.pack(LAYOUT, position.holder, position.generation, position.counter, len(elements), len(name))
    return b"".join((header, name, *elements))


def _decode(data: bytes) -> tuple[Position, str, list[bytes]]:
    """Take a body apart, elements still unchecked; CreditError(MALFORMED) unless every byte has its place."""
    if len(data) < _HEADER.size:
        raise CreditError(Code.MALFORMED, "a message that ends early")
    layout, holder, generation, counter, count, name_length = _HEADER.unpack_from(data)
    start = _HEADER.size + name_length
    if layout != LAYOUT or not 1 <= count <= MAX_BATCH or len(data) != start + count * ELEMENT_BYTES:
        raise CreditError(Code.MALFORMED, "a message of another layout or length")
    name = data[_HEADER.size : start].decode("ascii", errors="replace")
    elements = [data[place : place + ELEMENT_BYTES] for place in range(start, len(data), ELEMENT_BYTES)]
    return Position(holder, generation, counter), name, elements
