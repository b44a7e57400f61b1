"""A question as an application writes it: one JSON object on standard input or in a file."""

import re
import secrets
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Family, Purpose
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from participants.lender.ask import ConsentTerms
from participants.lender.event_input import Identifiers, InputTable, Latitude, Longitude, Time, first_problem
from participants.lender.travel import MAXIMUM_PAYMENT

MAX_QUESTION_BYTES = 65_536


def _from_hex(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise PydanticCustomError("digest", "64 hex digits, those of a SHA-256")
    return bytes.fromhex(value)


Digest = Annotated[bytes, BeforeValidator(_from_hex)]


class ConsentInput(InputTable):
    """What the person agreed to; digests are of the notice shown and of the evidence kept, 64 hex digits."""

    families: tuple[Family, ...]
    issued: Time
    expires: Time
    maximum_uses: StrictInt = Field(default=1, ge=1)
    notice_digest: Digest
    notice_language: StrictStr
    evidence_digest: Digest

    def terms(self, purpose: Purpose) -> ConsentTerms:
        """Give the terms for a purpose."""
        return ConsentTerms(
            purpose=purpose,
            families=frozenset(self.families),
            issued_at=self.issued,
            expires_at=self.expires,
            maximum_uses=self.maximum_uses,
            notice_digest=self.notice_digest,
            notice_language=self.notice_language,
            evidence_digest=self.evidence_digest,
        )


class TravelInput(InputTable):
    """Where the person is said to be, in degrees of WGS84, when, and for which payment of this lender's own."""

    latitude: Latitude
    longitude: Longitude
    time: Time
    payment: StrictStr = Field(min_length=1, max_length=MAXIMUM_PAYMENT, pattern="^[ -~]+$")


class AboutInput(InputTable):
    """Who is asked about, for which purpose, under which consent; in the rulebook's first suite where none is named."""

    identifiers: Identifiers
    purpose: Purpose
    consent: ConsentInput | None = None
    request_id: StrictStr | None = Field(default=None, pattern="^[0-9a-f]{32}$")
    lifetime_seconds: StrictInt = Field(default=60, ge=1, le=3600)
    staff_id: StrictStr = ""
    travel: TravelInput | None = None
    suite: StrictStr | None = Field(default=None, pattern="^[A-Z][A-Z0-9_]{0,63}$")

    def raw_identifiers(self) -> tuple[RawIdentifier, ...]:
        """Give every identifier that is there."""
        given = self.identifiers
        texts = zip(IdentifierKind, (given.national_id, given.phone, given.email), strict=True)
        return tuple(RawIdentifier(kind, text, given.country) for kind, text in texts if text is not None)


class QuestionInput(AboutInput):
    """A question, and which attributes it is about."""

    attributes: tuple[StrictStr, ...] = Field(min_length=1)


AboutT = TypeVar("AboutT", bound=AboutInput)


def with_request_id(question: AboutT) -> AboutT:
    """Give the question an id where it has none, so that whoever asks knows it before there is an answer."""
    return question if question.request_id else question.model_copy(update={"request_id": secrets.token_hex(16)})


def parse_question(data: bytes) -> QuestionInput:
    """Parse one JSON object; raises CreditError(RECORD_INVALID), naming the field."""
    return parsed_question(QuestionInput, data)


def parsed_question(kind: type[AboutT], data: bytes) -> AboutT:
    """Parse a question of a kind; raises CreditError(RECORD_INVALID), naming the field."""
    if len(data) > MAX_QUESTION_BYTES:
        raise CreditError(Code.RECORD_INVALID, "longer than any question")
    problem = ""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        problem = first_problem(error)
    raise CreditError(Code.RECORD_INVALID, problem)  # out here, so that it does not refer to what was given
