"""Live events as JSON: what they become, and that a refusal names the field and never repeats what was given."""

import json

import pytest

from consortium.errors import Code, CreditError
from consortium.model.credit_file import (
    AccountStatus,
    CreditFile,
    Freeze,
    Inquiry,
    Location,
    PendingGrant,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.identifiers import IdentifierKind, SubjectKey
from consortium.model.journal_entry import Confirmation, Dispute, Event, Release, apply_event
from participants.lender.event_input import (
    MAX_EVENT_BYTES,
    ConfirmInput,
    DisputeInput,
    EventInput,
    FreezeInput,
    InquiryInput,
    LocationInput,
    OneInquiry,
    OnePromise,
    PendingInput,
    ReleaseInput,
    TradelineInput,
    parse_event,
)
from participants.lender.ports import HeldFile
from participants.lender.recording import record_event
from participants.storage.memory import MemoryBook
from tests.support.books import IDENTITY, NOW, subject
from tests.support.codes import refused
from tests.support.sources import FakeTokens, token_of

ID = "11010519491231002X"
PHONE = "13912345678"
WHO = {"country": "CN", "national_id": ID, "phone": PHONE}
LINE = {
    "account": "a-1",
    "portfolio": "I",
    "status": "11",
    "opened": "2026-01-31",
    "reported": "2026-11-01",
    "limit": 500_000,
    "history": [0, 30],
    "scene": "travel",
}
PIECE = Tradeline(
    "a-1",
    PortfolioType.INSTALMENT,
    AccountStatus.CURRENT,
    opened=20_484,
    reported=20_758,
    limit=500_000,
    history=(0, 30),
    scene=Scene.TRAVEL,
)
EXPIRES = "2026-11-24T10:00:00+08:00"


def told(kind: type[EventInput], **fields: object) -> EventInput:
    return parse_event(kind, json.dumps({"identifiers": WHO, **fields}).encode())


@pytest.mark.parametrize(
    ("kind", "fields", "event"),
    [
        (TradelineInput, {"tradeline": LINE}, PIECE),
        (InquiryInput, {}, Inquiry(NOW)),
        (InquiryInput, {"time": "2026-11-23T02:00:00Z", "hard": False}, Inquiry(1_795_399_200, hard=False)),
        (FreezeInput, {"frozen": True}, Freeze(frozen=True)),
        (DisputeInput, {"account": "a-1", "disputed": True}, Dispute("a-1", disputed=True)),
        (PendingInput, {"id": "g", "amount": 5, "expires": EXPIRES}, PendingGrant("g", 5, NOW, 1_795_485_600)),
        (ConfirmInput, {"id": "g", "tradeline": LINE}, Confirmation("g", PIECE)),
        (
            LocationInput,
            {"latitude": 39.9236, "longitude": -116.3496004, "time": "2026-01-31T00:00:00Z"},
            Location(1_769_817_600, 39_923_600, -116_349_600),
        ),
        (LocationInput, {"latitude": -90, "longitude": 180}, Location(NOW, -90_000_000, 180_000_000)),
        (ReleaseInput, {"id": "g"}, Release("g")),
    ],
)
def test_each_kind_becomes_its_event(kind: type[EventInput], fields: dict[str, object], event: object) -> None:
    assert told(kind, **fields).event(None, NOW) == event


def test_the_strongest_identifier_counts() -> None:
    assert told(InquiryInput).identifiers.strongest().kind is IdentifierKind.NATIONAL_ID
    weaker = told(InquiryInput, identifiers={"country": "CN", "phone": PHONE, "email": "a@example.org"})
    assert weaker.identifiers.strongest().kind is IdentifierKind.PHONE
    with refused(Code.IDENTIFIER_CHECKSUM):
        told(InquiryInput, identifiers=WHO | {"national_id": ID[:-1] + "1"}).identifiers.strongest()
    with refused(Code.RECORD_INVALID):
        told(InquiryInput, identifiers={"country": "CN"}).identifiers.strongest()


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        (TradelineInput, {}, "tradeline"),
        (TradelineInput, {"tradeline": LINE | {"opened": "31.01.2026"}}, "tradeline.opened"),
        (TradelineInput, {"tradeline": LINE | {"opened": 20_484}}, "tradeline.opened"),
        (TradelineInput, {"tradeline": LINE | {"limit": "13912345678"}}, "tradeline.limit"),
        (TradelineInput, {"tradeline": LINE | {"limit": 1.5}}, "tradeline.limit"),
        (TradelineInput, {"tradeline": LINE | {"limit": -1}}, "limit"),
        (TradelineInput, {"tradeline": LINE | {"status": "13912345678"}}, "tradeline.status"),
        (TradelineInput, {"tradeline": LINE | {PHONE: 1}}, "an unknown key in tradeline"),
        (TradelineInput, {"tradeline": LINE, PHONE: 1}, "an unknown key"),
        (FreezeInput, {"frozen": "yes"}, "frozen"),
        (LocationInput, {"latitude": 90.000001, "longitude": 0}, "latitude"),
        (LocationInput, {"latitude": 0, "longitude": -180.1}, "longitude"),
        (LocationInput, {"latitude": 0, "longitude": 1e300}, "longitude"),
        (LocationInput, {"latitude": "13912345678", "longitude": 0}, "latitude"),
        (LocationInput, {"latitude": True, "longitude": 0}, "latitude"),
        (LocationInput, {"latitude": 0}, "longitude"),
        (LocationInput, {"latitude": 0, "longitude": 0, "time": "2126-11-23T10:00:00Z"}, "time"),
        (InquiryInput, {"time": "2026-11-23T10:00:00"}, "time"),
        (PendingInput, {"amount": 5, "expires": "2020-01-01T00:00:00Z"}, "pending expires"),
        (PendingInput, {"amount": True, "expires": EXPIRES}, "amount"),
        (PendingInput, {"id": "13912345678 x", "amount": 1, "expires": EXPIRES}, "pending id"),
        (ReleaseInput, {"identifiers": {"country": "CN", "phone": 13912345678}, "id": "g"}, "identifiers.phone"),
        (ReleaseInput, {"identifiers": PHONE, "id": "g"}, "identifiers"),
    ],
)
def test_a_mistake_is_refused_by_the_field_and_not_repeated(
    kind: type[EventInput], fields: dict[str, object], named: str
) -> None:
    with pytest.raises(CreditError) as caught:
        told(kind, **fields).event(None, NOW)
    assert caught.value.code is Code.RECORD_INVALID
    assert named in caught.value.cause
    assert PHONE not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("data", [b"", b"13912345678", b"[]", b"\xff", b'{"identifiers"', b" " * (MAX_EVENT_BYTES + 1)])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(CreditError) as caught:
        parse_event(InquiryInput, data)
    assert caught.value.code is Code.RECORD_INVALID
    assert "13912345678" not in str(caught.value)


def test_nothing_of_an_event_prints() -> None:
    event = told(TradelineInput, tradeline=LINE)
    for shown in (event, event.identifiers):
        assert ID not in f"{shown} {shown!r}"
        assert PHONE not in f"{shown} {shown!r}"


def test_the_same_grant_again_is_the_one_on_file() -> None:
    grant = PendingGrant("g", 5, NOW - 100, 1_795_485_600)
    book = MemoryBook(IDENTITY)
    book.record(subject(1), grant, NOW - 100)
    held = book.find(subject(1).tag)
    assert isinstance(held, HeldFile)
    assert told(PendingInput, id="g", amount=5, expires=EXPIRES).event(held, NOW) == grant
    assert told(PendingInput, id="g", amount=6, expires=EXPIRES).event(held, NOW) != grant


def test_a_grant_without_id_gets_one() -> None:
    events = [told(PendingInput, amount=5, expires=EXPIRES).event(None, NOW) for _ in range(2)]
    ids = {event.id for event in events if isinstance(event, PendingGrant)}
    assert len(ids) == 2


def test_recording_is_durable_repeatable_and_checked() -> None:
    book, tokens = MemoryBook(IDENTITY), FakeTokens()
    pending = told(PendingInput, id="g", amount=5, expires=EXPIRES)
    first = record_event(book, tokens, pending, NOW)
    assert (first.journal.size, first.pending_id) == (1, "g")
    assert record_event(book, tokens, pending, NOW + 50).journal == first.journal
    with refused(Code.RECORD_INVALID):
        record_event(book, tokens, told(PendingInput, id="g", amount=6, expires=EXPIRES), NOW)
    with refused(Code.RECORD_INVALID):
        record_event(book, tokens, told(ReleaseInput, id="other"), NOW)
    confirmed = record_event(book, tokens, told(ConfirmInput, id="g", tradeline=LINE), NOW + 60)
    assert (confirmed.journal.size, confirmed.pending_id) == (2, None)
    held = book.find(token_of(pending.identifiers.strongest()).tag)
    assert held is not None
    assert (held.kind, held.file.tradelines, held.file.pendings) == (IdentifierKind.NATIONAL_ID, (PIECE,), ())


def test_a_promise_is_made_once_while_it_counts_and_anew_when_it_has_run_out() -> None:
    """Whoever repeats an application a day later has to be seen by the others as much as the first time."""
    promise = OnePromise.model_validate({"identifiers": WHO, "amount": 7, "seconds": 60, "id": "ab"})
    first = promise.event(None, NOW)
    assert first == PendingGrant("ab", 7, NOW, NOW + 60)
    assert promise.event(holding(first), NOW + 59) == first
    later = promise.event(holding(first), NOW + 60)
    assert later == PendingGrant("ab-2", 7, NOW + 60, NOW + 120)
    assert promise.event(holding(first, later), NOW + 61) == later


def test_one_hard_inquiry_is_not_taken_for_a_soft_one_of_that_second() -> None:
    told = OneInquiry.model_validate({"identifiers": WHO, "at": NOW})
    soft, hard = Inquiry(NOW, hard=False), Inquiry(NOW, hard=True)
    assert told.event(holding(soft), NOW) == hard
    assert told.event(holding(soft, hard), NOW) is None


def holding(*events: Event | None) -> HeldFile:
    file = CreditFile(IdentifierKind.NATIONAL_ID)
    for event in events:
        assert event is not None
        file = apply_event(file, event)
    return HeldFile(file.identifier, SubjectKey(bytes(64)), file)
