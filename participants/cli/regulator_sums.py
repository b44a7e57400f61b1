"""`credit-regulator sum-reports`: what requesters could not read, from the sealed part of their statements."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import CreditError
from consortium.supervision.documents import FilingKind, KeyPurpose, MemberStatement
from consortium.supervision.sums import Sealing, Unreadable, open_report
from consortium.transparency.kinds import parse_entry
from participants.cli.output import JsonOption, output
from participants.cli.regulator_inspect import verified
from participants.cli.regulator_serve import FolderOption
from participants.cli.regulator_verify import trust_of
from participants.regulator.archive import Export, open_export
from participants.regulator.filing import filing_office
from participants.regulator.settings import RegulatorSettings, open_by_any

ExportArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export.")]


def sum_reports(folder: FolderOption, export: ExportArgument, *, as_json: JsonOption = False) -> None:
    """List the answers that their requesters could not read; the use of the audit key is logged first."""
    with output(as_json=as_json) as shown:
        settings = RegulatorSettings(folder)
        verified(export, trust_of(folder, None, None))
        with filing_office(settings) as office:
            office.log_key_use(KeyPurpose.SUM_REPORTS, export.name[:200])
        with open_export(export) as opened:
            found, sealed = _reports(opened, settings.audit_keys())
        table = Table(title="Sums that could not be read", title_justify="left")
        for column in ("member", "entry", "cause"):
            table.add_column(column)
        for one in found:
            table.add_row(str(one["member"]), str(one["entry"]), str(one["cause"]))
        note = f"{sealed} statements do not open with this key" if sealed else ""
        shown.show({"unreadable": [*found], "not_opened": sealed}, table, note)


def _reports(export: Export, keys: Sequence[X25519PrivateKey]) -> tuple[list[dict[str, CanonicalValue]], int]:
    """Give what was reported, each with the entry of its admission where the export has it; and what does not open."""
    admissions: dict[str, int] = {}
    told: list[tuple[str, Unreadable]] = []
    closed = 0
    for entry in _entries(export):
        if entry["kind"] == "query-admitted":
            admissions[entry["query"]] = entry["index"]
        elif entry["kind"] == FilingKind.STATEMENT:
            statement = MemberStatement.model_validate(entry["document"])
            sealing = Sealing(statement.consortium, statement.member, statement.number)
            try:
                report = open_by_any(keys, partial(_opened, sealing, statement.report))
                told += ((statement.member, one) for one in report)
            except CreditError:
                closed += 1
    return [
        {"member": member, "entry": admissions.get(one.query.hex()), "query": one.query.hex(), "cause": one.code.value}
        for member, one in told
    ], closed


def _opened(sealing: Sealing, report: bytes, key: X25519PrivateKey) -> list[Unreadable]:
    return open_report(key, sealing, report)


def _entries(export: Export) -> Iterator[Mapping[str, Any]]:
    for line in export.lines():
        yield parse_entry(line)
