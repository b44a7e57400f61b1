"""`credit-regulator complaint` and `dispute`: complaints brought and decided, disputes of members decided."""

import time
from typing import Annotated

import typer

from consortium.supervision.documents import Case, CaseClosed, CaseKind, CaseOutcome, FilingKind
from participants.cases import case_states
from participants.cli.cases import (
    AboutOption,
    CaseArgument,
    CauseOption,
    EntryOption,
    OpenOption,
    TextOption,
    every_filing,
    show_cases,
)
from participants.cli.output import JsonOption, output
from participants.cli.regulator_serve import FolderOption
from participants.regulator.filing import filing_office
from participants.regulator.settings import RegulatorSettings

OutcomeOption = Annotated[CaseOutcome, typer.Option("--outcome", help="How it ends.")]

complaint = typer.Typer(help="Complaints: bring, list, close.", no_args_is_help=True)
dispute = typer.Typer(help="Disputes between members: list, close.", no_args_is_help=True)


@complaint.command("open")
def open_complaint(
    folder: FolderOption,
    cause: CauseOption,
    text: TextOption,
    entry: EntryOption = None,
    about: AboutOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring a complaint about an entry, a member, or both; the member can read it."""
    with output(as_json=as_json) as shown, filing_office(RegulatorSettings(folder)) as office:
        case = Case(
            consortium=office.consortium,
            member=office.member,
            kind=CaseKind.COMPLAINT,
            cause=cause,
            about=about,
            entry=entry,
            text=text,
            opened_at=int(time.time()),
        )
        index = office.file(FilingKind.CASE, case)
        shown.show_fields({"case": index}, {"case": str(index), "next": "credit-regulator complaint list"})


@complaint.command("list")
def list_complaints(folder: FolderOption, only_open: OpenOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List complaints with their age."""
    with output(as_json=as_json) as shown, filing_office(RegulatorSettings(folder)) as office:
        states = case_states(every_filing(office.client), int(time.time()), CaseKind.COMPLAINT)
        show_cases(shown, states, open_only=only_open)


@dispute.command("list")
def list_disputes(folder: FolderOption, only_open: OpenOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List disputes with their age."""
    with output(as_json=as_json) as shown, filing_office(RegulatorSettings(folder)) as office:
        states = case_states(every_filing(office.client), int(time.time()), CaseKind.DISPUTE)
        show_cases(shown, states, open_only=only_open)


def close(
    folder: FolderOption, case: CaseArgument, outcome: OutcomeOption, text: TextOption, *, as_json: JsonOption = False
) -> None:
    """Close a case; the outcome is an entry of the log."""
    with output(as_json=as_json) as shown, filing_office(RegulatorSettings(folder)) as office:
        closed = CaseClosed(
            consortium=office.consortium,
            member=office.member,
            case=case,
            outcome=outcome,
            text=text,
            closed_at=int(time.time()),
        )
        index = office.file(FilingKind.CASE_CLOSED, closed)
        shown.show_fields({"entry": index}, {"entry": str(index), "outcome": outcome.value})


complaint.command()(close)
dispute.command()(close)
