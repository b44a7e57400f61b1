"""`credit-regulator inspect`: demand what a contribution contained, follow the orders, examine what is shown."""

import json
import time
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.signed import body_of, parse_document
from consortium.supervision.bundle import open_bundle
from consortium.supervision.documents import (
    FilingKind,
    Finding,
    InspectionOrder,
    InspectionVerdict,
    KeyPurpose,
)
from consortium.wire.supervision import FiledDocument
from participants.cli.cases import as_date, every_filing
from participants.cli.output import JsonOption, Output, output
from participants.cli.regulator_serve import FolderOption
from participants.cli.regulator_verify import FingerprintOption, PolicyOption, trust_of
from participants.regulator.archive import Export, open_export
from participants.regulator.filing import FilingOffice, filing_office
from participants.regulator.inspections import (
    Examination,
    answered_entry,
    examine_bundle,
    find_inspected,
    sealed_digest,
)
from participants.regulator.settings import RegulatorSettings, open_by_any
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import Audit
from participants.regulator.verify import verify as verify_export
from participants.whole_files import write_new

ExportArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export with bodies.")]
OrderArgument = Annotated[int, typer.Argument(help="The index of the order's entry.")]
EntryOption = Annotated[int, typer.Option("--entry", help="The index of the answer's entry.")]
MemberOption = Annotated[str, typer.Option("--member", help="Whose contribution.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, without naming anybody; it stays in the log.")]
DisputeOption = Annotated[int | None, typer.Option("--dispute", help="The entry of a dispute about this answer.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=366, help="How many days the member has.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="A new folder for the evidence.")]
NoVerdictOption = Annotated[bool, typer.Option("--no-verdict", help="Examine, and file no verdict.")]
EXIT = {Finding.CONFIRMED: 0, Finding.REFUTED: 1, Finding.OVERDUE: 1, Finding.UNDECIDED: 2}
PLAIN, SEALED, VERDICT = "bundle.bin", "bundle.sealed", "verdict.json"
SECONDS_PER_DAY = 86_400

app = typer.Typer(help="Inspections: what a member's contribution to an answer contained.", no_args_is_help=True)


@app.command()
def order(
    folder: FolderOption,
    export: ExportArgument,
    entry: EntryOption,
    member: MemberOption,
    reason: ReasonOption,
    dispute: DisputeOption = None,
    days: DaysOption = 14,
    *,
    as_json: JsonOption = False,
) -> None:
    """Order a member to show what its contribution to one answer contained; the order is an entry of the log."""
    with output(as_json=as_json) as shown:
        settings, now = RegulatorSettings(folder), int(time.time())
        verified(export, trust_of(folder, None, None))
        with open_export(export) as opened, filing_office(settings) as office:
            answer = answered_entry(opened, entry)
            wanted = InspectionOrder(
                consortium=office.consortium,
                regulator=office.member,
                member=member,
                entry=entry,
                ctx=bytes.fromhex(answer["ctx"]),
                dispute=dispute,
                reason=reason,
                issued_at=now,
                due_at=now + days * SECONDS_PER_DAY,
            )
            index = office.file(FilingKind.ORDER, wanted)
        fields = {"order": str(index), "member": member, "entry": str(entry), "due": as_date(wanted.due_at)}
        shown.show_fields({**fields, "order": index, "entry": entry}, {**fields, "next": "credit-regulator inspect"})


@app.command()
def status(folder: FolderOption, *, as_json: JsonOption = False) -> None:
    """Say how every order stands: open, overdue, shown, or with its verdict."""
    with output(as_json=as_json) as shown:
        with filing_office(RegulatorSettings(folder)) as office:
            states = order_states(every_filing(office.client), int(time.time()))
        table = Table(title="Inspections", title_justify="left")
        for column in ("order", "member", "entry", "due", "state"):
            table.add_column(column)
        for one in states:
            table.add_row(*(str(one[name]) for name in ("order", "member", "entry", "due", "state")))
        shown.show({"orders": [*states]}, table)


@app.command()
def check(
    folder: FolderOption,
    export: ExportArgument,
    order: OrderArgument,
    out: OutOption = None,
    no_verdict: NoVerdictOption = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """
    Fetch what was shown to an order, examine it byte by byte, keep it as evidence, and file the verdict.

    The export must reach to the member's answer at least. Exit status 0: confirmed; 1: refuted, or overdue; 2: it
    cannot be decided, or is not due yet.
    """
    with output(as_json=as_json) as shown:
        settings = RegulatorSettings(folder)
        audit = verified(export, trust_of(folder, None, None))
        with open_export(export) as opened, filing_office(settings) as office:
            result = _check(opened, audit, order, office, out, file_it=not no_verdict)
        _show(shown, order, result)
    raise typer.Exit(EXIT[result.finding])


@app.command()
def examine(
    export: ExportArgument,
    order: OrderArgument,
    bundle: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=f"The evidence: {PLAIN}.")],
    folder: Annotated[Path | None, typer.Option("--folder", envvar="CREDIT_REGULATOR", help="A folder.")] = None,
    policy: PolicyOption = None,
    fingerprint: FingerprintOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Examine evidence again, offline and without any key; exits as `check`."""
    with output(as_json=as_json) as shown:
        audit = verified(export, trust_of(folder, policy, fingerprint))
        with open_export(export) as opened:
            inspected = find_inspected(opened, order)
            result = examine_bundle(opened, audit.rulebooks, inspected, bundle.read_bytes())
        _show(shown, order, result)
    raise typer.Exit(EXIT[result.finding])


def _check(
    export: Export, audit: Audit, index: int, office: FilingOffice, out: Path | None, *, file_it: bool
) -> Examination:
    inspected, sealed = find_inspected(export, index), office.client.fetch(index)
    if not sealed:
        result = _absent(inspected.order)
    elif inspected.shown is None:
        raise CreditError(Code.EXPORT_UNDECIDED, "make the export anew: it ends before the member's answer")
    else:
        result = _opened(export, audit, index, office, sealed, out)
    if file_it and (sealed or result.finding is Finding.OVERDUE):
        _file(office, inspected.order, index, result, sealed_digest(sealed) if sealed else None)
    return result


def _opened(
    export: Export, audit: Audit, index: int, office: FilingOffice, sealed: bytes, out: Path | None
) -> Examination:
    inspected = find_inspected(export, index)
    target = out or office.settings.path(Path("inspections")) / str(index)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_new(target / SEALED, sealed)
    if sealed_digest(sealed) != inspected.shown:
        raise CreditError(Code.EXPORT_INVALID, "the gateway gives other bytes than the log says were shown")
    office.log_key_use(KeyPurpose.INSPECTION, f"order {index}")
    try:
        keys = office.settings.audit_keys()
        plain = open_by_any(keys, lambda key: open_bundle(key, inspected.digest, sealed))
    except CreditError as error:
        return Examination(Finding.UNDECIDED, f"{error.code}: {error.cause}")
    write_new(target / PLAIN, plain)
    result = examine_bundle(export, audit.rulebooks, inspected, plain)
    said = {"order": index, "finding": result.finding.value, "cause": result.cause}
    write_new(target / VERDICT, json.dumps(said, indent=2).encode() + b"\n")
    return result


def _absent(wanted: InspectionOrder) -> Examination:
    if time.time() < wanted.due_at:
        return Examination(Finding.UNDECIDED, f"nothing was shown yet; due {as_date(wanted.due_at)}")
    return Examination(Finding.OVERDUE, f"nothing was shown; it was due {as_date(wanted.due_at)}")


def _file(office: FilingOffice, wanted: InspectionOrder, index: int, result: Examination, digest: bytes | None) -> None:
    verdict = InspectionVerdict(
        consortium=office.consortium,
        regulator=office.member,
        order=index,
        member=wanted.member,
        finding=result.finding,
        cause=result.cause,
        shown=digest,
        issued_at=int(time.time()),
    )
    office.file(FilingKind.VERDICT, verdict)


def verified(export: Path, trust: Trust) -> Audit:
    """Verify an export and give what was found; raises CreditError(EXPORT_INVALID) for one that fails."""
    audit = verify_export(export, trust)
    if audit.verdict.state is State.FAILED:
        raise CreditError(Code.EXPORT_INVALID, "see credit-regulator verify")
    return audit


def order_states(filings: list[FiledDocument], now: int) -> list[dict[str, CanonicalValue]]:
    """Give every order with its state, in the log's order."""
    states: dict[int, str] = {}
    for one in filings:
        if one.kind == "inspection-answered" and one.about is not None:
            states.setdefault(one.about, "shown")
        if one.kind == FilingKind.VERDICT and one.about is not None:
            states[one.about] = parse_document(InspectionVerdict, body_of(one.signed), Code.MALFORMED).finding.value
    found: list[dict[str, CanonicalValue]] = []
    for one in filings:
        if one.kind == FilingKind.ORDER:
            wanted = parse_document(InspectionOrder, body_of(one.signed), Code.MALFORMED)
            late = "overdue" if now >= wanted.due_at else "open"
            found.append(
                {
                    "order": one.entry,
                    "member": wanted.member,
                    "entry": wanted.entry,
                    "due": as_date(wanted.due_at),
                    "state": states.get(one.entry, late),
                }
            )
    return found


def _show(shown: Output, index: int, result: Examination) -> None:
    fields = {"order": str(index), "finding": result.finding.value, "cause": result.cause}
    shown.show_fields(cast("dict[str, CanonicalValue]", {**fields, "order": index}), fields)
