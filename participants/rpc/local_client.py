"""The client of a node's local service: for the command line, and for Python applications beside the node."""

import json
from types import TracebackType
from typing import Self

import grpc
from google.protobuf.message import Message

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.gateway_client.channel import from_rpc_error
from participants.lender.assess_input import AssessInput
from participants.lender.assessment import Assessment
from participants.lender.ports import day_text
from participants.lender.question_input import AboutInput, ConsentInput, QuestionInput, TravelInput
from participants.portfolio_status import PortfolioStatus
from participants.rpc.local import assessment_from_proto
from participants.settings import NodeSettings
from protos.credit.v1 import lender_pb2 as pb
from protos.credit.v1 import lender_pb2_grpc as grpc_pb
from protos.credit.v1 import local_portfolio_pb2, local_portfolio_pb2_grpc

SECONDS = 90.0


class LocalClient:
    """Calls the node whose folder this is; raises CreditError for whatever the node refuses."""

    def __init__(self, settings: NodeSettings) -> None:
        local = settings.file.local
        if not settings.path(local.token).exists():
            raise CreditError(
                Code.SETTINGS_INVALID, "this node has never served: start `credit-participant serve` first"
            )
        token = settings.read_private(local.token).decode("ascii").strip()
        self._address = local.listen
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._channel = grpc.insecure_channel(local.listen)
        self._stub = grpc_pb.LenderServiceStub(self._channel)
        self._portfolio_stub = local_portfolio_pb2_grpc.PortfolioServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def ask(self, question: QuestionInput) -> dict[str, CanonicalValue]:
        """Ask the consortium about one person; gives the answer as `query --json` prints it."""
        try:
            response = self._stub.Query(question_to_proto(question), metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None
        return answer_to_value(response)

    def assess(self, application: AssessInput) -> Assessment:
        """Assess an application for credit; a repeat of the same with its request id gives the same."""
        try:
            response = self._stub.Assess(application_to_proto(application), metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None
        return assessment_from_proto(response)

    def record(self, kind: str, event_json: str) -> None:
        """Record an event as `credit-participant record KIND` takes it; durable on return."""
        request = pb.RecordRequest(kind=kind, event_json=event_json)
        try:
            self._stub.Record(request, metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None

    def start_portfolio(self, job: bytes, request: bytes) -> PortfolioStatus:
        """Start a portfolio, or go on with it under the same request; it runs in the node."""
        return self._portfolio(
            "StartPortfolio", local_portfolio_pb2.StartPortfolioRequest(job=job, request_json=request)
        )

    def resume_portfolio(self, job: bytes) -> PortfolioStatus:
        """Go on with a portfolio that was stopped."""
        return self._portfolio("ResumePortfolio", local_portfolio_pb2.PortfolioWanted(job=job))

    def portfolio(self, job: bytes) -> PortfolioStatus:
        """Ask how a portfolio is."""
        return self._portfolio("GetPortfolio", local_portfolio_pb2.PortfolioWanted(job=job))

    def portfolios(self) -> list[PortfolioStatus]:
        """Ask how every portfolio is."""
        request = local_portfolio_pb2.ListPortfoliosRequest()
        try:
            found = self._portfolio_stub.ListPortfolios(request, metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None
        return [portfolio_from_proto(one) for one in found.portfolios]

    def _portfolio(self, method: str, request: Message) -> PortfolioStatus:
        try:
            found = getattr(self._portfolio_stub, method)(request, metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None
        return portfolio_from_proto(found)

    def status(self) -> dict[str, CanonicalValue]:
        """Ask how the node is."""
        try:
            status = self._stub.GetStatus(pb.GetStatusRequest(), metadata=self._metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            raise self._problem(error) from None
        return {
            "member": status.member,
            "rulebook": {"version": status.rulebook_version, "digest": status.rulebook_digest.hex()},
            "attached": [*status.attached],
            "book": {
                "day": day_text(status.book_day),
                "subjects": status.subjects,
                "journal_size": status.journal_size,
            },
        }

    def _problem(self, error: grpc.RpcError) -> CreditError:
        """Give what the node raised; where nobody listens, say what to start."""
        problem = from_rpc_error(error, self._address)
        if problem.code is Code.UNREACHABLE:
            return CreditError(problem.code, f"{problem.cause}; is `credit-participant serve` running")
        return problem


def portfolio_from_proto(message: local_portfolio_pb2.PortfolioStatus) -> PortfolioStatus:
    """Read how a portfolio is."""
    return PortfolioStatus(
        job=message.job,
        phase=message.phase,
        done=message.done,
        total=message.total,
        seconds=message.milliseconds / 1000,
        rows=message.rows,
        expires_at=message.expires_at,
        error=message.error,
        cause=message.cause,
        summary=json.loads(message.summary_json) if message.summary_json else {},
    )


def application_to_proto(application: AssessInput) -> pb.AssessRequest:
    """Write an application for credit."""
    return pb.AssessRequest(
        about=_about(application),
        amount=application.amount,
        min_answered=application.min_answered,
        hold_seconds=application.hold_seconds,
        shadow=application.shadow,
        incumbent=application.incumbent or "",
    )


def question_to_proto(question: QuestionInput) -> pb.QueryRequest:
    """Write a question."""
    message = _about(question)
    message.attributes.extend(question.attributes)
    return message


def _about(question: AboutInput) -> pb.QueryRequest:
    identifiers = [
        pb.Identifier(kind=f"IDENTIFIER_KIND_{raw.kind.name}", text=raw.text, country=raw.country)
        for raw in question.raw_identifiers()
    ]
    return pb.QueryRequest(
        request_id=bytes.fromhex(question.request_id or ""),
        identifiers=identifiers,
        purpose=question.purpose.value,
        consent=_consent(question.consent) if question.consent else None,
        lifetime_seconds=question.lifetime_seconds,
        staff_id=question.staff_id,
        travel=_travel(question.travel) if question.travel else None,
        suite=question.suite or "",
    )


def answer_to_value(response: pb.QueryResponse) -> dict[str, CanonicalValue]:
    """Give an answer as JSON."""
    match, receipt = response.match, response.receipt
    travel = {"travel": _travel_check(response.travel)} if response.HasField("travel") else {}
    return {
        **travel,
        "request_id": response.request_id.hex(),
        "status": response.status,
        "match": {"national_id": match.national_id, "phone": match.phone, "email": match.email},
        "asked": [*response.asked],
        "answered": [*response.answered],
        "missing": [*response.missing],
        "frozen": response.frozen,
        "capped": response.capped,
        "as_of": response.as_of,
        "attributes": [_attribute(item) for item in response.attributes],
        "receipt": {"index": receipt.index, "leaf_hash": receipt.leaf_hash.hex(), "time": receipt.time_ms},
    }


def _travel(travel: TravelInput) -> pb.TravelQuestion:
    return pb.TravelQuestion(
        latitude=travel.latitude, longitude=travel.longitude, time=travel.time, payment=travel.payment
    )


def _travel_check(check: pb.TravelCheck) -> dict[str, CanonicalValue]:
    return {
        "verdict": check.verdict,
        "contradictions": check.contradictions,
        "own": check.own,
        "answered": check.answered,
    }


def _attribute(item: pb.AttributeValue) -> dict[str, CanonicalValue]:
    unit = f"{item.unit} {item.currency}".strip()
    return {"id": item.id, "value": item.value, "own": item.own, "unit": unit, "status": item.status}


def _consent(consent: ConsentInput) -> pb.Consent:
    return pb.Consent(
        families=[family.value for family in consent.families],
        issued_at=consent.issued,
        expires_at=consent.expires,
        maximum_uses=consent.maximum_uses,
        notice_digest=consent.notice_digest,
        notice_language=consent.notice_language,
        evidence_digest=consent.evidence_digest,
    )
