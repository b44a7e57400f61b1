"""`credit-participant dispute`: disputes of a lender, filed in the log, followed, withdrawn."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import typer

from consortium.membership.signed import sign_document
from consortium.supervision.documents import FORMS, Case, CaseClosed, CaseKind, CaseOutcome, Filing, FilingKind
from participants.bootstrap import open_rulebook, open_tls, own_signer
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
from participants.cli.output import JsonOption, NodeOption, output
from participants.composition import gateway_addresses
from participants.gateway_client.supervision import SupervisionClient
from participants.settings import NodeSettings

app = typer.Typer(help="Disputes: file, list, withdraw. The regulator decides them.", no_args_is_help=True)


class _Desk:
    """A lender's way to file."""

    def __init__(self, settings: NodeSettings, client: SupervisionClient) -> None:
        rulebook = open_rulebook(settings, int(time.time()))
        self.member, self.client = settings.file.member, client
        self.consortium = rulebook.document.consortium
        self._signer = own_signer(settings, rulebook.active_member(self.member))

    def file(self, kind: FilingKind, filing: Filing) -> int:
        return self.client.file(kind, sign_document(self._signer, FORMS[kind][1], filing))


@contextmanager
def _desk(node: Path) -> Iterator[_Desk]:
    settings = NodeSettings(node)
    with closing(SupervisionClient(gateway_addresses(settings)[0], open_tls(settings))) as client:
        yield _Desk(settings, client)


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
    with output(as_json=as_json) as shown, _desk(node) as desk:
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
    with output(as_json=as_json) as shown, _desk(node) as desk:
        show_cases(shown, case_states(every_filing(desk.client), int(time.time())), open_only=only_open)


@app.command("withdraw")
def withdraw(node: NodeOption, case: CaseArgument, text: TextOption, *, as_json: JsonOption = False) -> None:
    """Withdraw a dispute of this lender's own."""
    with output(as_json=as_json) as shown, _desk(node) as desk:
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
