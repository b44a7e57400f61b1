"""
Sealed reports of sums that a requester could not read: of one length whatever they say, in every statement.

A requester never tells the gateway at once that a sum decrypted to nonsense, because the time would be an oracle (R).
It notes the query and says so in its next statement, sealed for the regulator:

    sealed = HPKE(regulator's key; info = hash(consortium, member, number of the statement), plain)
    plain  = count (2 bytes) || 32 places of (digest of the signed query, number of the code), unused ones zero
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES, Randomness, transcript_hash, uint
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.sealing import hpke
from consortium.supervision.documents import SUM_REPORT_BYTES

PLACES = 32
COUNT_BYTES = 2
PLACE_BYTES = DIGEST_BYTES + 1
PLAIN_BYTES = COUNT_BYTES + PLACES * PLACE_BYTES
EPHEMERAL_BYTES = 32

CODES = (
    Code.SUM_INVALID,
    Code.CIPHERTEXT_INVALID,
    Code.TRANSCRIPT_INVALID,
    Code.SIGNATURE_INVALID,
    Code.PAIR_MISMATCH,
    Code.ROSTER_MISMATCH,
    Code.TOO_FEW_CONTRIBUTORS,
)
"""What may be wrong with an answer; a code's number is its place here, from 1."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A query whose answer could not be used, by the digest of its signed bytes, and why."""

    query: bytes
    code: Code


@dataclass(frozen=True, slots=True)
class Sealing:
    """Which statement a report belongs to."""

    consortium: str
    member: MemberId
    number: int

    @property
    def info(self) -> bytes:
        """What the envelope is bound to."""
        fields = self.consortium.encode(), self.member.encode(), uint(self.number)
        return transcript_hash(Label.SUM_REPORT, *fields)


def seal_report(found: Sequence[Unreadable], sealing: Sealing, regulator_key: bytes, rng: Randomness) -> bytes:
    """Seal at most 32 of them for the regulator; gives SUM_REPORT_BYTES."""
    told = b"".join(one.query + uint(CODES.index(one.code) + 1, 1) for one in found[:PLACES])
    plain = uint(min(len(found), PLACES), COUNT_BYTES) + told
    return hpke.seal(regulator_key, sealing.info, plain.ljust(PLAIN_BYTES, b"\0"), rng(EPHEMERAL_BYTES))


def open_report(private: X25519PrivateKey, sealing: Sealing, sealed: bytes) -> list[Unreadable]:
    """Open a report with the regulator's key; raises CreditError(PAYLOAD_INVALID)."""
    plain = hpke.open_sealed(private, sealing.info, sealed)
    count = int.from_bytes(plain[:COUNT_BYTES], "big")
    if len(sealed) != SUM_REPORT_BYTES or count > PLACES:
        raise CreditError(Code.PAYLOAD_INVALID, "a report of sums of another form")
    places = [plain[at : at + PLACE_BYTES] for at in range(COUNT_BYTES, PLAIN_BYTES, PLACE_BYTES)]
    return [Unreadable(place[:DIGEST_BYTES], _code(place[-1])) for place in places[:count]]


def _code(number: int) -> Code:
    if not 1 <= number <= len(CODES):
        raise CreditError(Code.PAYLOAD_INVALID, "a report of sums with an unknown code")
    return CODES[number - 1]
