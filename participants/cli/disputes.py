"""`credit-participant dispute`: disputes of a lender, filed in the log, followed, withdrawn."""

import time

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
from participants.cli.filing_desk import filing_desk
from participants.cli.output import JsonOption, NodeOption, output

app = typer.Typer(help="Disputes: file, list, withdraw. The regulator decides them.", no_args_is_help=True)


@app.command("open")
def open_case(
    node: NodeOption,
    cause: CauseOption,
    text: TextOption,
    entry: EntryOption = None,
    about: AboutOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """File a dispute about an answer, a member, or both; every lender and the regulator can read it."""
    with output(as_json=as_json) as shown, filing_desk(node) as desk:
        case = Case(
            consortium=desk.consortium,
            member=desk.member,
            kind=CaseKind.DISPUTE,
            cause=cause,
            about=about,
            entry=entry,
            text=text,
            opened_at=int(time.time()),
        )
        index = desk.file(FilingKind.CASE, case)
        shown.show_fields({"case": index}, {"case": str(index), "next": "credit-participant dispute list"})


@app.command("list")
def list_cases(node: NodeOption, only_open: OpenOption = False, *, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """List the disputes of the consortium, and complaints about this lender, with their age."""
    with output(as_json=as_json) as shown, filing_desk(node) as desk:
        show_cases(shown, case_states(every_filing(desk.client), int(time.time())), open_only=only_open)


@app.command("withdraw")
def withdraw(node: NodeOption, case: CaseArgument, text: TextOption, *, as_json: JsonOption = False) -> None:
    """Withdraw a dispute of this lender's own."""
    with output(as_json=as_json) as shown, filing_desk(node) as desk:
        closed = CaseClosed(
            consortium=desk.consortium,
            member=desk.member,
            case=case,
            outcome=CaseOutcome.WITHDRAWN,
            text=text,
            closed_at=int(time.time()),
        )
        index = desk.file(FilingKind.CASE_CLOSED, closed)
        shown.show_fields({"entry": index}, {"entry": str(index)})
