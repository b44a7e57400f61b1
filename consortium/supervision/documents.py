"""
The signed documents of supervision; each becomes an entry of the log, with its signature.

All are `consortium.membership.signed` documents: canonical JSON under a label of their own, signed by an identity key.
Nothing in them names a person: a query is named by its entry, a text says why without naming anybody.
"""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import Field, model_validator

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.signed import document_digest, open_document
from consortium.model.document import Bytes, Document, Id, Key32, Line
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook
from consortium.supervision.releases import ASKERS, StatisticRelease

NO_STATEMENT = bytes(32)
"""What the first statement of a member names as the one before."""
MAXIMUM_BOOKS = 256
MAXIMUM_DAYS = 400
MAXIMUM_INSPECTION_SECONDS = 366 * 86_400
MAXIMUM_SEALED_BYTES = 128 << 20
"""What an inspection is shown, sealed: about two million changes of a book between two days."""
SUM_REPORT_BYTES = 1_106
"""The length of every sealed report of unreadable sums, whatever it says; see `consortium.supervision.sums`."""

Moment = Annotated[int, Field(ge=0)]
Index = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(max_length=200, pattern=r"^[ -~]*$")]


class StatedBook(Document):
    """
    A book that came into force: its UTC day (since 1970), the root, the digest of the day's salt.

    `start` is where its journal begins, which binds all of this and the journal before; `previous` is the head at which
    that one ended (zeros for the first).
    """

    day: int = Field(ge=0)
    root: Key32
    salt_digest: Key32
    start: Key32
    previous: Key32


class StatedDay(Document):
    """A UTC day that is over, and the number of the last message that the member had signed by its end."""

    day: int = Field(ge=0)
    last: int = Field(ge=0)


class MemberStatement(Document):
    """
    What a lender states of itself, at least once a day; statements of one lender are a chain without gaps.

    `books` are those that came into force since the statement before, the last one is in force; `journal` is the head
    of its journal; `days` are the days that are over and were not stated yet; `messages` is the number of the last
    signed message; `report` is sealed for the regulator and always of one length.
    """

    consortium: Id
    member: Id
    number: int = Field(ge=1)
    previous: Key32
    stated_at: Moment
    books: tuple[StatedBook, ...] = Field(max_length=MAXIMUM_BOOKS)
    journal: Key32
    days: tuple[StatedDay, ...] = Field(max_length=MAXIMUM_DAYS)
    messages: int = Field(ge=0)
    report: Annotated[Bytes, Field(min_length=SUM_REPORT_BYTES, max_length=SUM_REPORT_BYTES)]

    @model_validator(mode="after")
    def _in_order(self) -> "MemberStatement":
        days = [*self.days, StatedDay(day=self.days[-1].day + 1, last=self.messages)] if self.days else []
        if any(one.day >= other.day or one.last > other.last for one, other in pairwise(days)):
            raise ValueError("days out of order, or numbers that decrease")
        if (self.number == 1) != (self.previous == NO_STATEMENT):
            raise ValueError("the first statement, and no other, follows none")
        return self


class InspectionOrder(Document):
    """
    A regulator demands that a member shows what its contribution to one answer contained.

    `entry` is the index of the answer's entry and `ctx` its exchange; `dispute` is the entry of a dispute about that
    answer, in which every member of it may be inspected.
    """

    consortium: Id
    regulator: Id
    member: Id
    entry: Index
    ctx: Key32
    dispute: Index | None = None
    reason: Line
    issued_at: Moment
    due_at: Moment

    @model_validator(mode="after")
    def _due(self) -> "InspectionOrder":
        if not self.issued_at < self.due_at <= self.issued_at + MAXIMUM_INSPECTION_SECONDS:
            raise ValueError("due_at: after issued_at, at most a year")
        return self


class Finding(StrEnum):
    """What an inspection came to."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    OVERDUE = "overdue"


class InspectionVerdict(Document):
    """A regulator's verdict on the order at entry `order`; `shown` is the digest of what the member sent, if it did."""

    consortium: Id
    regulator: Id
    order: Index
    member: Id
    finding: Finding
    cause: Text = ""
    shown: Key32 | None = None
    issued_at: Moment


class CaseKind(StrEnum):
    """A dispute is between members; a complaint is somebody's, brought by the regulator."""

    DISPUTE = "dispute"
    COMPLAINT = "complaint"


class CaseCause(StrEnum):
    """What a case is about."""

    SUM_UNREADABLE = "sum-unreadable"
    NUMBER_WRONG = "number-wrong"
    CONTRIBUTION_DROPPED = "contribution-dropped"
    NOT_ASKED_FOR = "not-asked-for"
    CONSENT = "consent"
    ACCESS_REFUSED = "access-refused"
    OTHER = "other"


class Case(Document):
    """A case that is opened, about an entry of the log, a member, or both."""

    consortium: Id
    member: Id
    kind: CaseKind
    cause: CaseCause
    about: Id | None = None
    entry: Index | None = None
    text: Line
    opened_at: Moment

    @model_validator(mode="after")
    def _about_something(self) -> "Case":
        if self.about is None and self.entry is None:
            raise ValueError("a case is about an entry or a member")
        return self


class CaseOutcome(StrEnum):
    """How a case ended; whoever opened it may withdraw it, the rest is the regulator's."""

    UPHELD = "upheld"
    REJECTED = "rejected"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"


class CaseClosed(Document):
    """The case at entry `case` is over."""

    consortium: Id
    member: Id
    case: Index
    outcome: CaseOutcome
    text: Line
    closed_at: Moment


class KeyPurpose(StrEnum):
    """What a regulator opens with its audit key."""

    ACCESS_REPORT = "access-report"
    INSPECTION = "inspection"
    SUM_REPORTS = "sum-reports"


class AuditKeyUse(Document):
    """A regulator is about to open things that are sealed for it; logged before it does."""

    consortium: Id
    regulator: Id
    purpose: KeyPurpose
    reference: Line
    used_at: Moment


Share = Annotated[int, Field(ge=0, le=1000)] | None


class QualityStatement(Document):
    """
    How good a lender says the data of its book of one UTC day are; see `consortium.supervision.quality`.

    Shares are in thousandths, None where there was nothing to judge. `root` is the book's, which the lender states in
    its chain as well: whoever inspects it knows which files were meant.
    """

    consortium: Id
    member: Id
    day: int = Field(ge=0)
    root: Key32
    identified: Share
    current: Share
    history: Share
    dated: Share
    described: Share
    stated_at: Moment


FilingT = TypeVar("FilingT", bound=Document)
Filing = (
    MemberStatement
    | InspectionOrder
    | InspectionVerdict
    | Case
    | CaseClosed
    | AuditKeyUse
    | QualityStatement
    | StatisticRelease
)


class FilingKind(StrEnum):
    """The kinds of documents, named as their entries in the log are."""

    STATEMENT = "member-statement"
    ORDER = "inspection-ordered"
    VERDICT = "inspection-verdict"
    CASE = "case-opened"
    CASE_CLOSED = "case-closed"
    KEY_USE = "audit-key-used"
    QUALITY = "quality-stated"
    RELEASE = "statistic-released"


FORMS: dict[FilingKind, tuple[type[Filing], Label]] = {
    FilingKind.STATEMENT: (MemberStatement, Label.MEMBER_STATEMENT),
    FilingKind.ORDER: (InspectionOrder, Label.INSPECTION_ORDER),
    FilingKind.VERDICT: (InspectionVerdict, Label.INSPECTION_VERDICT),
    FilingKind.CASE: (Case, Label.CASE_OPENED),
    FilingKind.CASE_CLOSED: (CaseClosed, Label.CASE_CLOSED),
    FilingKind.KEY_USE: (AuditKeyUse, Label.AUDIT_KEY_USE),
    FilingKind.QUALITY: (QualityStatement, Label.QUALITY_STATED),
    FilingKind.RELEASE: (StatisticRelease, Label.STATISTIC_RELEASE),
}


def author_of(filing: Filing) -> MemberId:
    """Give who signs a document."""
    match filing:
        case InspectionOrder() | InspectionVerdict() | AuditKeyUse():
            return filing.regulator
        case _:
            return filing.member


def filing_digest(kind: FilingKind, signed: bytes) -> bytes:
    """Name a document, 32 bytes: what the next statement of a chain and an inspection's answer refer to."""
    return document_digest(FORMS[kind][1], signed)


def read_filing(kind: FilingKind, signed: bytes, rulebook: Rulebook) -> Filing:
    """
    Parse a document and verify that whom the rulebook has for its author signed it, and may.

    Raises CreditError(MALFORMED), (MEMBER_NOT_ACTIVE), (ROLE_NOT_ALLOWED) or (SIGNATURE_INVALID).
    """
    form, label = FORMS[kind]

    def key_of(filing: Filing) -> bytes:
        if filing.consortium != rulebook.document.consortium:
            raise CreditError(Code.MALFORMED, "a document of another consortium")
        member = rulebook.active_member(author_of(filing))
        if member.role not in _roles(filing):
            raise CreditError(Code.ROLE_NOT_ALLOWED, f"{kind} is not for a {member.role}")
        return member.identity_key

    return open_document(form, signed, label, key_of, Code.MALFORMED)


def _roles(filing: Filing) -> frozenset[Role]:
    match filing:
        case MemberStatement() | QualityStatement():
            return frozenset({Role.LENDER})
        case StatisticRelease():
            return ASKERS
        case Case():
            return frozenset({Role.REGULATOR if filing.kind is CaseKind.COMPLAINT else Role.LENDER})
        case CaseClosed():
            withdrawn = filing.outcome is CaseOutcome.WITHDRAWN
            return frozenset({Role.LENDER, Role.REGULATOR} if withdrawn else {Role.REGULATOR})
        case _:
            return frozenset({Role.REGULATOR})
