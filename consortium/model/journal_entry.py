"""
What happens to a credit file during the day, and the journal's entries that say so.

A live file is a pure function of the day's book file and the journal's prefix: `replay`. An entry is one canonical
JSON line,

    {"event":{...},"identifier":0,"kind":"pending","seq":7,"subject":"<tag, 64 hex digits>","time":1790000000}

with the keys of the event by its kind (those of `credit_file_bytes` for a piece). It names the subject by its tag
and therefore never leaves the lender's storage but in an inspection of that subject; what goes out is the chain of
`consortium.transparency.journal`, which commits to these bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from consortium.canonical import CanonicalValue, canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.model.credit_file import (
    CreditFile,
    Freeze,
    Inquiry,
    Location,
    PendingGrant,
    Tradeline,
    kept_locations,
)
from consortium.model.credit_file_bytes import (
    inquiry_from_value,
    inquiry_to_value,
    location_from_value,
    location_to_value,
    pending_from_value,
    pending_to_value,
    tradeline_from_value,
    tradeline_to_value,
)
from consortium.model.identifiers import IdentifierKind, SubjectTag
from consortium.silent import Silent


class EventKind(StrEnum):
    """The kinds of entries."""

    TRADELINE = "tradeline"
    INQUIRY = "inquiry"
    PENDING = "pending"
    CONFIRM = "confirm"
    RELEASE = "release"
    FREEZE = "freeze"
    DISPUTE = "dispute"
    LOCATION = "location"


@dataclass(frozen=True, slots=True, repr=False)
class Confirmation(Silent):
    """A pending grant was paid out: it ends, and its tradeline takes its place in the same moment."""

    pending_id: str
    tradeline: Tradeline


@dataclass(frozen=True, slots=True, repr=False)
class Release(Silent):
    """A pending grant came to nothing."""

    pending_id: str


@dataclass(frozen=True, slots=True, repr=False)
class Dispute(Silent):
    """The subject disputes a tradeline, or no longer does."""

    account: str
    disputed: bool


Event: TypeAlias = Tradeline | Inquiry | PendingGrant | Freeze | Confirmation | Release | Dispute | Location


@dataclass(frozen=True, slots=True, repr=False)
class JournalEntry(Silent):
    """One event of one subject; `seq` counts from 0 in each journal, `time` is the recording node's clock (seconds)."""

    seq: int
    time: int
    subject: SubjectTag
    identifier: IdentifierKind
    event: Event

    def to_bytes(self) -> bytes:
        """Give the line that the journal's chain commits to."""
        kind, value = event_to_value(self.event)
        return canonical_json(
            {
                "event": value,
                "identifier": int(self.identifier),
                "kind": kind.value,
                "seq": self.seq,
                "subject": self.subject.value.hex(),
                "time": self.time,
            }
        )


def journal_entry_from_bytes(data: bytes) -> JournalEntry:
    """Parse an entry; raises CreditError(JOURNAL_BROKEN) for any bytes that `to_bytes` does not give."""
    try:
        entry = _entry_from_value(parse_canonical(data))
        same = entry.to_bytes() == data
    except (CreditError, KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise CreditError(Code.JOURNAL_BROKEN, "an entry that cannot be read")
    return entry


def check_event(file: CreditFile | None, event: Event) -> None:
    """
    Raise CreditError(RECORD_INVALID) where an event does not fit the file.

    That is: no such pending grant, no such account, or a pending grant whose id already stands for another.
    """
    pendings = {pending.id: pending for pending in file.pendings} if file else {}
    match event:
        case Confirmation(pending_id=pending_id) | Release(pending_id=pending_id) if pending_id not in pendings:
            raise CreditError(Code.RECORD_INVALID, "no such pending grant")
        case PendingGrant() if pendings.get(event.id, event) != event:
            raise CreditError(Code.RECORD_INVALID, "the id of the pending grant is taken")
        case Dispute() if file is None or event.account not in {tradeline.account for tradeline in file.tradelines}:
            raise CreditError(Code.RECORD_INVALID, "no such account")
        case _:
            return


def apply_event(file: CreditFile, event: Event) -> CreditFile:
    """Give the file after an event; total, because what was recorded once must always be replayable."""
    match event:
        case Tradeline():
            after = _with_tradeline(file, event)
        case Inquiry():
            inquiries = sorted((*file.inquiries, event), key=lambda inquiry: (inquiry.time, inquiry.hard))
            after = replace(file, inquiries=tuple(inquiries))
        case PendingGrant():
            others = [pending for pending in file.pendings if pending.id != event.id]
            after = replace(file, pendings=tuple(sorted((*others, event), key=lambda pending: pending.id)))
        case Confirmation():
            after = _with_tradeline(_without_pending(file, event.pending_id), event.tradeline)
        case Release():
            after = _without_pending(file, event.pending_id)
        case Freeze():
            after = replace(file, frozen=event.frozen)
        case Dispute():
            after = replace(file, tradelines=tuple(_disputed(tradeline, event) for tradeline in file.tradelines))
        case Location():
            after = replace(file, locations=kept_locations((*file.locations, event)))
    return after


def replay(file: CreditFile | None, entries: Iterable[JournalEntry], subject: SubjectTag) -> CreditFile | None:
    """Give the live file: the book's file (None where the book has none) after the subject's entries, in order."""
    for entry in entries:
        if entry.subject == subject:
            file = apply_event(file or CreditFile(entry.identifier), entry.event)
    return file


def _with_tradeline(file: CreditFile, tradeline: Tradeline) -> CreditFile:
    others = [other for other in file.tradelines if other.account != tradeline.account]
    return replace(file, tradelines=tuple(sorted((*others, tradeline), key=lambda line: line.account)))


def _without_pending(file: CreditFile, pending_id: str) -> CreditFile:
    return replace(file, pendings=tuple(pending for pending in file.pendings if pending.id != pending_id))


def _disputed(tradeline: Tradeline, event: Dispute) -> Tradeline:
    return replace(tradeline, disputed=event.disputed) if tradeline.account == event.account else tradeline


def event_to_value(event: Event) -> tuple[EventKind, dict[str, CanonicalValue]]:
    """Give an event's kind and its canonical JSON value."""
    found: tuple[EventKind, dict[str, CanonicalValue]]
    match event:
        case Tradeline():
            found = EventKind.TRADELINE, tradeline_to_value(event)
        case Inquiry():
            found = EventKind.INQUIRY, inquiry_to_value(event)
        case PendingGrant():
            found = EventKind.PENDING, pending_to_value(event)
        case Confirmation():
            found = EventKind.CONFIRM, {"id": event.pending_id, "tradeline": tradeline_to_value(event.tradeline)}
        case Release():
            found = EventKind.RELEASE, {"id": event.pending_id}
        case Freeze():
            found = EventKind.FREEZE, {"frozen": event.frozen}
        case Dispute():
            found = EventKind.DISPUTE, {"account": event.account, "disputed": event.disputed}
        case Location():
            found = EventKind.LOCATION, location_to_value(event)
    return found


def _entry_from_value(value: CanonicalValue) -> JournalEntry:
    if not isinstance(value, dict):
        raise TypeError
    return JournalEntry(
        seq=_integer(value["seq"]),
        time=_integer(value["time"]),
        subject=SubjectTag(bytes.fromhex(_text(value["subject"]))),
        identifier=IdentifierKind(_integer(value["identifier"])),
        event=_event_from_value(EventKind(_text(value["kind"])), value["event"]),
    )


def _event_from_value(kind: EventKind, value: object) -> Event:
    match kind:
        case EventKind.TRADELINE:
            return tradeline_from_value(value)
        case EventKind.INQUIRY:
            return inquiry_from_value(value)
        case EventKind.PENDING:
            return pending_from_value(value)
        case EventKind.LOCATION:
            return location_from_value(value)
        case _:
            return _small_event(kind, value if isinstance(value, dict) else {})


def _small_event(kind: EventKind, value: Mapping[str, object]) -> Event:
    match kind:
        case EventKind.CONFIRM:
            return Confirmation(_text(value["id"]), tradeline_from_value(value["tradeline"]))
        case EventKind.RELEASE:
            return Release(_text(value["id"]))
        case EventKind.FREEZE:
            return Freeze(value["frozen"] is True)
        case _:
            return Dispute(_text(value["account"]), value["disputed"] is True)


def _integer(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
