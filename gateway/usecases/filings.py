"""
Filing: a signed document of supervision is verified, put into the log, and given to whom it concerns.

The gateway decides nothing here that it could decide differently for one member: it holds a document to its
signature, to what was filed before and to the entry that it is about. Who reads it verifies it again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar, assert_never

from consortium.errors import Code, CreditError
from consortium.membership.signed import body_of, parse_document
from consortium.model.document import Document
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook
from consortium.supervision.documents import (
    MAXIMUM_SEALED_BYTES,
    NO_STATEMENT,
    AuditKeyUse,
    Case,
    CaseClosed,
    CaseKind,
    CaseOutcome,
    Filing,
    FilingKind,
    Finding,
    InspectionOrder,
    InspectionVerdict,
    MemberStatement,
    QualityStatement,
    author_of,
    filing_digest,
    read_filing,
)
from consortium.supervision.releases import StatisticRelease
from consortium.wire.supervision import Piece
from gateway.committer import GroupCommitter
from gateway.ports import GatewayTransaction, KnownFiling, NewFiling
from gateway.usecases import entries

DAY_MS = 86_400_000
FILINGS_A_DAY = {Role.LENDER: 256, Role.REGULATOR: 8192, Role.OBSERVER: 256}
EVERYBODY = "*"
FormT = TypeVar("FormT", bound=Document)


@dataclass(frozen=True, slots=True)
class FilingDesk:
    """The use-cases with their ports; `clock` gives Unix seconds."""

    rulebook: Callable[[], Rulebook]
    committer: GroupCommitter
    clock: Callable[[], int]

    async def file(self, kind: FilingKind, signed: bytes, caller: MemberId) -> int:
        """
        File a document and give its entry's index; the same document again has the same entry.

        Raises MALFORMED, SIGNATURE_INVALID, MEMBER_NOT_ACTIVE, ROLE_NOT_ALLOWED, CLOCK_OFF, COUNTER_GAP for a statement
        that does not follow the one before, FILING_INVALID for what does not fit what was filed before, REVEAL_LIMIT,
        QUOTA_EXCEEDED.
        """
        rulebook, now = self.rulebook(), self.clock()
        filing = read_filing(kind, signed, rulebook)
        if author_of(filing) != caller:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a document is filed by its author")
        return await self.committer.commit(lambda one: file_document(kind, signed, filing, rulebook, now, one))

    async def show(self, piece: Piece, number: int, caller: MemberId) -> None:
        """Keep a piece of a bundle; raises FILING_INVALID where the caller has no such order open."""
        await self.committer.commit(lambda one: _keep_piece(piece, number, caller, one))

    async def shown(self, order: int, pieces: int, size: int, digest: bytes, caller: MemberId) -> int:
        """Say in the log that a bundle has come whole; gives the entry's index, for a repeat that of the first."""
        return await self.committer.commit(lambda one: _answered(order, pieces, size, digest, caller, one))


def file_document(
    kind: FilingKind, signed: bytes, filing: Filing, rulebook: Rulebook, now: int, transaction: GatewayTransaction
) -> int:
    """File a verified document in one unit; see `FilingDesk.file`."""
    digest = filing_digest(kind, signed)
    known = transaction.filings.entry(digest)
    if known is not None:
        return known
    author = author_of(filing)
    if transaction.filings.count(author, now * 1000 - DAY_MS) >= FILINGS_A_DAY[rulebook.members[author].role]:
        raise CreditError(Code.QUOTA_EXCEEDED, "documents filed a day")
    if _made_at(filing) > now + rulebook.policy.clock_skew:
        raise CreditError(Code.CLOCK_OFF, "a document dated in the future")
    reader, about = _check(filing, rulebook, transaction)
    appended = transaction.append(entries.filed(kind.value, signed, rulebook.digest))
    transaction.filings.keep(
        appended.index, NewFiling(kind.value, signed, digest, author, reader, about), appended.time_ms
    )
    if isinstance(filing, InspectionVerdict) and filing.finding is not Finding.OVERDUE:
        transaction.filings.drop_pieces(filing.order)
    return appended.index


def _check(  # noqa: PLR0911  one line for each kind of document
    filing: Filing, rulebook: Rulebook, transaction: GatewayTransaction
) -> tuple[str, int | None]:
    """Hold a document to what is in the log; gives who may read it, and the entry that it is about."""
    match filing:
        case MemberStatement():
            return _check_statement(filing, transaction)
        case InspectionOrder():
            return _check_order(filing, rulebook, transaction)
        case InspectionVerdict():
            return _check_verdict(filing, transaction)
        case Case():
            return _check_case(filing, rulebook, transaction)
        case CaseClosed():
            return _check_closed(filing, transaction)
        case StatisticRelease():
            return _check_release(filing, transaction)
        case AuditKeyUse() | QualityStatement():
            return EVERYBODY if isinstance(filing, QualityStatement) else "", None
        case _:
            assert_never(filing)


def _check_statement(statement: MemberStatement, transaction: GatewayTransaction) -> tuple[str, None]:
    newest = transaction.filings.newest(FilingKind.STATEMENT, statement.member)
    before = filing_digest(FilingKind.STATEMENT, newest.signed) if newest else NO_STATEMENT
    number = _parsed(newest, MemberStatement).number if newest else 0
    if (statement.number, statement.previous) != (number + 1, before):
        raise CreditError(Code.COUNTER_GAP, f"statement {statement.number} after {number}")
    return "", None


def _check_order(order: InspectionOrder, rulebook: Rulebook, transaction: GatewayTransaction) -> tuple[str, int]:
    entry = _entry(order.entry, transaction)
    if entry.get("kind") != "query-answered" or entry["ctx"] != order.ctx.hex():
        raise _invalid(f"entry {order.entry} is not the answer of this exchange")
    if order.member not in entry["answering"]:
        raise _invalid(f"{order.member} is not in that answer")
    others = [_parsed(one, InspectionOrder) for one in transaction.filings.about(FilingKind.ORDER, order.entry)]
    if any(one.member == order.member for one in others):
        raise _invalid(f"{order.member} was ordered to show this before")
    if order.dispute is not None:
        disputed = _case(order.dispute, transaction)
        if disputed.kind is not CaseKind.DISPUTE or disputed.entry != order.entry:
            raise _invalid("there is no such dispute about this entry")
        return EVERYBODY, order.entry
    members = {order.member, *(one.member for one in others if one.dispute is None)}
    if len(members) > len(entry["answering"]) - rulebook.policy.colluders - 3:
        raise CreditError(Code.REVEAL_LIMIT)
    return EVERYBODY, order.entry


def _check_verdict(verdict: InspectionVerdict, transaction: GatewayTransaction) -> tuple[str, int]:
    order = _order(verdict.order, transaction)
    if order.member != verdict.member:
        raise _invalid("the order is to another member")
    earlier = [_parsed(one, InspectionVerdict) for one in transaction.filings.about(FilingKind.VERDICT, verdict.order)]
    if any(one.finding is not Finding.OVERDUE for one in earlier):
        raise _invalid("there is a verdict on this order")
    return verdict.member, verdict.order


def _check_case(case: Case, rulebook: Rulebook, transaction: GatewayTransaction) -> tuple[str, int | None]:
    if case.about is not None and case.about not in rulebook.members:
        raise _invalid(f"{case.about} is no member")
    if case.entry is not None:
        _entry(case.entry, transaction)
    return EVERYBODY if case.kind is CaseKind.DISPUTE else case.about or "", case.entry


def _check_closed(closed: CaseClosed, transaction: GatewayTransaction) -> tuple[str, int]:
    case = _case(closed.case, transaction)
    if closed.outcome is CaseOutcome.WITHDRAWN and closed.member != case.member:
        raise _invalid("a case is withdrawn by whoever opened it")
    if transaction.filings.about(FilingKind.CASE_CLOSED, closed.case):
        raise _invalid("the case is closed")
    return EVERYBODY if case.kind is CaseKind.DISPUTE else case.about or "", closed.case


def _check_release(release: StatisticRelease, transaction: GatewayTransaction) -> tuple[str, int]:
    """Hold a release to an answer of its author's own, which has none yet; everybody may read it."""
    answer = _entry(release.answer, transaction)
    if answer.get("kind") != "statistic-answered" or answer["transcript"] != release.transcript.hex():
        raise _invalid(f"entry {release.answer} is not the answer that was released")
    admission = _entry(answer["admission"], transaction)
    if (admission["requester"], admission["template"]) != (release.member, release.template):
        raise _invalid("the answer is to somebody else, or of another template")
    if [*release.contributors] != answer["answering"]:
        raise _invalid("other contributors are in that answer")
    if transaction.filings.about(FilingKind.RELEASE, release.answer):
        raise _invalid("that answer was released before")
    return EVERYBODY, release.answer


def _keep_piece(piece: Piece, number: int, caller: MemberId, transaction: GatewayTransaction) -> None:
    _open_order(piece.order, caller, transaction)
    if (number + 1) * len(piece.content) > MAXIMUM_SEALED_BYTES:
        raise _invalid("a bundle that is too long")
    if _answer_to(piece.order, transaction) is None:  # what has come whole is not changed any more
        transaction.filings.keep_piece(piece.order, number, piece.content)


def _answered(
    order: int, pieces: int, size: int, digest: bytes, caller: MemberId, transaction: GatewayTransaction
) -> int:
    _open_order(order, caller, transaction)
    known = _answer_to(order, transaction)
    if known is not None:
        if known.signed != digest:
            raise _invalid("another bundle was shown before")
        return known.index
    transaction.filings.drop_pieces(order, pieces)  # of an earlier, longer one that never came whole
    appended = transaction.append(entries.inspection_answered(order, caller, digest, size))
    answer = NewFiling(entries.ANSWERED, digest, sha256(b"%d" % order + digest).digest(), caller, "", order)
    transaction.filings.keep(appended.index, answer, appended.time_ms)
    return appended.index


def _answer_to(order: int, transaction: GatewayTransaction) -> KnownFiling | None:
    return next(iter(transaction.filings.about(entries.ANSWERED, order)), None)


def _open_order(index: int, caller: MemberId, transaction: GatewayTransaction) -> None:
    if _order(index, transaction).member != caller:
        raise _invalid("the order is to another member")
    verdicts = [_parsed(one, InspectionVerdict) for one in transaction.filings.about(FilingKind.VERDICT, index)]
    if any(one.finding is not Finding.OVERDUE for one in verdicts):
        raise _invalid("there is a verdict on this order")


def _order(index: int, transaction: GatewayTransaction) -> InspectionOrder:
    known = transaction.filings.at(index)
    if known is None or known.kind != FilingKind.ORDER:
        raise _invalid(f"entry {index} is no order")
    return _parsed(known, InspectionOrder)


def _case(index: int, transaction: GatewayTransaction) -> Case:
    known = transaction.filings.at(index)
    if known is None or known.kind != FilingKind.CASE:
        raise _invalid(f"entry {index} is no case")
    return _parsed(known, Case)


def _parsed(known: KnownFiling, form: type[FormT]) -> FormT:
    return parse_document(form, body_of(known.signed), Code.MALFORMED)


def _entry(index: int, transaction: GatewayTransaction) -> dict[str, Any]:
    line = transaction.line(index)
    if line is None:
        raise _invalid(f"there is no entry {index}")
    entry: dict[str, Any] = json.loads(line)
    return entry


def _made_at(filing: Filing) -> int:
    match filing:
        case MemberStatement() | QualityStatement():
            return filing.stated_at
        case InspectionOrder() | InspectionVerdict():
            return filing.issued_at
        case Case():
            return filing.opened_at
        case CaseClosed():
            return filing.closed_at
        case AuditKeyUse():
            return filing.used_at
        case StatisticRelease():
            return filing.released_at
        case _:
            assert_never(filing)


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.FILING_INVALID, cause)
