"""`credit-regulator access-report`: who asked about one person, with a proof for every line."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.supervision.documents import KeyPurpose
from consortium.transparency.proofs import LogProof
from participants.cli.output import JsonOption, output
from participants.cli.regulator_serve import FolderOption
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.access import Access, AccessSearch, search, tags_from_text
from participants.regulator.archive import open_export
from participants.regulator.filing import filing_office
from participants.regulator.serving import tls_of
from participants.regulator.settings import RegulatorSettings
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import verify as verify_export
from participants.whole_files import write_new

TagsOption = Annotated[Path, typer.Option("--tags", help="The person's tags, as `credit-participant tags` wrote them.")]
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export with bodies.")]
OutArgument = Annotated[Path, typer.Argument(help="A new folder for the report and its proofs.")]


def access_report(
    folder: FolderOption,
    file: FileArgument,
    out: OutArgument,
    tags: TagsOption,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """
    Write who asked about a person: `report.json`, and for each query its line and a `.tlog-proof`.

    The export is verified first, and the use of the audit key logged; the proofs come from the gateway and are
    verified, too.
    """
    with output(as_json=as_json) as shown:
        settings = RegulatorSettings(folder)
        wanted = tags_from_text(settings.read_private(tags.resolve()).decode("ascii", "replace"))
        _check(file, settings)
        with filing_office(settings) as office:
            office.log_key_use(KeyPurpose.ACCESS_REPORT, file.name[:200])
        with open_export(file) as export:
            found = search(export, settings.audit_keys(), wanted)
            note, size = export.checkpoint, export.proof.size
        out.mkdir(mode=0o700)
        asyncio.run(_prove(settings, out, found.found, note, size))
        lines = [_line(access) for access in found.found]
        report: dict[str, CanonicalValue] = {
            "queries": [*lines],
            "looked_at": found.looked_at,
            "erased": [*found.erased],
            "unreadable": [*found.unreadable],
            "lists": [*found.lists],
        }
        write_new(out / "report.json", json.dumps(report, indent=2).encode() + b"\n")
        shown.show(report, _table(found), _note(found))


def _check(file: Path, settings: RegulatorSettings) -> None:
    """Raise CreditError(EXPORT_INVALID) for an export that fails."""
    trust = Trust(settings.own_policy(), settings.file.rulebook.fingerprint.hex())
    verdict = verify_export(file, trust).verdict
    if verdict.state is State.FAILED:
        raise CreditError(Code.EXPORT_INVALID, "see credit-regulator verify")


async def _prove(settings: RegulatorSettings, out: Path, found: Sequence[Access], note: bytes, size: int) -> None:
    policy = settings.policy()
    async with TransparencyClient(settings.file.gateway.addresses[0], tls_of(settings)) as client:
        for access in found:
            proof = LogProof(access.index, await client.inclusion(access.index, size), note)
            proof.verify(access.line, policy)
            write_new(out / f"{access.index}.tlog-proof", proof.to_bytes())
            write_new(out / f"{access.index}.json", access.line)


def _line(access: Access) -> dict[str, CanonicalValue]:
    return {
        "entry": access.index,
        "asked_at": _moment(access.issued_at),
        "requester": access.requester,
        "purpose": access.purpose,
        "consent": access.consent,
        "outcome": access.outcome,
        "outcome_entry": access.outcome_index,
        "proof": f"{access.index}.tlog-proof",
    }


def _table(found: AccessSearch) -> Table:
    table = Table(title="Queries about this person", title_justify="left")
    for column in ("asked at", "requester", "purpose", "outcome", "entry"):
        table.add_column(column)
    for one in found.found:
        table.add_row(_moment(one.issued_at), one.requester, one.purpose, one.outcome, str(one.index))
    return table


def _note(found: AccessSearch) -> str:
    left = f"{found.looked_at:,} queries were looked at"
    if found.erased:
        left += f"; {len(found.erased):,} were erased and cannot be looked at"
    if found.unreadable:
        left += f"; {len(found.unreadable):,} envelopes do not open with this key"
    if found.lists:
        left += f"; {len(found.lists):,} lists are named by digest: their requesters have to show who is on them"
    return left


def _moment(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
