"""
Live events as a lender's own applications give them: one JSON object each, parsed before anything is tokenised.

Amounts are minor units, days `2026-11-23`, times `2026-11-23T10:00:00+08:00`. An unknown key, a wrong type or a value
out of range is refused by the name of the field; what was given never appears in an error.
"""

import datetime as dt
import secrets
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import fields
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import count
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from consortium.errors import Code, CreditError
from consortium.model.attributes import DEFAULT_CLOCK_SKEW
from consortium.model.credit_file import (
    AccountStatus,
    Channel,
    Freeze,
    Location,
    PendingGrant,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.credit_file import Inquiry as InquiryPiece
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier
from consortium.model.journal_entry import Confirmation, Dispute, Event, Release
from consortium.travel.angles import MICRODEGREES
from consortium.travel.geography import MOST_LATITUDE, MOST_LONGITUDE
from participants.lender.normalise import normalise
from participants.lender.ports import HeldFile

MAX_EVENT_BYTES = 65_536
_EPOCH = dt.date(1970, 1, 1)


def _day(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a day is written 2026-11-23")  # noqa: TRY004  pydantic takes ValueError only
    return (dt.date.fromisoformat(value) - _EPOCH).days


def _time(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a time is written 2026-11-23T10:00:00+08:00")  # noqa: TRY004  as above
    time = dt.datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time names its zone")
    return (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)


def _degrees(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("degrees", "degrees are a number")
    if not -360 <= value <= 360:
        raise PydanticCustomError("degrees", "degrees of WGS84")
    return int((Decimal(str(value)) * MICRODEGREES).to_integral_value(ROUND_HALF_EVEN))


Day = Annotated[int, BeforeValidator(_day)]
Time = Annotated[int, BeforeValidator(_time)]
Latitude = Annotated[int, BeforeValidator(_degrees), Field(ge=-MOST_LATITUDE, le=MOST_LATITUDE)]
Longitude = Annotated[int, BeforeValidator(_degrees), Field(ge=-MOST_LONGITUDE, le=MOST_LONGITUDE)]
"""Degrees of WGS84 as they are written, microdegrees inside."""


class InputTable(BaseModel):
    """JSON from an application: unknown keys are refused, and nothing of it prints."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Identifiers(InputTable):
    """All identifiers on the person's file at this lender; the strongest one counts."""

    country: StrictStr
    national_id: StrictStr | None = None
    phone: StrictStr | None = None
    email: StrictStr | None = None

    def strongest(self) -> NormalisedIdentifier:
        """Normalise the strongest; raises IDENTIFIER_MALFORMED, IDENTIFIER_CHECKSUM or IDENTIFIER_UNSUPPORTED."""
        return normalise(self._given()[0])

    def every(self) -> list[NormalisedIdentifier]:
        """Normalise all of them, the strongest first; raises as `strongest`."""
        return [normalise(one) for one in self._given()]

    def _given(self) -> list[RawIdentifier]:
        texts = zip(IdentifierKind, (self.national_id, self.phone, self.email), strict=True)
        given = [RawIdentifier(kind, text, self.country) for kind, text in texts if text is not None]
        if not given:
            raise CreditError(Code.RECORD_INVALID, "identifiers: one is needed")
        return given


def identifiers_of(given: Iterable[RawIdentifier]) -> Identifiers:
    """Give identifiers that came one by one as one table."""
    raw = sorted(given, key=lambda one: one.kind)
    return Identifiers(country=raw[0].country, **{one.kind.name.lower(): one.text for one in raw})


class TradelineTable(InputTable):
    """A tradeline; see `Tradeline` for what the fields mean."""

    account: StrictStr
    portfolio: PortfolioType
    status: AccountStatus
    opened: Day
    reported: Day
    closed: Day | None = None
    first_delinquency: Day | None = None
    limit: StrictInt = 0
    balance: StrictInt = 0
    past_due: StrictInt = 0
    payment: StrictInt = 0
    payment_due: Day | None = None
    days_past_due: StrictInt = 0
    history: tuple[StrictInt, ...] = ()
    charged_off: StrictInt = 0
    in_collection: StrictInt = 0
    disputed: StrictBool = False
    channel: Channel = Channel.OTHER
    scene: Scene = Scene.OTHER

    def piece(self) -> Tradeline:
        """Give the tradeline; raises CreditError(RECORD_INVALID)."""
        return Tradeline(**{field.name: getattr(self, field.name) for field in fields(Tradeline)})


class EventInput(InputTable):
    """What happened to whom."""

    identifiers: Identifiers

    @abstractmethod
    def event(self, held: HeldFile | None, now: int) -> Event | None:
        """
        Give the event, None where it is on file already; `held` is the subject's file so far, `now` Unix seconds.

        Raises CreditError(RECORD_INVALID).
        """


class TradelineInput(EventInput):
    """An account was opened, or is reported anew."""

    tradeline: TradelineTable

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002  the same for all events
        """Give the tradeline."""
        return self.tradeline.piece()


class InquiryInput(EventInput):
    """The lender looked into the subject, now or at another time."""

    time: Time | None = None
    hard: StrictBool = True

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the inquiry."""
        return InquiryPiece(now if self.time is None else self.time, self.hard)


class OneInquiry(EventInput):
    """A hard inquiry at a time, once: the node's own note of an application, which may be repeated."""

    at: int

    def event(self, held: HeldFile | None, now: int) -> Event | None:  # noqa: ARG002
        """Give the inquiry unless there is one of that second."""
        known = held is not None and any(one.hard and one.time == self.at for one in held.file.inquiries)
        return None if known else InquiryPiece(self.at, hard=True)


class FreezeInput(EventInput):
    """The subject freezes the file, or lifts the freeze."""

    frozen: StrictBool

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the freeze."""
        return Freeze(self.frozen)


class DisputeInput(EventInput):
    """The subject disputes an account, or no longer does."""

    account: StrictStr
    disputed: StrictBool

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the dispute."""
        return Dispute(self.account, self.disputed)


class PendingInput(EventInput):
    """An amount was promised; recorded before the query about the subject goes out."""

    amount: StrictInt
    expires: Time
    id: StrictStr | None = None

    def event(self, held: HeldFile | None, now: int) -> Event:
        """Give the grant, made now; the same grant again is the one on file, so that a repeat is harmless."""
        for pending in held.file.pendings if held and self.id else ():
            if (pending.id, pending.amount, pending.expires) == (self.id, self.amount, self.expires):
                return pending
        return PendingGrant(self.id or secrets.token_hex(16), self.amount, now, self.expires)


class OnePromise(EventInput):
    """The promised amount of an application, which may be repeated: one grant at a time counts, for `seconds`."""

    amount: int
    seconds: int
    id: str

    def event(self, held: HeldFile | None, now: int) -> Event:
        """Give the grant that still counts, or a new one made now, under an id that no run out one has."""
        known = {pending.id: pending for pending in held.file.pendings} if held else {}
        for number in count(1):
            name = self.id if number == 1 else f"{self.id}-{number}"
            found = known.get(name)
            if found is None:
                break
            if found.amount == self.amount and now < found.expires:
                return found
        return PendingGrant(name, self.amount, now, now + self.seconds)


class ConfirmInput(EventInput):
    """A pending grant was paid out."""

    id: StrictStr
    tradeline: TradelineTable

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the confirmation."""
        return Confirmation(self.id, self.tradeline.piece())


class ReleaseInput(EventInput):
    """A pending grant came to nothing."""

    id: StrictStr

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the release."""
        return Release(self.id)


class LocationInput(EventInput):
    """The subject was at a place, now or at another time that has passed; degrees of WGS84."""

    latitude: Latitude
    longitude: Longitude
    time: Time | None = None

    def event(self, held: HeldFile | None, now: int) -> Event:  # noqa: ARG002
        """Give the location; raises CreditError(RECORD_INVALID) for a time that has not come yet."""
        time = now if self.time is None else self.time
        if time > now + DEFAULT_CLOCK_SKEW:
            raise CreditError(Code.RECORD_INVALID, "time: it has not come yet")
        return Location(time, self.latitude, self.longitude)


EVENT_KINDS: Mapping[str, type[EventInput]] = {
    "tradeline": TradelineInput,
    "inquiry": InquiryInput,
    "freeze": FreezeInput,
    "dispute": DisputeInput,
    "pending": PendingInput,
    "confirm": ConfirmInput,
    "release": ReleaseInput,
    "location": LocationInput,
}
_InputT = TypeVar("_InputT", bound=EventInput)


def parse_event(kind: type[_InputT], data: bytes) -> _InputT:
    """Parse one JSON object; raises CreditError(RECORD_INVALID), naming the field."""
    if len(data) > MAX_EVENT_BYTES:
        raise CreditError(Code.RECORD_INVALID, "longer than any event")
    problem = ""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        problem = first_problem(error)
    raise CreditError(Code.RECORD_INVALID, problem)  # out here, so that it does not refer to what was given


def first_problem(error: ValidationError) -> str:
    """Say what is wrong and where; a key that nobody knows may hold anything and is not repeated."""
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        return "not a JSON object"
    if problem["type"] == "extra_forbidden":
        return " in ".join(("an unknown key", *map(str, problem["loc"][:-1])))
    message = "not a day or time" if problem["type"] == "value_error" else problem["msg"]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {message}"
