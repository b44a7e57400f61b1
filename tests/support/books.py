"""Subjects, credit files and books for tests, and hypothesis strategies for all that a file can hold."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.credit_file import (
    AccountStatus,
    Channel,
    Characteristics,
    CreditFile,
    Freeze,
    Inquiry,
    Location,
    PendingGrant,
    Piece,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.credit_file_bytes import credit_file_of
from consortium.model.identifiers import IdentifierKind, Secret, SubjectKey, SubjectTag
from consortium.model.journal_entry import Confirmation, Dispute, Event, Release
from participants.lender.ports import BookRow, Subject
from participants.storage.book_rows import BookIdentity

DAY = 20_500
NOW = DAY * 86_400 + 40_000
IDENTITY = BookIdentity("lender-a", Secret(b"book secret of lender a, 32 bytes"))


ResultT = TypeVar("ResultT")


def attempt(call: Callable[[], ResultT]) -> ResultT | Code:
    """What a call gives, or the code that it refuses with; any other exception is a failure of the test."""
    try:
        return call()
    except CreditError as error:
        return error.code


def subject(number: int, kind: IdentifierKind = IdentifierKind.PHONE) -> Subject:
    tag = hashlib.sha256(b"tag %d" % number).digest()
    return Subject(SubjectTag(tag), SubjectKey(hashlib.sha512(tag).digest()), kind)


def tradeline(account: str = "a1", **fields: object) -> Tradeline:
    values: dict[str, object] = {"opened": DAY - 400, "reported": DAY - 5, "limit": 500_000, "balance": 120_000}
    status = AccountStatus.CURRENT
    return Tradeline(account, PortfolioType.REVOLVING, **({"status": status} | values | fields))  # type: ignore[arg-type]


def grant(number: int = 1, **fields: object) -> PendingGrant:
    values: dict[str, object] = {"amount": 50_000, "made": NOW - 60, "expires": NOW + 3_600}
    return PendingGrant(f"grant-{number}", **(values | fields))  # type: ignore[arg-type]


def rows(who: Subject, *pieces: Piece) -> list[BookRow]:
    return [(who.key, who.tag, who.kind, piece) for piece in pieces]


def batched(rows: Sequence[BookRow], size: int = 3) -> Iterable[Sequence[BookRow]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


accounts = st.sampled_from(["a1", "a2", "a3", "Zz.9:_-"])
amounts = st.integers(0, 2**40)
days = st.integers(DAY - 4_000, DAY + 60)
times = st.integers(NOW - 120 * 86_400, NOW + 2 * 86_400)
days_past_due = st.integers(0, 400)


@st.composite
def tradelines(draw: st.DrawFn) -> Tradeline:
    opened = draw(days)
    later = st.integers(opened, DAY + 90)
    return Tradeline(
        account=draw(accounts),
        portfolio=draw(st.sampled_from(PortfolioType)),
        status=draw(st.sampled_from(AccountStatus)),
        opened=opened,
        reported=draw(days),
        closed=draw(st.none() | later),
        first_delinquency=draw(st.none() | later),
        limit=draw(amounts),
        balance=draw(amounts),
        past_due=draw(st.just(0) | amounts),
        payment=draw(amounts),
        payment_due=draw(st.none() | days),
        days_past_due=draw(st.just(0) | days_past_due),
        history=tuple(draw(st.lists(days_past_due, max_size=12))),
        charged_off=draw(st.just(0) | amounts),
        in_collection=draw(st.just(0) | amounts),
        disputed=draw(st.booleans()),
        channel=draw(st.sampled_from(Channel)),
        scene=draw(st.sampled_from(Scene)),
    )


inquiries = st.builds(Inquiry, times, st.booleans())
locations = st.builds(
    Location, times, st.integers(-90_000_000, 90_000_000), st.sampled_from([-180_000_000, -1, 0, 116_349_600])
)
pendings = st.builds(
    lambda number, amount, made, life: PendingGrant(f"g{number}", amount, made, made + life),
    st.integers(1, 3),
    amounts,
    times,
    st.integers(1, 10**6),
)
characteristics = st.dictionaries(
    st.sampled_from(["late_months", "rides_90d", "orders_30d"]), st.integers(-(2**31) + 1, 2**31 - 1)
).map(Characteristics.of)
pieces: st.SearchStrategy[Piece] = (
    tradelines() | inquiries | pendings | characteristics | st.booleans().map(Freeze) | locations
)
kinds = st.sampled_from(IdentifierKind)
credit_files: st.SearchStrategy[CreditFile] = st.builds(credit_file_of, kinds, st.lists(pieces, max_size=8))
events: st.SearchStrategy[Event] = (
    tradelines()
    | inquiries
    | pendings
    | st.booleans().map(Freeze)
    | st.builds(Confirmation, st.sampled_from(["g1", "g2", "g3"]), tradelines())
    | st.builds(Release, st.sampled_from(["g1", "g2", "g3"]))
    | st.builds(Dispute, accounts, st.booleans())
    | locations
)
