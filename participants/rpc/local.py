"""A lender's local service: for the lender's own applications, on loopback or a Unix socket, behind a token."""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from pydantic import ValidationError

from consortium.canonical import MAX_INTEGER
from consortium.errors import Code, CreditError
from consortium.model.catalogue import Family, Purpose
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.query import Suite
from consortium.silent import Silent
from consortium.travel.geography import Point
from consortium.wire.reading import digest, int_enum, malformed, str_enum
from participants.lender.ask import AttributeResult, ConsentTerms, Question
from participants.lender.assess import DEFAULT_HOLD_SECONDS, Application, Assessor
from participants.lender.assess_input import MAX_HOLD_SECONDS, MIN_HOLD_SECONDS
from participants.lender.assessment import Assessment, HintWord
from participants.lender.ports import BookStatus
from participants.lender.questions import LocalAnswer, LocalQuery, overall_status
from participants.lender.travel import TravelQuestion, TravelResult
from participants.rpc.errors import mapped
from protos.credit.v1 import lender_pb2 as pb
from protos.credit.v1 import lender_pb2_grpc as grpc_pb

TOKEN_HEADER = "authorization"  # noqa: S105  the header's name
REQUEST_ID_BYTES = 16
DEFAULT_LIFETIME = 60
DEFAULT_COUNTRY = "CN"
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How a node is."""

    member: str
    rulebook_digest: bytes
    rulebook_version: int
    attached: tuple[str, ...]
    book: BookStatus


@dataclass(frozen=True, slots=True, repr=False)
class Token(Silent):
    """What an application shows to be let in."""

    value: str

    def check(self, rpc_context: Context) -> None:
        """Raise CreditError(CERTIFICATE_INVALID) unless the caller shows the token."""
        shown = dict(rpc_context.invocation_metadata() or ()).get(TOKEN_HEADER, "")
        if not hmac.compare_digest(str(shown).encode(), f"Bearer {self.value}".encode()):
            raise CreditError(Code.CERTIFICATE_INVALID, "the local service's token is missing or wrong")


RecordEvent = Callable[[str, bytes], tuple[int, bytes]]
"""Records an event (kind, JSON with identifiers) durably; gives the journal's size and head."""


class LenderServicer(grpc_pb.LenderServiceServicer):
    """Questions and events of the lender's own applications."""

    def __init__(
        self,
        token: Token,
        assessor: Assessor,
        record: RecordEvent,
        status: Callable[[], NodeStatus],
        suite: Callable[[], Suite],
    ) -> None:
        self._token = token
        self._assessor = assessor
        self._asker = assessor.asker
        self._record = record
        self._status = status
        self._suite = suite

    @mapped
    async def Query(self, request: pb.QueryRequest, rpc_context: Context) -> pb.QueryResponse:  # noqa: N802
        """Ask the consortium about one person."""
        self._token.check(rpc_context)
        return answer_to_proto(await self._asker.ask(query_from_proto(request, self._suite())))

    @mapped
    async def Assess(self, request: pb.AssessRequest, rpc_context: Context) -> pb.AssessResponse:  # noqa: N802
        """Assess an application for credit."""
        self._token.check(rpc_context)
        return assessment_to_proto(await self._assessor.assess(application_from_proto(request)))

    @mapped
    async def Record(self, request: pb.RecordRequest, rpc_context: Context) -> pb.RecordResponse:  # noqa: N802
        """Record an event of the lender's own book."""
        self._token.check(rpc_context)
        work = self._asker.workers.submit(self._record, request.kind, request.event_json.encode())
        size, head = await asyncio.wrap_future(work)
        return pb.RecordResponse(journal_size=size, journal_head=head)

    @mapped
    async def GetStatus(self, _: pb.GetStatusRequest, rpc_context: Context) -> pb.GetStatusResponse:  # noqa: N802
        """Say how the node is."""
        self._token.check(rpc_context)
        status = self._status()
        return pb.GetStatusResponse(
            member=status.member,
            rulebook_digest=status.rulebook_digest,
            rulebook_version=status.rulebook_version,
            attached=status.attached,
            book_day=status.book.book.day,
            subjects=status.book.book.size,
            journal_size=status.book.journal.size,
        )


def query_from_proto(request: pb.QueryRequest, suite: Suite) -> LocalQuery:
    """Read a question, which is asked in `suite` unless it names another; raises MALFORMED or SUITE_NOT_ALLOWED."""
    request_id = _request_id(request)
    if not request.attributes:
        raise malformed("attributes")
    purpose = str_enum(Purpose, request.purpose)
    lifetime = request.lifetime_seconds or DEFAULT_LIFETIME
    travel = _travel(request.travel) if request.HasField("travel") else None
    question = Question(purpose, tuple(request.attributes), _suite(request.suite) or suite, lifetime, travel=travel)
    return LocalQuery(
        request_id=request_id,
        identifiers=_identifiers(request.identifiers),
        question=question,
        consent=_consent(request.consent, purpose) if request.HasField("consent") else None,
        staff_id=request.staff_id,
        content=request.SerializeToString(deterministic=True),
    )


def application_from_proto(request: pb.AssessRequest) -> Application:
    """Read an application for credit; raises MALFORMED or SUITE_NOT_ALLOWED."""
    about = request.about
    if about.attributes:
        raise malformed("about.attributes: the signal policy says which")
    if request.HasField("amount") and not 1 <= request.amount <= MAX_INTEGER:
        raise malformed("amount")
    hold = request.hold_seconds or DEFAULT_HOLD_SECONDS
    if not MIN_HOLD_SECONDS <= hold <= MAX_HOLD_SECONDS:
        raise malformed("hold_seconds")
    purpose = str_enum(Purpose, about.purpose)
    return Application(
        request_id=_request_id(about),
        identifiers=_identifiers(about.identifiers),
        purpose=purpose,
        consent=_consent(about.consent, purpose) if about.HasField("consent") else None,
        staff_id=about.staff_id,
        content=request.SerializeToString(deterministic=True),
        amount=request.amount if request.HasField("amount") else None,
        min_answered=request.min_answered,
        deadline=about.lifetime_seconds or DEFAULT_LIFETIME,
        hold_seconds=hold,
        shadow=request.shadow,
        incumbent=str_enum(HintWord, request.incumbent) if request.incumbent else None,
        travel=_travel(about.travel) if about.HasField("travel") else None,
        suite=_suite(about.suite),
    )


def assessment_to_proto(assessment: Assessment) -> pb.AssessResponse:
    """Write an assessment: its fields are those of the message."""
    return ParseDict(assessment.model_dump(mode="json"), pb.AssessResponse())


def assessment_from_proto(response: pb.AssessResponse) -> Assessment:
    """Read an assessment; raises CreditError(MALFORMED)."""
    try:
        fields = MessageToDict(response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        return Assessment.model_validate(fields)
    except ValidationError:
        raise malformed("assessment") from None


def _request_id(request: pb.QueryRequest) -> bytes:
    request_id = request.request_id or secrets.token_bytes(REQUEST_ID_BYTES)
    if len(request_id) != REQUEST_ID_BYTES:
        raise malformed("request_id")
    return request_id


def answer_to_proto(answer: LocalAnswer) -> pb.QueryResponse:
    """Write an answer."""
    result, receipt = answer.result, answer.receipt
    return pb.QueryResponse(
        request_id=answer.request_id,
        status=overall_status(result),
        match=pb.Match(**{kind.name.lower(): result.matched[kind] for kind in IdentifierKind}),
        asked=result.asked,
        answered=result.answered,
        missing=result.missing,
        frozen=result.frozen,
        capped=result.capped,
        as_of=result.as_of,
        attributes=[_attribute(item) for item in result.attributes],
        receipt=pb.QueryReceipt(index=receipt.index, leaf_hash=receipt.leaf_hash, time_ms=receipt.time_ms),
        travel=_travel_check(result.travel) if result.travel else None,
    )


def _suite(name: str) -> Suite | None:
    if name and name not in Suite.__members__:
        raise CreditError(Code.SUITE_NOT_ALLOWED, "there is no such suite")
    return Suite[name] if name else None


def _travel(message: pb.TravelQuestion) -> TravelQuestion:
    return TravelQuestion(Point(message.latitude, message.longitude), message.time, message.payment)


def _travel_check(result: TravelResult) -> pb.TravelCheck:
    return pb.TravelCheck(
        contradictions=result.contradictions,
        own=result.own,
        answered=result.answered,
        verdict=result.verdict.value,
    )


def _attribute(item: AttributeResult) -> pb.AttributeValue:
    attribute = item.attribute
    return pb.AttributeValue(
        id=attribute.id,
        value=item.total,
        own=item.own,
        unit=attribute.unit.value,
        currency=attribute.currency or "",
        status=item.status.value,
    )


def _identifiers(messages: Sequence[pb.Identifier]) -> tuple[RawIdentifier, ...]:
    if not 1 <= len(messages) <= len(IdentifierKind):
        raise malformed("identifiers")
    return tuple(
        RawIdentifier(int_enum(IdentifierKind, item.kind - 1), item.text, item.country or DEFAULT_COUNTRY)
        for item in messages
    )


def _consent(message: pb.Consent, purpose: Purpose) -> ConsentTerms:
    return ConsentTerms(
        purpose=purpose,
        families=frozenset(str_enum(Family, family) for family in message.families),
        issued_at=message.issued_at,
        expires_at=message.expires_at,
        maximum_uses=message.maximum_uses,
        notice_digest=digest(message.notice_digest, "notice_digest"),
        notice_language=message.notice_language,
        evidence_digest=digest(message.evidence_digest, "evidence_digest"),
    )
