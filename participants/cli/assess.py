"""`credit-participant assess`, `explain` and `shadow`: what underwriting does with the consortium."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.cli.assessment_screen import applicant_screen, officer_screen
from participants.cli.output import JsonOption, NodeOption, output
from participants.cli.query import FileArgument, read_question
from participants.lender.assess_input import parse_application
from participants.lender.assessment import Assessment, HintWord
from participants.lender.question_input import with_request_id
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from participants.storage.assessments import SqliteAssessments

DAY_SECONDS = 86_400


def assess(node: NodeOption, file: FileArgument = None, *, as_json: JsonOption = False) -> None:
    """Assess an application: {"identifiers": {...}, "purpose": "origination", "amount": 100000, "consent": {...}}."""
    with output(as_json=as_json) as shown:
        application = with_request_id(parse_application(read_question(file)))
        with LocalClient(NodeSettings(node)) as client:
            shown.note({"request_id": application.request_id}, "repeat with request_id")
            assessment = client.assess(application)
        shown.show(assessment.model_dump(mode="json"), *officer_screen(assessment))


def explain(
    node: NodeOption,
    request_id: Annotated[str, typer.Argument(help="The request id of an assessment, 32 hex digits.")],
    *,
    applicant: Annotated[bool, typer.Option("--applicant", help="What the applicant is told, and no more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an assessment that was made: attributes, reasons, versions, where its entry lies in the log."""
    with output(as_json=as_json) as shown, _assessments(NodeSettings(node)) as kept:
        found = kept.find(_request_id(request_id))
        if not found:
            raise CreditError(Code.RECORD_INVALID, "this node has no assessment of that request id")
        newest = found[-1]
        attempts: dict[str, CanonicalValue] = {"attempts": len(found)}
        if applicant:
            lines = applicant_screen(newest)
            shown.show({"text": [line.plain for line in lines]}, *lines)
        else:
            shown.show(newest.model_dump(mode="json") | attempts, *officer_screen(newest))


def shadow(
    node: NodeOption,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    *,
    as_json: JsonOption = False,
) -> None:
    """Compare hints with what was decided without them (`incumbent`), over the assessments made in shadow."""
    with output(as_json=as_json) as shown, _assessments(NodeSettings(node)) as kept:
        made = [one for one in kept.since(int(time.time()) - days * DAY_SECONDS) if one.shadow]
        table, value = _compared(made)
        shown.show(value, table)


@contextmanager
def _assessments(settings: NodeSettings) -> Iterator[SqliteAssessments]:
    secret = settings.own_keys().audit_secret
    with closing(SqliteAssessments(settings.path(settings.file.assessments), secret)) as kept:
        yield kept


def _request_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CreditError(Code.RECORD_INVALID, "a request id has 32 hex digits") from None


def _compared(made: list[Assessment]) -> tuple[Table, dict[str, CanonicalValue]]:
    """Give how often each decision met each hint."""
    counts = Counter((one.incumbent, one.decision) for one in made)
    table = Table(title=f"{len(made)} assessments in shadow", title_justify="left")
    table.add_column("decided without")
    for hint in HintWord:
        table.add_column(f"hint {hint}", justify="right")
    rows: dict[str, CanonicalValue] = {}
    for incumbent in (*HintWord, None):
        found: dict[str, CanonicalValue] = {hint.value: counts[incumbent, hint] for hint in HintWord}
        rows[incumbent or "unknown"] = found
        table.add_row(incumbent or "not said", *(f"{number:,}" for number in found.values()))
    same = sum(number for (incumbent, hint), number in counts.items() if incumbent == hint)
    return table, {"assessments": len(made), "same": same, "by_incumbent": rows}
