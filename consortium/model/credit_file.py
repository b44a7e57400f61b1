"""
A credit file: all that one lender knows about one subject, in the vocabulary of Metro 2.

Built from source records or live events, kept in the lender's book as canonical JSON, and read by
`consortium.model.attributes`. Amounts are non-negative integers in minor units of the consortium's one currency,
dates are days and times seconds since 1970-01-01 UTC. Protected attributes have no field and are refused by name.

`consortium.model.credit_file_bytes` gives the one form in bytes of everything here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise
from operator import attrgetter
from typing import ClassVar, TypeAlias

from consortium.canonical import MAX_INTEGER
from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind
from consortium.silent import Silent
from consortium.travel.geography import LocationEvent, Point
from consortium.travel.policy import KEPT_EVENTS

MAX_AMOUNT = MAX_INTEGER
MIN_DAY, MAX_DAY = -25_567, 2_932_896  # 1900-01-01 and 9999-12-31
MAX_SECONDS = MAX_DAY * 86_400
MAX_DAYS_PAST_DUE = 36_525
HISTORY_MONTHS = 12
MAX_PIECES = 10_000  # of one kind in one file
MAX_CHARACTERISTIC = 2**31 - 1

_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CHARACTERISTIC_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")

# An id with one of these words, or one of these ids, names a protected attribute and is refused.
PROTECTED_WORDS = frozenset(
    {"sex", "gender", "education", "schooling", "marital", "marriage", "married", "spouse", "birth", "birthday"}
    | {"birthdate", "born", "ethnicity", "ethnic", "race", "racial", "religion", "religious", "nationality"}
    | {"disability", "disabled", "health", "pregnancy", "pregnant", "orientation", "political"}
)
PROTECTED_IDS = frozenset({"age", "age_band", "age_group", "age_years", "subject_age", "national_origin"})


class PortfolioType(StrEnum):
    """Metro 2 field 8, the three types that this consortium shares."""

    LINE_OF_CREDIT = "C"
    INSTALMENT = "I"
    REVOLVING = "R"


class AccountStatus(StrEnum):
    """Metro 2 field 17A; the two codes that delete an account are commands, not states, and not here."""

    TRANSFERRED = "05"
    CURRENT = "11"  # 0 to 29 days past the due date
    PAID_OR_CLOSED = "13"
    PAID_WAS_SURRENDER = "61"
    PAID_WAS_COLLECTION = "62"
    PAID_WAS_REPOSSESSION = "63"
    PAID_WAS_CHARGE_OFF = "64"
    PAID_WAS_FORECLOSURE = "65"
    PAST_DUE_30_59 = "71"
    PAST_DUE_60_89 = "78"
    PAST_DUE_90_119 = "80"
    PAST_DUE_120_149 = "82"
    PAST_DUE_150_179 = "83"
    PAST_DUE_180_PLUS = "84"
    GOVERNMENT_CLAIM = "88"
    DEED_IN_LIEU = "89"
    IN_COLLECTION = "93"
    FORECLOSED = "94"
    VOLUNTARY_SURRENDER = "95"
    REPOSSESSED = "96"
    CHARGED_OFF = "97"


class Channel(StrEnum):
    """Where the subject applied."""

    APP = "app"
    WEB = "web"
    MERCHANT = "merchant"
    BRANCH = "branch"
    AGENT = "agent"
    OTHER = "other"


class Scene(StrEnum):
    """What the credit is for."""

    ONLINE = "online"
    OFFLINE_MERCHANT = "offline-merchant"
    TRAVEL = "travel"
    RIDE = "ride"
    RENT = "rent"
    EDUCATION = "education"
    HOME = "home"
    VEHICLE = "vehicle"
    CASH = "cash"
    OTHER = "other"


class PieceKind(IntEnum):
    """What a source can bring about a subject; the values are those of storage."""

    TRADELINE = 1
    INQUIRY = 2
    PENDING = 3
    CHARACTERISTICS = 4
    FREEZE = 5
    LOCATION = 6


def _invalid(field: str) -> CreditError:
    return CreditError(Code.RECORD_INVALID, field)


def _check_integer(value: object, low: int, high: int, field: str) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _invalid(field)


def _check_increasing(keys: Sequence[str], field: str) -> None:
    if len(keys) > MAX_PIECES:
        raise _invalid(field)
    if any(before >= after for before, after in pairwise(keys)):
        raise _invalid(f"{field} are not sorted or come twice")


def _check_reference(value: object, field: str) -> None:
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise _invalid(field)


_AMOUNTS = ("limit", "balance", "past_due", "payment", "charged_off", "in_collection")
_amounts = attrgetter(*_AMOUNTS)


@dataclass(frozen=True, slots=True, repr=False)
class Tradeline(Silent):
    """
    One credit account as of the day `reported` (Metro 2: date of account information).

    `account` is the lender's own opaque reference (1 to 64 of A-Z a-z 0-9 . _ : -). `history` is the worst days
    past due in the calendar month of `reported` and in each month before it, newest first, at most 12.
    `first_delinquency` is the day of the first missed payment that led to the present state. Raises
    CreditError(RECORD_INVALID), naming the field, where one is out of its range.
    """

    account: str
    portfolio: PortfolioType
    status: AccountStatus
    opened: int
    reported: int
    closed: int | None = None
    first_delinquency: int | None = None
    limit: int = 0
    balance: int = 0
    past_due: int = 0
    payment: int = 0
    payment_due: int | None = None
    days_past_due: int = 0
    history: tuple[int, ...] = ()
    charged_off: int = 0
    in_collection: int = 0
    disputed: bool = False
    channel: Channel = Channel.OTHER
    scene: Scene = Scene.OTHER

    kind: ClassVar[PieceKind] = PieceKind.TRADELINE

    def __post_init__(self) -> None:
        _check_reference(self.account, "account")
        for field, amount in zip(_AMOUNTS, _amounts(self), strict=True):
            _check_integer(amount, 0, MAX_AMOUNT, field)
        _check_integer(self.opened, MIN_DAY, MAX_DAY, "opened")
        _check_integer(self.reported, MIN_DAY, MAX_DAY, "reported")
        for field, day in (
            ("closed", self.closed),
            ("first_delinquency", self.first_delinquency),
            ("payment_due", self.payment_due),
        ):
            if day is not None:
                _check_integer(day, MIN_DAY, MAX_DAY, field)
        self._check_delinquency()

    def _check_delinquency(self) -> None:
        _check_integer(self.days_past_due, 0, MAX_DAYS_PAST_DUE, "days_past_due")
        if len(self.history) > HISTORY_MONTHS:
            raise _invalid("history")
        for days in self.history:
            _check_integer(days, 0, MAX_DAYS_PAST_DUE, "history")
        for field, day in (("closed", self.closed), ("first_delinquency", self.first_delinquency)):
            if day is not None and day < self.opened:
                raise _invalid(f"{field} is before opened")


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry(Silent):
    """One request for credit that this lender looked into, at `time` (seconds); hard where the subject applied."""

    time: int
    hard: bool = True

    kind: ClassVar[PieceKind] = PieceKind.INQUIRY

    def __post_init__(self) -> None:
        _check_integer(self.time, 0, MAX_SECONDS, "inquiry time")


@dataclass(frozen=True, slots=True, repr=False)
class PendingGrant(Silent):
    """An amount promised and not yet paid out; counted from `made` until it is confirmed, released or `expires`."""

    id: str
    amount: int
    made: int
    expires: int

    kind: ClassVar[PieceKind] = PieceKind.PENDING

    def __post_init__(self) -> None:
        _check_reference(self.id, "pending id")
        _check_integer(self.amount, 0, MAX_AMOUNT, "pending amount")
        _check_integer(self.made, 0, MAX_SECONDS, "pending made")
        _check_integer(self.expires, self.made + 1, MAX_SECONDS, "pending expires")


@dataclass(frozen=True, slots=True, repr=False)
class Characteristics(Silent):
    """
    Small integers by characteristic id, sorted by id: what a scorecard reads.

    Ids that name a protected attribute (sex, education, marital status, age ...) are refused.
    """

    values: tuple[tuple[str, int], ...] = ()

    kind: ClassVar[PieceKind] = PieceKind.CHARACTERISTICS

    def __post_init__(self) -> None:
        for identifier, value in self.values:
            check_characteristic_id(identifier)
            _check_integer(value, -MAX_CHARACTERISTIC, MAX_CHARACTERISTIC, "characteristic value")
        _check_increasing([identifier for identifier, _ in self.values], "characteristics")

    @classmethod
    def of(cls, values: Mapping[str, int]) -> "Characteristics":
        """Take a mapping in any order."""
        return cls(tuple(sorted(values.items())))


@dataclass(frozen=True, slots=True, repr=False)
class Freeze(Silent):
    """Whether the subject has frozen the file; a source that knows freezes brings one of these for every subject."""

    frozen: bool

    kind: ClassVar[PieceKind] = PieceKind.FREEZE


@dataclass(frozen=True, slots=True, repr=False)
class Location(Silent):
    """Where the subject was at `time` (seconds), WGS84 in microdegrees; it counts in travel checks and nowhere else."""

    time: int
    latitude: int
    longitude: int

    kind: ClassVar[PieceKind] = PieceKind.LOCATION

    def __post_init__(self) -> None:
        _check_integer(self.time, 0, MAX_SECONDS, "location time")
        try:
            Point(self.latitude, self.longitude)
        except CreditError as error:
            raise _invalid(error.cause) from None

    @property
    def event(self) -> LocationEvent:
        """What a travel check compares with."""
        return LocationEvent(self.time, Point(self.latitude, self.longitude))

    @property
    def order(self) -> tuple[int, int, int]:
        """By what locations are sorted."""
        return self.time, self.latitude, self.longitude


NO_CHARACTERISTICS = Characteristics()

Piece: TypeAlias = Tradeline | Inquiry | PendingGrant | Characteristics | Freeze | Location


def check_characteristic_id(identifier: str) -> None:
    """Raise CreditError(RECORD_INVALID) for an id of the wrong form or of a protected attribute."""
    if not _CHARACTERISTIC_ID.fullmatch(identifier):
        raise _invalid("characteristic id")
    if identifier in PROTECTED_IDS or PROTECTED_WORDS.intersection(identifier.split("_")):
        raise _invalid("a protected attribute is not a characteristic")


@dataclass(frozen=True, slots=True, repr=False)
class CreditFile(Silent):
    """
    All of one subject: tradelines by account, inquiries by time, pending grants by id, each sorted.

    `identifier` is the kind by which the record is reached: the strongest on file. `locations` are the last ones by
    time, at most KEPT_EVENTS.
    """

    identifier: IdentifierKind
    tradelines: tuple[Tradeline, ...] = ()
    inquiries: tuple[Inquiry, ...] = ()
    pendings: tuple[PendingGrant, ...] = ()
    characteristics: Characteristics = NO_CHARACTERISTICS
    frozen: bool = False
    locations: tuple[Location, ...] = ()

    def __post_init__(self) -> None:
        _check_increasing([tradeline.account for tradeline in self.tradelines], "tradelines")
        _check_increasing([pending.id for pending in self.pendings], "pendings")
        order = [(inquiry.time, inquiry.hard) for inquiry in self.inquiries]
        if order != sorted(order) or len(order) > MAX_PIECES:
            raise _invalid("inquiries")
        places = [location.order for location in self.locations]
        if places != sorted(set(places)) or len(places) > KEPT_EVENTS:
            raise _invalid("locations")


def kept_locations(locations: Iterable[Location]) -> tuple[Location, ...]:
    """Give the last KEPT_EVENTS of some locations, each once, in order."""
    return tuple(sorted(set(locations), key=lambda one: one.order)[-KEPT_EVENTS:])
