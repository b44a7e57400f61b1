"""
The messages of a ceremony: one signed body per party and round.

| round | who | what |
|---|---|---|
| commit | everybody | a dealer's digest of its commitments; a receiver's key for this ceremony alone |
| open | dealers | commitments to the polynomial, proof of possession, one sealed share per receiver |
| verdict | receivers | the dealers whose share does not open or does not fit, usually none |
| answer | accused dealers | the share and the seal's randomness: anybody can build the sealed bytes again |
| confirm | everybody | the digest of all messages before, so that all saw the same |
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from consortium.canonical import parse_canonical
from consortium.ceremony.plan import Plan
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.signed import body_of, sign_document
from consortium.model.document import Bytes, Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import first_problem
from consortium.model.signing import SIGNATURE_BYTES, Signer, verify_signature
from consortium.silent import Silent


class Round(StrEnum):
    """The rounds, in order."""

    COMMIT = "commit"
    OPEN = "open"
    VERDICT = "verdict"
    ANSWER = "answer"
    CONFIRM = "confirm"


class _Message(Document):
    ceremony: Key32
    sender: Id


class Commit(_Message):
    """The digest of a dealer's opening, and a receiver's HPKE key for this ceremony."""

    round: Literal[Round.COMMIT] = Round.COMMIT
    opening: Key32 | None = None
    receiving_key: Key32 | None = None


class Open(_Message):
    """A dealer's commitments, its proof of possession (new keys only) and the sealed shares."""

    round: Literal[Round.OPEN] = Round.OPEN
    commitments: tuple[Key32, ...]
    proof: Bytes = b""
    shares: dict[Id, Bytes]


class Verdict(_Message):
    """A receiver's complaints."""

    round: Literal[Round.VERDICT] = Round.VERDICT
    complaints: tuple[Id, ...] = ()


class RevealedShare(Silent, Document):
    """A share with the randomness of its seal."""

    share: Key32
    ephemeral: Key32


class Answer(_Message):
    """An accused dealer's answer, by complaining receiver."""

    round: Literal[Round.ANSWER] = Round.ANSWER
    shares: dict[Id, RevealedShare]


class Confirm(_Message):
    """The digest of the transcript, and that of each of its messages, so that a difference can be found."""

    round: Literal[Round.CONFIRM] = Round.CONFIRM
    transcript: Key32
    messages: dict[str, Key32]


Message = Commit | Open | Verdict | Answer | Confirm

_FORM: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="round")])


def sign_message(signer: Signer, message: Message) -> bytes:
    """Sign a message; gives the bytes that travel."""
    return sign_document(signer, Label.CEREMONY_MESSAGE, message)


def read_message(signed: bytes, plan: Plan) -> Message:
    """
    Parse a message and verify its sender.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (CEREMONY_OTHER) for another ceremony or a stranger.
    """
    body = body_of(signed)
    message = _parse(body)
    keys = {party.member: party.identity_key for party in plan.parties}
    if message.ceremony != plan.id or message.sender not in keys:
        raise CreditError(Code.CEREMONY_OTHER, "another ceremony, or no party of it")
    verify_signature(keys[message.sender], signed[:SIGNATURE_BYTES], Label.CEREMONY_MESSAGE, body)
    return message


def opening_digest(opening: Open) -> bytes:
    """
    Digest what a dealer chose, commitments and proof, for the commitment that precedes its opening.

    The sealed shares follow from that and from the receivers' keys, which are not known yet when everybody commits.
    """
    fields = (opening.ceremony, opening.sender.encode(), *opening.commitments, opening.proof)
    return transcript_hash(Label.CEREMONY_OPENING, *fields)


def transcript_digest(plan: Plan, heads: Mapping[str, bytes]) -> bytes:
    """Digest a plan with the digests of its messages, in the order of their names."""
    fields = (part for name, head in sorted(heads.items()) for part in (name.encode(), head))
    return transcript_hash(Label.CEREMONY_TRANSCRIPT, plan.id, *fields)


def message_name(round_: Round, sender: MemberId) -> str:
    """Give the name by which a confirmation lists a message."""
    return f"{round_}/{sender}"


def _parse(body: bytes) -> Message:
    try:
        return _FORM.validate_python(parse_canonical(body))
    except ValidationError as error:
        raise CreditError(Code.MALFORMED, first_problem(error)) from None
